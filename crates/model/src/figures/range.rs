//! A stretch of time, cut into the steps that a chart shows.

use super::keeping::{LONGEST, TIERS, floor};
use super::{Figures, Traffic};

/// More points than this are more than a chart has pixels for.
pub const MOST_POINTS: u64 = 300;

/// Lengths of a step, in seconds. Each is a multiple of the finest tier whose figures are that old.
const STEPS: [u64; 12] = [10, 20, 60, 120, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400];

/// Why a range cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    #[error("it ends before it begins")]
    Backwards,
    #[error("it is longer than 31 days")]
    TooLong,
}

/// Whole steps, all in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub from: u64,
    /// The end of the last step.
    pub to: u64,
    pub step: u64,
    /// The last step may be passing at this moment.
    now: u64,
}

impl Range {
    /// The steps that cover `from` to `to`, as fine as figures of that age are kept and a chart can show.
    pub fn cover(from: u64, to: u64, now: u64) -> Result<Self, RangeError> {
        if from >= to {
            return Err(RangeError::Backwards);
        }
        if to - from > LONGEST {
            return Err(RangeError::TooLong);
        }
        let fits = |step: &u64| (to - from).div_ceil(*step) <= MOST_POINTS && *step >= finest(from, now);
        let longest = STEPS[STEPS.len() - 1];
        let step = STEPS.into_iter().find(fits).unwrap_or(longest);
        Ok(Self { from: floor(from, step), to: floor(to - 1, step) + step, step, now })
    }

    /// Where each step begins.
    pub fn times(&self) -> impl Iterator<Item = u64> + use<> {
        (self.from..self.to).step_by(usize::try_from(self.step).unwrap_or(usize::MAX))
    }

    /// Which step a moment is in.
    pub fn index(&self, at: u64) -> Option<usize> {
        let inside = (self.from..self.to).contains(&at);
        inside.then(|| usize::try_from((at - self.from) / self.step).ok()).flatten()
    }

    /// How much of a step has passed, in seconds, never 0: a rate is over that.
    pub fn passed(&self, start: u64) -> u64 {
        self.now.saturating_sub(start).clamp(1, self.step)
    }

    /// Adds points up, step by step. Points outside are left out.
    pub fn fold<'a>(&self, points: impl IntoIterator<Item = (u64, &'a Figures)>) -> Vec<Figures> {
        let mut steps = vec![Figures::default(); self.times().count()];
        for (at, figures) in points {
            if let Some(step) = self.index(at).and_then(|index| steps.get_mut(index)) {
                step.add(figures);
            }
        }
        steps
    }
}

/// The finest step that figures of such an age are still kept in.
fn finest(from: u64, now: u64) -> u64 {
    let age = now.saturating_sub(from);
    TIERS.iter().find(|tier| age <= tier.kept).map_or(TIERS[2].step, |tier| tier.step)
}

/// All steps of one service, or of all services, together.
pub fn total(steps: &[Figures], service: Option<&str>) -> Traffic {
    let mut sum = Traffic::default();
    steps.iter().for_each(|step| sum.add(&step.traffic_of(service)));
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::counts::any::figures;
    use super::*;

    const NOW: u64 = 1_772_366_400;

    #[test]
    fn each_range_has_its_step() {
        for (length, step) in [
            (900, 10),
            (3600, 20),
            (7200, 60),
            (3 * 3600, 60),
            (6 * 3600, 120),
            (12 * 3600, 300),
            (24 * 3600, 300),
            (48 * 3600, 900),
            (7 * 86_400, 3600),
            (30 * 86_400, 14_400),
            (31 * 86_400, 14_400),
        ] {
            let range = Range::cover(NOW - length, NOW, NOW).unwrap();
            assert_eq!(range.step, step, "{length} s");
            assert_eq!((range.from % step, range.to % step), (0, 0));
        }
        // A short stretch of long ago is as coarse as it is kept.
        assert_eq!(Range::cover(NOW - 86_400, NOW - 85_500, NOW).unwrap().step, 60);
        assert_eq!(Range::cover(NOW - 20 * 86_400, NOW - 20 * 86_400 + 900, NOW).unwrap().step, 900);
        assert_eq!(Range::cover(NOW, NOW, NOW), Err(RangeError::Backwards));
        assert_eq!(Range::cover(NOW - 32 * 86_400, NOW, NOW), Err(RangeError::TooLong));
    }

    #[test]
    fn a_rate_is_over_what_has_passed_of_a_step() {
        let range = Range::cover(NOW - 3595, NOW + 5, NOW + 5).unwrap();
        assert_eq!(range.to, NOW + 20);
        assert_eq!((range.passed(NOW - 20), range.passed(NOW), range.passed(NOW + 5)), (20, 5, 1));
    }

    proptest! {
        #[test]
        fn a_range_is_covered_by_few_steps_and_folding_loses_nothing_of_it(
            from in NOW - 40 * 86_400..NOW, length in 1_u64..31 * 86_400,
            points in proptest::collection::vec((0.0_f64..1.0, figures()), 0..8),
        ) {
            let range = Range::cover(from, from + length, NOW).unwrap();
            prop_assert!(range.from <= from && range.to >= from + length);
            let times: Vec<u64> = range.times().collect();
            prop_assert!(times.len() as u64 <= MOST_POINTS + 1, "{} points", times.len());
            let points: Vec<(u64, Figures)> =
                points.into_iter().map(|(part, it)| (from + (part * length as f64) as u64, it)).collect();
            let steps = range.fold(points.iter().map(|(at, figures)| (*at, figures)));
            prop_assert_eq!(steps.len(), times.len());
            let mut expected = Figures::default();
            points.iter().for_each(|(_, figures)| expected.add(figures));
            let mut sum = Figures::default();
            steps.iter().for_each(|figures| sum.add(figures));
            prop_assert_eq!(&sum, &expected);
            prop_assert_eq!(total(&steps, None), expected.traffic_of(None));
        }
    }
}
