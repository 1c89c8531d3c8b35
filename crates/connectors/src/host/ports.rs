//! Which ports listen.

use super::{HostError, Machine};
use crate::Finding;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most sockets of one table that are looked at.
const SOCKETS_MAX: usize = 100_000;
/// The most processes whose open files are looked at for the owner of a port.
const PROCESSES_MAX: usize = 5_000;
/// The most open files of one process.
const FILES_MAX: usize = 4_096;
/// The kernel's tables (proc_pid_net(5)) and the state in which a socket of each listens.
const TABLES: [(&str, &str, &str); 4] = [
    ("tcp", "/proc/net/tcp", "0A"),
    ("tcp", "/proc/net/tcp6", "0A"),
    ("udp", "/proc/net/udp", "07"),
    ("udp", "/proc/net/udp6", "07"),
];

struct Port {
    protocol: &'static str,
    address: IpAddr,
    port: u16,
    user: u64,
    inode: u64,
}

impl Machine {
    /// The listening ports, with what can be reached from elsewhere first.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the kernel's table of TCP sockets cannot be read.
    pub fn ports(&self) -> Result<Finding, HostError> {
        let mut ports = Vec::new();
        for (protocol, path, listening) in TABLES {
            let table = match self.table(path) {
                Ok(table) => table,
                Err(error) if path == "/proc/net/tcp" => return Err(error),
                Err(_no_such_protocol) => continue,
            };
            ports.extend(
                table.lines().skip(1).take(SOCKETS_MAX).filter_map(|line| port(protocol, listening, line)),
            );
        }
        ports.sort_by_key(|port| (reach(port.address) == "this machine", port.port, port.protocol));
        ports.dedup_by_key(|port| (port.protocol, port.address, port.port));
        let owners = self.owners();
        let mut text = if ports.is_empty() { "No port listens.\n".to_string() } else { String::new() };
        for port in &ports {
            let owner = owners
                .get(&port.inode)
                .map_or_else(String::new, |name| format!("  {}", tools::visible(name)));
            let _ = writeln!(
                text,
                "{}/{}  {}  reachable from {}{owner}",
                port.protocol,
                port.port,
                port.address,
                reach(port.address),
            );
        }
        let fields: Vec<_> = ports
            .iter()
            .map(|port| {
                json!({
                    "protocol": port.protocol, "address": port.address.to_string(), "port": port.port,
                    "reach": reach(port.address), "user": port.user, "process": owners.get(&port.inode),
                })
            })
            .collect();
        Ok(Finding { fields: json!({"ports": fields}), text })
    }

    /// The names of processes by the sockets they hold, as far as this user may see.
    fn owners(&self) -> BTreeMap<u64, String> {
        let mut owners = BTreeMap::new();
        let Ok(entries) = std::fs::read_dir(self.path("/proc")) else { return owners };
        let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u64>().ok());
        for id in ids.take(PROCESSES_MAX) {
            let Ok(files) = std::fs::read_dir(self.path(&format!("/proc/{id}/fd"))) else { continue };
            let links = files.take(FILES_MAX).filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
            let sockets: Vec<u64> = links
                .filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
                .collect();
            if sockets.is_empty() {
                continue;
            }
            let name = self.table_if_there(&format!("/proc/{id}/comm")).unwrap_or_default();
            owners.extend(sockets.into_iter().map(|socket| (socket, name.trim().to_string())));
        }
        owners
    }
}

fn port(protocol: &'static str, listening: &str, line: &str) -> Option<Port> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if *words.get(3)? != listening {
        return None;
    }
    let (address, port) = words.get(1)?.split_once(':')?;
    Some(Port {
        protocol,
        address: ip(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        user: words.get(7)?.parse().ok()?,
        inode: words.get(9)?.parse().ok()?,
    })
}

/// Four bytes in the machine's order, or four times four.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let end = at.checked_add(8)?;
        u32::from_str_radix(hex.get(at..end)?, 16).ok().map(u32::to_ne_bytes)
    };
    if hex.len() == 8 {
        return word(0).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    }
    let mut bytes = [0; 16];
    for (place, part) in bytes.chunks_exact_mut(4).enumerate() {
        part.copy_from_slice(&word(place.checked_mul(8)?)?);
    }
    let address = Ipv6Addr::from(bytes);
    Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
}

fn reach(address: IpAddr) -> &'static str {
    let local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_private(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_unique_local(),
    };
    if address.is_loopback() {
        "this machine"
    } else if address.is_unspecified() {
        "everywhere"
    } else if local {
        "the local network"
    } else {
        "the internet"
    }
}
