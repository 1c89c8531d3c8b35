//! How full the file systems are.

use super::{HostError, Machine};
use crate::Finding;
use crate::finding::bytes_in_words;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// File systems that are no disks.
const NOT_DISKS: [&str; 25] = [
    "proc",
    "sysfs",
    "devpts",
    "devtmpfs",
    "cgroup",
    "cgroup2",
    "securityfs",
    "pstore",
    "bpf",
    "tracefs",
    "debugfs",
    "configfs",
    "fusectl",
    "mqueue",
    "hugetlbfs",
    "autofs",
    "binfmt_misc",
    "rpc_pipefs",
    "nsfs",
    "ramfs",
    "squashfs",
    "overlay",
    "tmpfs",
    "efivarfs",
    "selinuxfs",
];
/// The most mounts that are looked at.
const MOUNTS_MAX: usize = 1_000;

struct Disk {
    mount: String,
    device: String,
    kind: String,
    total: u64,
    used: u64,
    free: u64,
    percent: u64,
    inodes_percent: u64,
}

impl Machine {
    /// How full each file system is, the fullest first.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the table of mounts cannot be read.
    pub fn disk(&self) -> Result<Finding, HostError> {
        let mounts = self.table("/proc/self/mounts")?;
        let mut seen = BTreeSet::new();
        let mut disks = Vec::new();
        for line in mounts.lines().take(MOUNTS_MAX) {
            let mut words = line.split(' ').map(unescaped);
            let (Some(device), Some(mount), Some(kind)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            // The root is shown whatever it is: in a container it is an overlay.
            let wanted = mount == "/" || !NOT_DISKS.contains(&kind.as_str());
            if wanted && seen.insert(if mount == "/" { mount.clone() } else { device.clone() }) {
                disks.extend(self.measure(device, mount, kind));
            }
        }
        disks.sort_by(|one, other| other.percent.cmp(&one.percent).then_with(|| one.mount.cmp(&other.mount)));
        let mut text = String::new();
        for disk in &disks {
            let _ = writeln!(
                text,
                "{:>3} % full  {}  {} free of {}  ({}, {})",
                disk.percent,
                tools::visible(&disk.mount),
                bytes_in_words(disk.free),
                bytes_in_words(disk.total),
                tools::visible(&disk.device),
                tools::visible(&disk.kind),
            );
            if disk.inodes_percent > 90 {
                let _ =
                    writeln!(text, "           and {} % of its files' places are taken", disk.inodes_percent);
            }
        }
        let fields: Vec<_> = disks
            .iter()
            .map(|disk| {
                json!({
                    "mount": disk.mount, "device": disk.device, "kind": disk.kind, "bytes_total": disk.total,
                    "bytes_used": disk.used, "bytes_free": disk.free, "percent_used": disk.percent,
                    "inodes_percent_used": disk.inodes_percent,
                })
            })
            .collect();
        Ok(Finding { fields: json!({"disks": fields}), text })
    }

    fn measure(&self, device: String, mount: String, kind: String) -> Option<Disk> {
        let stat = rustix::fs::statvfs(self.path(&mount)).ok()?;
        let total = stat.f_blocks.saturating_mul(stat.f_frsize);
        if total == 0 {
            return None;
        }
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let used = stat.f_blocks.saturating_sub(stat.f_bfree).saturating_mul(stat.f_frsize);
        let percent = percent(used, used.saturating_add(free));
        let inodes_percent = percent_of_inodes(stat.f_files, stat.f_ffree);
        Some(Disk { mount, device, kind, total, used, free, percent, inodes_percent })
    }
}

/// As `df` has it: of what users may fill, rounded up.
fn percent(used: u64, all: u64) -> u64 {
    used.saturating_mul(100)
        .checked_add(all.saturating_sub(1))
        .and_then(|sum| sum.checked_div(all))
        .unwrap_or(0)
}

fn percent_of_inodes(all: u64, free: u64) -> u64 {
    percent(all.saturating_sub(free), all)
}

/// White space in `/proc/self/mounts` is written `\040` (getmntent(3)).
fn unescaped(word: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(word.to_string(), |word, (from, to)| word.replace(from, to))
}
