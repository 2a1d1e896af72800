//! What a container that was found means for an attempt.

use pierhead_engine::state::State;

/// The container of an attempt, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// It never ran, or is half removed.
    Unstarted,
    Running,
    Ended,
}

impl Found {
    pub(super) const fn of(state: Option<&State>) -> Self {
        match state {
            None => Self::Nothing,
            Some(State::Created | State::Dead) => Self::Unstarted,
            Some(State::Running { .. } | State::Paused { .. }) => Self::Running,
            Some(State::Exited(_)) => Self::Ended,
        }
    }
}

/// What to do about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Begin,
    /// Remove what there is first.
    BeginAnew,
    Watch,
    /// Read its result. One that is not `trusted` counts only when it is a success: a plugin that was not told everything
    /// cannot succeed, but every other end may come from that.
    Judge {
        trusted: bool,
    },
}

/// `handed`: it is noted that the container got its whole input.
pub(super) const fn next(found: Found, handed: bool) -> Next {
    match (found, handed) {
        (Found::Nothing, _) => Next::Begin,
        (Found::Unstarted, _) => Next::BeginAnew,
        // Nobody will hand over the rest: the connection to its input ended with the agent.
        (Found::Running, false) => Next::BeginAnew,
        (Found::Running, true) => Next::Watch,
        (Found::Ended, trusted) => Next::Judge { trusted },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_may_have_had_half_its_input_is_trusted() {
        for (found, handed, expected) in [
            (Found::Nothing, false, Next::Begin),
            (Found::Nothing, true, Next::Begin),
            (Found::Unstarted, false, Next::BeginAnew),
            (Found::Running, false, Next::BeginAnew),
            (Found::Running, true, Next::Watch),
            (Found::Ended, false, Next::Judge { trusted: false }),
            (Found::Ended, true, Next::Judge { trusted: true }),
        ] {
            assert_eq!(next(found, handed), expected, "{found:?} {handed}");
        }
    }
}
