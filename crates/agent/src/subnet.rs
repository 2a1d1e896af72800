//! Subnets for the networks of deployments.
//!
//! The engine's own pools run out after about thirty networks, so each network gets an explicit small subnet from a
//! configured range. What is free is read from what exists, never from a list of our own that could be wrong. Two
//! allocations at the same time may choose the same one; the engine then refuses one of them, which tries the next.

use ipnet::Ipv4Net;

/// Size of a deployment's network: 16 addresses, of which the network, the gateway and the broadcast are taken.
pub(crate) const PREFIX: u8 = 28;

/// The first subnet of the pool, counted from `start` and around, that overlaps with nothing that is taken.
pub(crate) fn first_free(pool: Ipv4Net, taken: &[Ipv4Net], start: usize) -> Option<Ipv4Net> {
    let count = 1_usize << PREFIX.checked_sub(pool.prefix_len())?;
    let base = u32::from(pool.network());
    let size = 1_u32 << (32 - PREFIX);
    (0..count).find_map(|step| {
        let index = u32::try_from((start + step) % count).ok()?;
        let subnet = Ipv4Net::new((base + index * size).into(), PREFIX).ok()?;
        let overlaps = |other: &Ipv4Net| other.contains(&subnet) || subnet.contains(other);
        (!taken.iter().any(overlaps)).then_some(subnet)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn skips_what_is_taken_whatever_its_size() {
        let pool = net("10.211.0.0/16");
        assert_eq!(first_free(pool, &[], 0), Some(net("10.211.0.0/28")));
        assert_eq!(first_free(pool, &[net("10.211.0.0/24")], 0), Some(net("10.211.1.0/28")));
        assert_eq!(first_free(pool, &[net("10.211.0.8/29")], 0), Some(net("10.211.0.16/28")));
        assert_eq!(first_free(pool, &[net("10.0.0.0/8")], 0), None);
        assert_eq!(first_free(pool, &[], 4095), Some(net("10.211.255.240/28")));
        assert_eq!(first_free(pool, &[net("10.211.255.240/28")], 4095), Some(net("10.211.0.0/28")));
        assert_eq!(first_free(net("10.0.0.0/30"), &[], 0), None, "a pool smaller than a subnet holds none");
    }

    proptest! {
        #[test]
        fn fills_the_pool_without_overlap(starts in proptest::collection::vec(0_usize..5000, 16)) {
            let pool = net("10.9.8.0/24");
            let mut taken = Vec::new();
            for start in starts {
                let subnet = first_free(pool, &taken, start).unwrap();
                prop_assert!(pool.contains(&subnet));
                prop_assert!(!taken.contains(&subnet));
                taken.push(subnet);
            }
            prop_assert_eq!(first_free(pool, &taken, 0), None);
        }
    }
}
