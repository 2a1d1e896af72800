//! Durations, moments and sizes as people say them.

use std::time::Duration;

use jiff::Timestamp;

/// `0.8 s`, `46 s`, `1 m 30 s`, `2 h 5 m`, `3 d 4 h`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => two(seconds, (60, "m"), (1, "s")),
        3600..86_400 => two(seconds, (3600, "h"), (60, "m")),
        _ => two(seconds, (86_400, "d"), (3600, "h")),
    }
}

fn two(seconds: u64, large: (u64, &str), small: (u64, &str)) -> String {
    let rest = seconds % large.0 / small.0;
    let head = format!("{} {}", seconds / large.0, large.1);
    if rest == 0 { head } else { format!("{head} {rest} {}", small.1) }
}

/// For logs and scripts: `46.0s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}

/// The time from one moment to another; nothing when clocks disagree.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// `3 m ago`.
pub(crate) fn ago(moment: Timestamp, now: Timestamp) -> String {
    let seconds = between(moment, now).as_secs();
    let text = match seconds {
        0..10 => return "just now".to_owned(),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} m", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    };
    format!("{text} ago")
}

/// `90s`, `5m`, `1h30m`, `2d`; what people write after `--timeout` and `--since`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is not a duration: write for example 90s, 5m or 1h30m"))
}

/// A moment as RFC 3339, or as a duration before now.
pub(crate) fn parse_moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let refused = || format!("`{text}` is not a time: write for example 10m, 2h or 2026-11-20T10:00:00Z");
    let before = parse_duration(text).map_err(|_| refused())?;
    now.checked_sub(before).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_say_them() {
        for (milliseconds, text) in [
            (0, "0.0 s"),
            (820, "0.8 s"),
            (9_940, "9.9 s"),
            (46_200, "46 s"),
            (60_000, "1 m"),
            (90_000, "1 m 30 s"),
            (7_500_000, "2 h 5 m"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn moments_are_relative_or_absolute() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        assert_eq!(parse_moment("10m", now).unwrap().to_string(), "2026-11-20T11:50:00Z");
        assert_eq!(parse_moment("2026-11-20T10:00:00Z", now).unwrap().to_string(), "2026-11-20T10:00:00Z");
        assert!(parse_moment("yesterday", now).is_err());
        assert_eq!(ago("2026-11-20T11:57:00Z".parse().unwrap(), now), "3 m ago");
        assert_eq!(ago("2026-11-20T12:00:05Z".parse().unwrap(), now), "just now");
    }
}
