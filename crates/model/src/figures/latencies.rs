//! How long things took, counted in buckets that are the same everywhere: so histograms of many places and times add up.
//!
//! Each doubling of time has [`PARTS`] buckets of the same width, from [`SHORTEST`] to two minutes. A bucket is found with two
//! shifts, and any quantile is told within a sixteenth of its true value.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Buckets in each doubling.
const PARTS: usize = 8;
const PARTS_BITS: u32 = PARTS.trailing_zeros();
/// The power of two, in microseconds, that the first bucket begins with: 64 µs. What is shorter counts as that.
const FIRST: u32 = 6;
/// The power of two that nothing begins with any more: 134 s. What is longer counts as the last bucket.
const END: u32 = 27;
/// How many buckets there are.
pub const BUCKETS: usize = (END - FIRST) as usize * PARTS;
/// The shortest time that is told from a shorter one, in microseconds.
pub const SHORTEST: u64 = 1 << FIRST;

/// The bucket of a time in microseconds.
pub const fn bucket_of(micros: u64) -> usize {
    if micros < SHORTEST {
        return 0;
    }
    let power = u64::BITS - 1 - micros.leading_zeros();
    if power >= END {
        return BUCKETS - 1;
    }
    let part = (micros >> (power - PARTS_BITS)) as usize & (PARTS - 1);
    (power - FIRST) as usize * PARTS + part
}

/// Where a bucket begins, in microseconds; where it ends is where the next one begins.
pub const fn start_of(bucket: usize) -> u64 {
    let (power, part) = (FIRST as usize + bucket / PARTS, bucket % PARTS);
    (1 << power) + ((part as u64) << (power - PARTS_BITS as usize))
}

/// Times, by how long they took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latencies {
    /// Empty, or one number for each bucket up to the highest that has any.
    counts: Vec<u64>,
}

impl Latencies {
    /// The same out of one number for each bucket.
    pub fn of_counts(counts: impl IntoIterator<Item = u64>) -> Self {
        let mut counts: Vec<u64> = counts.into_iter().take(BUCKETS).collect();
        while counts.last() == Some(&0) {
            counts.pop();
        }
        Self { counts }
    }

    /// One more took so many microseconds.
    pub fn record(&mut self, micros: u64) {
        self.count(bucket_of(micros), 1);
    }

    fn count(&mut self, bucket: usize, more: u64) {
        if more == 0 {
            return;
        }
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(more);
        }
    }

    /// Adds what was counted elsewhere, or at another time.
    pub fn add(&mut self, other: &Self) {
        for (bucket, count) in other.counts.iter().enumerate() {
            self.count(bucket, *count);
        }
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub const fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// What that part of all (0 to 1) took at the most, in microseconds; `None` without any.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = ((part.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total);
        let mut seen = 0_u64;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= rank {
                let (start, end) = (start_of(bucket) as f64, start_of(bucket + 1) as f64);
                // Equally far from both ends, as a ratio.
                return Some((start * end).sqrt());
            }
        }
        None
    }
}

/// As a flat list of pairs: how many buckets are skipped, and how many times fell into the next one.
impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs = Vec::new();
        let mut skipped = 0_u64;
        for count in &self.counts {
            if *count == 0 {
                skipped += 1;
            } else {
                pairs.extend([skipped, *count]);
                skipped = 0;
            }
        }
        pairs.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<u64>::deserialize(deserializer)?;
        let mut latencies = Self::default();
        let mut next = 0_usize;
        for pair in pairs.chunks(2) {
            let [skipped, count] = *pair else {
                return Err(de::Error::invalid_length(pairs.len(), &"an even number of figures"));
            };
            let bucket = usize::try_from(skipped).ok().and_then(|skipped| next.checked_add(skipped));
            let bucket = bucket.filter(|bucket| *bucket < BUCKETS);
            let bucket = bucket.ok_or_else(|| de::Error::custom("there are not so many buckets"))?;
            latencies.count(bucket, count);
            next = bucket + 1;
        }
        Ok(latencies)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(times: &[u64]) -> Latencies {
        let mut latencies = Latencies::default();
        times.iter().for_each(|micros| latencies.record(*micros));
        latencies
    }

    #[test]
    fn each_time_has_its_bucket() {
        for (micros, bucket) in [
            (0, 0),
            (63, 0),
            (64, 0),
            (71, 0),
            (72, 1),
            (127, 7),
            (128, 8),
            (143, 8),
            (144, 9),
            (1000, 31),
            (1023, 31),
            (1024, 32),
            ((1 << 27) - 1, BUCKETS - 1),
            (1 << 27, BUCKETS - 1),
            (u64::MAX, BUCKETS - 1),
        ] {
            assert_eq!(bucket_of(micros), bucket, "{micros} µs");
        }
        for bucket in 0..BUCKETS {
            assert_eq!(bucket_of(start_of(bucket)), bucket);
            assert_eq!(bucket_of(start_of(bucket + 1) - 1), bucket);
        }
    }

    #[test]
    fn nothing_has_no_quantile_and_one_is_all_of_them() {
        assert_eq!(Latencies::default().quantile(0.5), None);
        let one = of(&[1000]);
        for part in [0.0, 0.5, 0.99, 1.0] {
            let told = one.quantile(part).unwrap();
            assert!((940.0..=1060.0).contains(&told), "{told}");
        }
        let text = serde_json::to_string(&of(&[64, 64, 1000])).unwrap();
        assert_eq!(text, "[0,2,30,1]");
        for wrong in ["[1]", "[9000,1]", "[18446744073709551615,1,5,1]", "[0,-1]"] {
            serde_json::from_str::<Latencies>(wrong).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn a_quantile_is_told_within_a_sixteenth(
            mut times in proptest::collection::vec(SHORTEST..120_000_000, 1..200),
            part in 0.01_f64..1.0,
        ) {
            let told = of(&times).quantile(part).unwrap();
            times.sort_unstable();
            let rank = ((part * times.len() as f64).ceil() as usize).clamp(1, times.len());
            let truly = times[rank - 1] as f64;
            prop_assert!((told / truly - 1.0).abs() <= 1.0 / 16.0, "{told} instead of {truly}");
        }

        #[test]
        fn adding_is_counting_all_together(
            one in proptest::collection::vec(any::<u64>(), 0..50),
            other in proptest::collection::vec(any::<u64>(), 0..50),
        ) {
            let mut sum = of(&one);
            sum.add(&of(&other));
            let together: Vec<u64> = one.iter().chain(&other).copied().collect();
            prop_assert_eq!(&sum, &of(&together));
            prop_assert_eq!(sum.total(), together.len() as u64);
            let text = serde_json::to_string(&sum).unwrap();
            prop_assert_eq!(serde_json::from_str::<Latencies>(&text).unwrap(), sum);
        }
    }
}
