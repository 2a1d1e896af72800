//! Newest first, as far as names tell.
//!
//! The protocol has no dates for tags, so this is the order when the registry does not tell more (see [`crate::tags`]):
//!
//! 1. `latest`.
//! 2. Versions, the highest first, numbers compared as numbers: `16`, `16.4`, `16.4.1`, `16.3`, `15`. A shorter one floats over
//!    the longer ones below it, so it comes first. A leading `v` does not matter; a date such as `20260301` is a high number.
//!    Of one version: the plain tag, then its variants by name (`1.2-alpine`), then what came before it, the latest first
//!    (`1.2-rc.2`, `1.2-rc.1`, `1.2-beta`). That is SemVer's order, except that a suffix makes a pre-release only if it says
//!    so: for images, most suffixes are variants.
//! 3. Everything else by name, numbers in it downwards: `build-10`, `build-9`, `main`. Commit hashes are here.
//!
//! The order is total, so a list has one order whatever order it came in.

use std::cmp::{Ordering, Reverse};

use crate::reference::Tag;

/// Words that mark a suffix as older than the version it belongs to.
const BEFORE_RELEASE: [&str; 12] = [
    "alpha", "beta", "rc", "pre", "preview", "dev", "snapshot", "nightly", "canary", "next", "edge",
    "insiders",
];

/// Sorts tags, newest first.
pub fn newest_first(tags: &mut [Tag]) {
    tags.sort_by_cached_key(|tag| (key(tag.as_str()), tag.clone()));
}

/// How two tags are ordered: `Less` comes first.
pub fn compare(a: &Tag, b: &Tag) -> Ordering {
    (key(a.as_str()), a).cmp(&(key(b.as_str()), b))
}

/// Smaller keys come first; the order of the variants is part of the rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Latest,
    Version { numbers: Vec<Reverse<Number>>, suffix: Suffix },
    Name(Vec<Part>),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    None,
    Variant(Vec<Part>),
    BeforeRelease(Reverse<Vec<NaturalPart>>),
}

/// Any number of digits, without leading zeros: longer is larger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Number(usize, String);

/// Text upwards, numbers downwards.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text(String),
    Number(Reverse<Number>),
}

/// Text and numbers both upwards.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NaturalPart {
    Text(String),
    Number(Number),
}

impl Number {
    fn new(digits: &str) -> Self {
        let digits = digits.trim_start_matches('0');
        Self(digits.len(), digits.to_owned())
    }
}

fn key(tag: &str) -> Key {
    if tag == "latest" {
        return Key::Latest;
    }
    let name = || Key::Name(parts(tag));
    if is_hash(tag) {
        return name();
    }
    let unprefixed = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let mut numbers = Vec::new();
    let mut rest = unprefixed;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if end == 0 {
            break;
        }
        numbers.push(Reverse(Number::new(&rest[..end])));
        rest = &rest[end..];
        match rest.strip_prefix('.') {
            Some(after) if after.starts_with(|c: char| c.is_ascii_digit()) => rest = after,
            _ => break,
        }
    }
    if numbers.is_empty() { name() } else { Key::Version { numbers, suffix: suffix(rest) } }
}

fn suffix(rest: &str) -> Suffix {
    let lower = rest.to_ascii_lowercase();
    // Python's way: 3.15.0a1, 3.15.0b2.
    let attached =
        lower.strip_prefix(['a', 'b']).is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    let mut words = lower.split(|c: char| !c.is_ascii_alphabetic());
    if attached || words.any(|word| BEFORE_RELEASE.contains(&word)) {
        let natural = parts(&lower).into_iter().map(|part| match part {
            Part::Text(text) => NaturalPart::Text(text),
            Part::Number(Reverse(number)) => NaturalPart::Number(number),
        });
        return Suffix::BeforeRelease(Reverse(natural.collect()));
    }
    if rest.is_empty() { Suffix::None } else { Suffix::Variant(parts(rest)) }
}

/// A commit's hash, whole or shortened: it may begin with a digit and is no version for that.
fn is_hash(tag: &str) -> bool {
    tag.len() >= 7
        && tag.bytes().all(|byte| byte.is_ascii_hexdigit())
        && tag.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn parts(text: &str) -> Vec<Part> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        found.push(if digits {
            Part::Number(Reverse(Number::new(part)))
        } else {
            Part::Text(part.to_owned())
        });
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(names: &[&str]) -> Vec<String> {
        let mut tags: Vec<Tag> = names.iter().map(|name| name.parse().unwrap()).collect();
        tags.reverse();
        newest_first(&mut tags);
        tags.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_as_people_expect_them() {
        for expected in [
            &["latest", "16", "16.4", "16.4.1", "16.3", "15", "9"][..],
            &["v1.10.0", "v1.9.0", "v1.2.0"],
            &["1.2.0", "1.2.0-alpine", "1.2.0-slim", "1.2.0-rc.10", "1.2.0-rc.2", "1.2.0-beta", "1.1.9"],
            &["3.15.0", "3.15.0rc1", "3.15.0b2", "3.15.0a7", "3.14.1"],
            &["2.0-alpine3.20", "2.0-alpine3.9", "2.0-bookworm", "2.0-nightly"],
            &["20260301", "20260228", "17"],
            &["2026-03-02", "2026-03-01", "2026-02-28"],
            &["1", "build-10", "build-9", "deadbeef", "main", "0badc0de"],
            &["99999999999999999999999999999999999999999999999999", "18446744073709551616"],
            &["1.0", "1.0.0", "1.0.0_1"],
        ] {
            assert_eq!(sorted(expected), expected);
        }
    }

    fn tag() -> impl Strategy<Value = Tag> {
        prop_oneof![
            "[a-c0-2][a-c0-2.v_-]{0,6}",
            "v?[0-9]{1,2}(\\.[0-9]{1,2}){0,2}(-(rc|alpine|beta)\\.?[0-9]?)?"
        ]
        .prop_map(|text| text.parse().unwrap())
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in tag(), b in tag(), c in tag()) {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &b) == Ordering::Equal, a == b);
            if compare(&a, &b).is_lt() && compare(&b, &c).is_lt() {
                prop_assert!(compare(&a, &c).is_lt());
            }
        }

        #[test]
        fn numbers_are_compared_as_numbers(a: u64, b: u64) {
            let of = |number: u64| number.to_string().parse::<Tag>().unwrap();
            prop_assert_eq!(compare(&of(a), &of(b)), b.cmp(&a));
        }
    }
}
