//! Results: a table to read, a line of JSON for each round.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use crate::case::Case;
use crate::load::Figures;

/// One server in one round of one case.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) case: &'a str,
    pub(crate) round: usize,
    pub(crate) server: &'a str,
    pub(crate) requests_per_second: f64,
    pub(crate) cpu_microseconds_per_request: f64,
    pub(crate) p99_milliseconds: f64,
    pub(crate) errors: u64,
}

/// The smallest, the middle and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread(f64, f64, f64);

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self(at(0), at(values.len() / 2), at(values.len().saturating_sub(1)))
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:.2} / {:.2} / {:.2}", self.0, self.1, self.2)
    }
}

pub(crate) fn heading(out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "Ratios to a peer, minimum / median / maximum of the rounds; above 1 the ingress is better.\n"
    )?;
    writeln!(
        out,
        "{:<20} {:<9} {:>20} {:>20} {:>20} {:>10} {:>7}",
        "case", "peer", "requests per second", "CPU per request", "p99", "requests/s", "errors"
    )?;
    Ok(())
}

/// `ours` and `theirs` hold one entry for each round.
pub(crate) fn row(
    out: &mut impl Write,
    case: &Case,
    peer: &str,
    ours: &[Figures],
    theirs: &[Figures],
) -> Result<()> {
    let ratio = |of: fn(&Figures, &Figures) -> f64| {
        Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| of(ours, theirs)))
    };
    let rate = Spread::of(ours.iter().map(|figures| figures.per_second)).1;
    let errors: u64 = ours.iter().map(|figures| figures.errors).sum();
    writeln!(
        out,
        "{:<20} {:<9} {:>20} {:>20} {:>20} {:>10.0} {:>7}",
        case.name,
        peer,
        ratio(|ours, theirs| ours.per_second / theirs.per_second).to_string(),
        ratio(|ours, theirs| theirs.cpu / ours.cpu).to_string(),
        ratio(|ours, theirs| theirs.p99 / ours.p99).to_string(),
        rate,
        errors
    )?;
    Ok(())
}

/// How many milliseconds each change took until a visitor saw it.
pub(crate) fn changes(out: &mut impl Write, milliseconds: &[f64]) -> Result<()> {
    let spread = Spread::of(milliseconds.iter().copied());
    let count = milliseconds.len();
    writeln!(out, "\n{count} changes under load, seen after {spread} ms (minimum / median / maximum)")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_sorted() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0].into_iter()), Spread(1.0, 2.0, 3.0));
        assert_eq!(Spread::of([1.0].into_iter()).to_string(), "1.00 / 1.00 / 1.00");
    }
}
