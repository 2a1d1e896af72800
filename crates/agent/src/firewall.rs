//! What containers cannot reach: this machine, its neighbours, the cloud's metadata.
//!
//! Everything a stranger's code can address beyond its own network is decided here, in two chains of the packet filter that
//! cover the whole range deployments get their networks from: one for packets that are forwarded (from Docker's own hook,
//! `DOCKER-USER`), one for packets to this machine. Networks of other deployments are kept apart by Docker itself.
//!
//! The rules outlive the agent, as the containers do, and are put back when somebody flushed them. Containers have no IPv6.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Seconds to wait for another program that holds the packet filter.
const WAIT: &str = "10";
const LIMIT: Duration = Duration::from_secs(30);

/// Addresses that are nobody's business in the public internet: private, shared, link-local (the metadata services), loopback,
/// reserved.
const NOT_PUBLIC: [&str; 8] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
];

/// Why the rules are not in force.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FirewallError {
    #[error("`{program}` cannot be run: install iptables, and run the agent as root")]
    NotRun { program: &'static str, source: std::io::Error },
    #[error("`{program}` refused: {reason}")]
    Refused { program: &'static str, reason: String },
    #[error("`{program}` did not end within {} s", LIMIT.as_secs())]
    TooLong { program: &'static str },
}

/// The rules of one range of networks.
#[derive(Debug, Clone)]
pub(crate) struct Firewall {
    pool: Ipv4Net,
    /// Let through although they are not public.
    allowed: Vec<Ipv4Net>,
    /// Name servers of this machine: containers ask them by themselves.
    name_servers: Vec<Ipv4Addr>,
}

impl Firewall {
    pub(crate) fn new(pool: Ipv4Net, allowed: &[IpNet], name_servers: Vec<Ipv4Addr>) -> Self {
        let v4 = |range: &IpNet| match range {
            IpNet::V4(range) => Some(*range),
            IpNet::V6(_) => None,
        };
        Self { pool, allowed: allowed.iter().filter_map(v4).collect(), name_servers }
    }

    /// Puts the rules in force; doing it again changes nothing.
    pub(crate) async fn apply(&self) -> Result<(), FirewallError> {
        run("iptables-restore", &["--wait", WAIT, "--noflush"], Some(&self.rules())).await?;
        for (from, to) in [("DOCKER-USER", self.forward()), ("INPUT", self.input())] {
            let pool = self.pool.to_string();
            let jump = ["--source", &pool, "--jump", &to];
            let found =
                run("iptables", &[&["--wait", WAIT, "--check", from], &jump[..]].concat(), None).await;
            if found.is_err() {
                run("iptables", &[&["--wait", WAIT, "--insert", from, "1"], &jump[..]].concat(), None)
                    .await?;
            }
        }
        Ok(())
    }

    fn forward(&self) -> String {
        format!("PH-FWD-{}", self.pool.network())
    }

    fn input(&self) -> String {
        format!("PH-IN-{}", self.pool.network())
    }

    /// Both chains whole, in one transaction. To name a chain is to empty it.
    fn rules(&self) -> String {
        let (forward, input) = (self.forward(), self.input());
        let mut rules = format!("*filter\n:{forward} - [0:0]\n:{input} - [0:0]\n");
        for chain in [&forward, &input] {
            rules += &format!("-A {chain} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN\n");
            for server in &self.name_servers {
                for protocol in ["udp", "tcp"] {
                    rules += &format!("-A {chain} -d {server} -p {protocol} --dport 53 -j RETURN\n");
                }
            }
            for range in &self.allowed {
                rules += &format!("-A {chain} -d {range} -j RETURN\n");
            }
        }
        // Within one network nothing is forwarded, unless bridges are filtered too; between two, Docker drops it.
        rules += &format!("-A {forward} -d {} -j RETURN\n", self.pool);
        for range in NOT_PUBLIC {
            rules += &format!("-A {forward} -d {range} -j REJECT --reject-with icmp-admin-prohibited\n");
        }
        rules += &format!("-A {input} -j REJECT --reject-with icmp-admin-prohibited\nCOMMIT\n");
        rules
    }
}

/// The name servers that this machine asks, as far as a container could reach them.
pub(crate) fn name_servers(resolv_conf: &str) -> Vec<Ipv4Addr> {
    let address = |line: &str| line.trim().strip_prefix("nameserver")?.trim().parse::<Ipv4Addr>().ok();
    resolv_conf.lines().filter_map(address).filter(|address| !address.is_loopback()).collect()
}

async fn run(program: &'static str, arguments: &[&str], input: Option<&str>) -> Result<(), FirewallError> {
    let not_run = |source| FirewallError::NotRun { program, source };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(not_run)?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(text.as_bytes()).await.map_err(not_run)?;
    }
    let ended = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    let output = ended.map_err(|_| FirewallError::TooLong { program })?.map_err(not_run)?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().chars().take(500).collect();
    Err(FirewallError::Refused { program, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_rules_is_what_counts() {
        let allowed = ["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let firewall =
            Firewall::new("10.211.0.0/16".parse().unwrap(), &allowed, vec![Ipv4Addr::new(10, 0, 0, 2)]);
        let rules = firewall.rules();
        let forward: Vec<_> =
            rules.lines().filter(|line| line.starts_with("-A PH-FWD-10.211.0.0 ")).collect();
        let place = |text: &str| forward.iter().position(|line| line.contains(text)).expect(text);
        assert!(place("ESTABLISHED") < place("-d 10.0.0.2 -p udp"));
        assert!(
            place("-d 10.0.0.2 -p tcp") < place("-d 10.0.0.0/8"),
            "the name server lies in a private range"
        );
        assert!(place("-d 127.0.0.0/8 -j RETURN") < place("-d 127.0.0.0/8 -j REJECT"));
        assert!(place("-d 10.211.0.0/16 -j RETURN") < place("-d 10.0.0.0/8"));
        assert!(forward.iter().any(|line| line.contains("169.254.0.0/16 -j REJECT")));
        let input: Vec<_> = rules.lines().filter(|line| line.starts_with("-A PH-IN-10.211.0.0 ")).collect();
        assert_eq!(
            input.last().unwrap(),
            &"-A PH-IN-10.211.0.0 -j REJECT --reject-with icmp-admin-prohibited"
        );
        assert!(!rules.contains("fd00"));
        assert!(
            firewall.forward().len() < 29 && "PH-FWD-255.255.255.255".len() < 29,
            "the kernel's limit for names"
        );
    }

    #[test]
    fn name_servers_that_containers_ask() {
        let text = "# resolv\nsearch x\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver fe80::1\nnameserver  1.1.1.1\n";
        assert_eq!(name_servers(text), [Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(1, 1, 1, 1)]);
    }
}
