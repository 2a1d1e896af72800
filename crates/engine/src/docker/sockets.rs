//! The listening TCP sockets of a process's network namespace, from `/proc/<pid>/net/tcp` and `tcp6`.
//!
//! Addresses are there as hexadecimal 32-bit words in the host's byte order, ports in plain hexadecimal.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

/// The kernel's number of the state LISTEN.
const LISTEN: &str = "0A";

pub(super) fn listening(proc: &Path, pid: u32) -> io::Result<Vec<SocketAddr>> {
    let net = proc.join(pid.to_string()).join("net");
    let mut found = parse(&fs_err::read_to_string(net.join("tcp"))?);
    match fs_err::read_to_string(net.join("tcp6")) {
        Ok(text) => found.extend(parse(&text)),
        // A host without IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn parse(table: &str) -> Vec<SocketAddr> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let (local, state) = (words.next()?, words.nth(1)?);
            if state != LISTEN {
                return None;
            }
            let (address, port) = local.split_once(':')?;
            Some(SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?))
        })
        .collect()
}

fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index * 8)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn only_listening_sockets_of_both_families() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let net = dir.path().join("7/net");
        fs_err::create_dir_all(&net).expect("directory");
        let tcp = "  sl  local_address rem_address   st tx_queue\n   \
                   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n   \
                   1: 020011AC:9C40 030011AC:0050 01 00000000:00000000\n   \
                   2: 00000000:0050 00000000:0000 0A 00000000:00000000\n";
        fs_err::write(net.join("tcp"), tcp).expect("file");
        let expect = |texts: &[&str]| texts.iter().map(|t| t.parse().expect("address")).collect::<Vec<_>>();
        assert_eq!(listening(dir.path(), 7).expect("read"), expect(&["0.0.0.0:80", "127.0.0.1:8080"]));
        let tcp6 = "  sl  local_address remote_address st\n   \
                    0: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A x\n   \
                    1: 00000000000000000000000001000000:0BB9 00000000000000000000000000000000:0000 0A x\n";
        fs_err::write(net.join("tcp6"), tcp6).expect("file");
        let all = expect(&["0.0.0.0:80", "127.0.0.1:8080", "[::]:3000", "[::1]:3001"]);
        assert_eq!(listening(dir.path(), 7).expect("read"), all);
    }
}
