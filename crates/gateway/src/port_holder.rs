//! Who listens on a port that is taken, as far as this user may see it (`proc_net_tcp(5)`, `proc_pid_fd(5)`).

use std::fs;
use std::path::Path;

/// The state of a listening socket in `/proc/net/tcp` (`TCP_LISTEN`).
const LISTENING: &str = "0A";
/// How many processes are looked at: the usual `pid_max`.
const PROCESSES_MAX: usize = 32_768;
/// How many descriptors of one process are looked at.
const DESCRIPTORS_MAX: usize = 4_096;

/// The program that listens on `port`: `node (pid 4711)`.
pub(crate) fn holder(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .take(PROCESSES_MAX)
        .find(|entry| holds(&entry.path(), &inodes))
        .map(|entry| {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            let name: String = name.trim().chars().filter(|c| !c.is_control()).collect();
            format!("{name} (pid {})", entry.file_name().to_string_lossy())
        })
}

fn holds(process: &Path, inodes: &[String]) -> bool {
    fs::read_dir(process.join("fd")).is_ok_and(|descriptors| {
        descriptors
            .flatten()
            .take(DESCRIPTORS_MAX)
            .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
            .any(|link| inodes.iter().any(|inode| link.as_os_str() == inode.as_str()))
    })
}

fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let ending = format!(":{port:04X}");
    table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let local = words.nth(1)?;
            let state = words.nth(1)?;
            let inode = words.nth(5)?;
            (local.ends_with(&ending) && state == LISTENING).then(|| inode.to_string())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = holder(port).unwrap();
        assert!(found.ends_with(&format!("(pid {})", std::process::id())), "{found}");
        drop(listener);
        assert_eq!(holder(port), None);
    }

    #[test]
    fn a_table_that_is_not_one_names_nobody() {
        for table in ["", "\n\n", "a b c", "0: 0100007F:4965 00000000:0000", "sl local_address"] {
            assert_eq!(listening_inodes(table, 18789), Vec::<String>::new(), "{table:?}");
        }
        let line = "   1: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0";
        assert_eq!(listening_inodes(line, 18789), ["4242"]);
    }
}
