//! Scale to zero: how deeply a service sleeps, and when.
//!
//! What should be follows from one number, how long nobody needed the service: a request makes that number zero, which is all
//! that waking up is. First its processes are stopped in place, from where they go on within milliseconds; later they are ended,
//! which gives their memory back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest time in place before the processes are ended.
const LONGEST_FROZEN: Duration = Duration::from_secs(300);

/// How deeply a service sleeps.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Rest {
    #[default]
    Awake,
    /// Its processes are stopped in place. They are reached as ever, and answer once they are thawed.
    Frozen,
    /// Its processes have ended; the container is kept, and is started by the next request.
    Stopped,
}

/// A depth that was ordered, and the number of the order: a node that reports the number has done it, or a later one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestOrder {
    pub rest: Rest,
    pub number: u64,
}

impl RestOrder {
    /// What holds for a service that was never told to sleep.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How deeply a service should sleep that nobody needed for `idle`. `sleep_after` zero is never.
pub fn rest_after(idle: Duration, sleep_after: Duration) -> Rest {
    if sleep_after.is_zero() || idle < sleep_after {
        Rest::Awake
    } else if idle < stopped_after(sleep_after) {
        Rest::Frozen
    } else {
        Rest::Stopped
    }
}

/// When the depth changes next, should nobody need it until then. `None` when it will not.
pub fn changes_in(idle: Duration, sleep_after: Duration) -> Option<Duration> {
    let moments = [sleep_after, stopped_after(sleep_after)];
    let next = moments.into_iter().find(|moment| *moment > idle);
    next.filter(|_| !sleep_after.is_zero()).map(|moment| moment - idle)
}

/// The idle time that a depth stands for at the least: where counting goes on when the beginning is not known.
pub fn idle_of(rest: Rest, sleep_after: Duration) -> Duration {
    match rest {
        Rest::Awake => Duration::ZERO,
        Rest::Frozen => sleep_after,
        Rest::Stopped => stopped_after(sleep_after),
    }
}

fn stopped_after(sleep_after: Duration) -> Duration {
    sleep_after + sleep_after.min(LONGEST_FROZEN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::IntoEnumIterator as _;

    use super::*;

    #[test]
    fn a_quarter_of_an_hour_then_frozen_then_stopped() {
        let after = Duration::from_secs(900);
        for (idle_s, rest) in [
            (0, Rest::Awake),
            (899, Rest::Awake),
            (900, Rest::Frozen),
            (1199, Rest::Frozen),
            (1200, Rest::Stopped),
        ] {
            assert_eq!(rest_after(Duration::from_secs(idle_s), after), rest, "{idle_s}");
        }
        assert_eq!(rest_after(Duration::MAX, Duration::ZERO), Rest::Awake, "never");
        assert_eq!(changes_in(Duration::ZERO, Duration::ZERO), None);
    }

    proptest! {
        #[test]
        fn only_gets_deeper_and_changes_when_it_says_so(idle in 0_u64..5000, after in 1_u64..2000) {
            let (idle, after) = (Duration::from_secs(idle), Duration::from_secs(after));
            let rest = rest_after(idle, after);
            match changes_in(idle, after) {
                None => prop_assert_eq!(rest, Rest::Stopped),
                Some(wait) => {
                    prop_assert!(wait > Duration::ZERO);
                    prop_assert_eq!(rest_after(idle + wait - Duration::from_nanos(1), after), rest);
                    prop_assert!(rest_after(idle + wait, after) > rest);
                }
            }
        }

        #[test]
        fn counting_goes_on_where_a_depth_begins(after in 1_u64..2000) {
            let after = Duration::from_secs(after);
            for rest in Rest::iter() {
                prop_assert_eq!(rest_after(idle_of(rest, after), after), rest);
            }
        }
    }
}
