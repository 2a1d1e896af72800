//! Figures over time: what visitors were answered, and what services and machines used.
//!
//! - [`latencies`]: how long things took, in buckets that add up.
//! - [`counts`]: everything that is counted and measured, and how it adds up.
//! - [`keeping`]: for how long, and how coarse with age.
//! - [`range`]: the steps of a chart.

pub mod counts;
pub mod keeping;
pub mod latencies;
pub mod range;

pub use counts::{Figures, MachineFigures, Traffic, Usage, Wakes};
pub use latencies::Latencies;
pub use range::Range;
