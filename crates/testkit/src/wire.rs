//! A network between two programs of this machine that a test can cut.
//!
//! A network namespace with two cables to this machine, that forwards and translates addresses: whoever connects to
//! [`Wire::far`] reaches the same port of this machine from the other side. When it is cut, packets vanish, as they do when a
//! cable is pulled somewhere in between: nobody is told.
//!
//! Needs root. Namespaces that a killed run left are removed by the next one.

use crate::namespace::{self, run};

/// Dropping it removes it.
#[derive(Debug)]
pub struct Wire {
    namespace: String,
    far: String,
}

/// So that what a killed run left is known.
const PREFIX: &str = "phw-";

impl Wire {
    pub fn lay() -> Self {
        namespace::sweep(PREFIX);
        let id: u16 = rand::random();
        let namespace = namespace::name(PREFIX, id);
        // The range that is set aside for testing networks (RFC 2544).
        let (third, fourth) = (id >> 5, (id & 31) * 8);
        let address = |last: u16| format!("198.{}.{}.{}", 18 + (third >> 8 & 1), third & 255, fourth + last);
        let (near, far, back, home) = (address(1), address(2), address(6), address(5));
        let (one, other) = (format!("pa{id:04x}"), format!("pb{id:04x}"));
        let inside = format!("ip netns exec {namespace}");
        for command in [
            format!("ip netns add {namespace}"),
            format!("ip link add {one} type veth peer name a netns {namespace}"),
            format!("ip link add {other} type veth peer name b netns {namespace}"),
            format!("ip address add {near}/30 dev {one}"),
            format!("ip address add {home}/30 dev {other}"),
            format!("ip link set dev {one} up"),
            format!("ip link set dev {other} up"),
            format!("ip -n {namespace} address add {far}/30 dev a"),
            format!("ip -n {namespace} address add {back}/30 dev b"),
            format!("ip -n {namespace} link set dev a up"),
            format!("ip -n {namespace} link set dev b up"),
            format!("{inside} sysctl --quiet --write net.ipv4.ip_forward=1"),
            format!(
                "{inside} iptables --table nat --append PREROUTING --in-interface a --protocol tcp --jump DNAT --to-destination {home}"
            ),
            format!("{inside} iptables --table nat --append POSTROUTING --out-interface b --jump MASQUERADE"),
        ] {
            run(&command);
        }
        Self { namespace, far }
    }

    /// The other end: its ports are those of this machine.
    pub fn far(&self) -> &str {
        &self.far
    }

    /// From now on packets vanish.
    pub fn cut(&self) {
        run(&format!("ip netns exec {} iptables --insert FORWARD --jump DROP", self.namespace));
    }

    pub fn heal(&self) {
        run(&format!("ip netns exec {} iptables --flush FORWARD", self.namespace));
    }

    /// From now on so many of a hundred packets vanish.
    pub fn lose(&self, percent: u8) {
        run(&format!(
            "ip netns exec {} iptables --insert FORWARD --match statistic --mode random --probability 0.{percent:02} --jump DROP",
            self.namespace
        ));
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        namespace::remove(&self.namespace);
    }
}
