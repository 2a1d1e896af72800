//! How long figures are kept, and how coarse they become with age.
//!
//! Each stretch of time is in exactly one tier: what has been rolled up is gone from the finer one. So a sum over any range is
//! the sum over all rows there are, whatever their tiers.

use std::collections::BTreeMap;

use super::Figures;

/// How the figures of an age are kept. All in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// One point for each.
    pub step: u64,
    /// So much time lies together in one row.
    pub row: u64,
    /// After that they go into the next tier, or away.
    pub kept: u64,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// From the finest to the coarsest.
pub const TIERS: [Tier; 3] = [
    Tier { step: 10, row: 10, kept: 2 * HOUR },
    Tier { step: MINUTE, row: HOUR, kept: 2 * DAY },
    Tier { step: 15 * MINUTE, row: DAY, kept: 31 * DAY },
];

/// The finest: what is written first.
pub const FINEST: Tier = TIERS[0];

/// The longest range that anything is kept for.
pub const LONGEST: u64 = TIERS[2].kept;

/// Where the stretch begins that a moment is in.
pub const fn floor(at: u64, step: u64) -> u64 {
    at - at % step
}

/// What is due at a moment: rows of a tier that begin before `before` go into the next tier, or away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub from: Tier,
    /// `None`: they go away.
    pub into: Option<Tier>,
    pub before: u64,
}

/// For each tier, the coarsest first: what has just been rolled up is never looked at again in the same round.
pub fn due(now: u64) -> Vec<Due> {
    let of = |(index, from): (usize, Tier)| {
        let into = TIERS.get(index + 1).copied();
        // Whole rows of the next tier, so that one is written once and not again with each minute.
        let before = floor(now.saturating_sub(from.kept), into.map_or(from.row, |into| into.row));
        Due { from, into, before }
    };
    TIERS.into_iter().enumerate().rev().map(of).collect()
}

/// Points by their time, as the rows of a coarser tier: by where each row begins, and in it by where each point does.
pub fn roll_up<'a>(
    points: impl IntoIterator<Item = (u64, &'a Figures)>,
    into: Tier,
) -> BTreeMap<u64, BTreeMap<u64, Figures>> {
    let mut rows: BTreeMap<u64, BTreeMap<u64, Figures>> = BTreeMap::new();
    for (at, figures) in points {
        let row = rows.entry(floor(at, into.row)).or_default();
        row.entry(floor(at, into.step)).or_default().add(figures);
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::counts::any::figures;
    use super::*;

    #[test]
    fn tiers_fit_into_each_other() {
        for tier in TIERS {
            assert_eq!(tier.row % tier.step, 0);
            assert_eq!(tier.kept % tier.row, 0);
        }
        for pair in TIERS.windows(2) {
            assert_eq!(pair[1].step % pair[0].step, 0);
            assert_eq!(pair[1].row % pair[0].row, 0);
            assert!(pair[1].kept > pair[0].kept);
        }
    }

    #[test]
    fn what_is_old_enough_goes_on_in_whole_rows() {
        let now = 100 * DAY + 5 * HOUR + 17 * MINUTE + 3;
        let [coarse, middle, fine] = *due(now).as_slice() else { panic!("three tiers") };
        assert_eq!((coarse.into, coarse.before), (None, 69 * DAY));
        assert_eq!((middle.into, middle.before), (Some(TIERS[2]), 98 * DAY));
        assert_eq!((fine.into, fine.before), (Some(TIERS[1]), 100 * DAY + 3 * HOUR));
        assert!(due(0).iter().all(|due| due.before == 0));
    }

    proptest! {
        #[test]
        fn rolling_up_loses_nothing_and_moves_nothing_out_of_its_step(
            points in proptest::collection::vec((0_u64..3 * DAY, figures()), 0..12), tier in 1_usize..3,
        ) {
            let into = TIERS[tier];
            let rows = roll_up(points.iter().map(|(at, figures)| (*at, figures)), into);
            let (mut before, mut after) = (Figures::default(), Figures::default());
            points.iter().for_each(|(_, figures)| before.add(figures));
            for (row, inside) in &rows {
                prop_assert_eq!(row % into.row, 0);
                for (at, figures) in inside {
                    prop_assert!(at % into.step == 0 && floor(*at, into.row) == *row);
                    let mut expected = Figures::default();
                    points.iter().filter(|(it, _)| floor(*it, into.step) == *at).for_each(|(_, it)| expected.add(it));
                    prop_assert_eq!(figures, &expected);
                    after.add(figures);
                }
            }
            prop_assert_eq!(before, after);
        }
    }
}
