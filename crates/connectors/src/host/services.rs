//! The services of this machine, as systemd's own folders tell: nothing is started to ask.

use super::{HostError, Machine};
use crate::Finding;
use crate::finding::bytes_in_words;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The most units that are looked at.
const UNITS_MAX: usize = 5_000;
/// Where control groups of services stand, v2 and v1.
const GROUPS: [&str; 2] = ["/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/systemd/system.slice"];
/// Where services that start with the machine are linked to.
const ENABLED: [&str; 2] =
    ["/etc/systemd/system/multi-user.target.wants", "/etc/systemd/system/default.target.wants"];

#[derive(Default)]
struct Service {
    processes: u64,
    bytes: Option<u64>,
    enabled: bool,
}

impl Machine {
    /// The services that run, and those that should.
    ///
    /// # Errors
    ///
    /// Never as things are; a machine without systemd is told so.
    pub fn services(&self) -> Result<Finding, HostError> {
        let manager = if self.path("/run/systemd/system").is_dir() { "systemd" } else { "none" };
        let mut services: BTreeMap<String, Service> = BTreeMap::new();
        for folder in GROUPS {
            for unit in self.units(folder) {
                let group = format!("{folder}/{unit}");
                let processes = self
                    .table_if_there(&format!("{group}/cgroup.procs"))
                    .map_or(0, |table| table.lines().count());
                let bytes = self.table_if_there(&format!("{group}/memory.current"));
                let service = services.entry(unit).or_default();
                service.processes = service.processes.max(u64::try_from(processes).unwrap_or(u64::MAX));
                service.bytes = bytes.and_then(|bytes| bytes.trim().parse().ok()).or(service.bytes);
            }
        }
        for unit in ENABLED.into_iter().flat_map(|folder| self.units(folder)) {
            services.entry(unit).or_default().enabled = true;
        }
        Ok(finding(manager, &services))
    }

    fn units(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(folder)) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.ends_with(".service")).take(UNITS_MAX).collect()
    }
}

fn finding(manager: &str, services: &BTreeMap<String, Service>) -> Finding {
    let state = |service: &Service| if service.processes > 0 { "runs" } else { "does not run" };
    let mut text = if services.is_empty() {
        "No services can be seen: this machine is not run by systemd, or is a container.\n".to_string()
    } else {
        String::new()
    };
    for (unit, service) in services {
        let memory = service.bytes.map_or_else(String::new, |bytes| format!(", {}", bytes_in_words(bytes)));
        let start = if service.enabled { ", starts with the machine" } else { "" };
        let _ = writeln!(
            text,
            "{}: {} ({} processes{memory}){start}",
            tools::visible(unit),
            state(service),
            service.processes
        );
    }
    let fields: Vec<_> = services
        .iter()
        .map(|(unit, service)| {
            json!({
                "unit": unit, "state": state(service), "processes": service.processes, "bytes": service.bytes,
                "enabled": service.enabled,
            })
        })
        .collect();
    Finding { fields: json!({"services": fields, "manager": manager}), text }
}
