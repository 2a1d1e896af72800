//! `Range`: one range of bytes (RFC 9110, section 14). Several, or anything that is not understood, get the whole file.

use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    Part(Range<u64>),
    /// The range begins behind the end.
    Unsatisfiable,
}

pub(super) fn parse(header: &str, size: u64) -> Wanted {
    let Some(spec) = header.trim().strip_prefix("bytes=").map(str::trim) else { return Wanted::Whole };
    let Some((first, last)) = spec.split_once('-') else { return Wanted::Whole };
    let number = |text: &str| {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            // More digits than fit mean more bytes than there are.
            .then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (number(first.trim()), number(last.trim())) {
        (Some(first), Some(last)) if first <= last => part(first, last.saturating_add(1), size),
        (Some(first), None) if last.trim().is_empty() => part(first, size, size),
        (None, Some(length)) if first.trim().is_empty() => {
            if length == 0 {
                return Wanted::Unsatisfiable;
            }
            part(size.saturating_sub(length), size, size)
        }
        _ => Wanted::Whole,
    }
}

fn part(start: u64, end: u64, size: u64) -> Wanted {
    if start >= size { Wanted::Unsatisfiable } else { Wanted::Part(start..end.min(size)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges() {
        for (header, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-4", Wanted::Part(2..5)),
            ("bytes=5-", Wanted::Part(5..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=0-999999999999999999999999", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=4-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(parse(header, 10), expected, "{header}");
        }
        assert_eq!(parse("bytes=0-", 0), Wanted::Unsatisfiable);
    }

    proptest! {
        #[test]
        fn a_part_lies_within(header in "bytes=[0-9]{0,21}-[0-9]{0,21}", size: u64) {
            if let Wanted::Part(range) = parse(&header, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
