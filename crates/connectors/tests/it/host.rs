//! Facts of this very machine, and of made-up ones.

use connectors::host::{By, HostError, Machine};
use std::fs;
use std::path::Path;

#[test]
fn this_machine_can_be_looked_at() {
    let machine = Machine::here();
    let disk = machine.disk().unwrap();
    let root = disk.fields["disks"].as_array().unwrap().iter().find(|disk| disk["mount"] == "/").unwrap();
    assert!(root["bytes_total"].as_u64().unwrap() > 0 && root["percent_used"].as_u64().unwrap() <= 100);
    let load = machine.load().unwrap();
    assert!(load.fields["processors"].as_u64().unwrap() >= 1);
    assert!(load.fields["memory"]["bytes_total"].as_u64() > load.fields["memory"]["bytes_used"].as_u64());
    let me = u64::from(std::process::id());
    let processes = machine.processes(By::Memory, 200).unwrap();
    let total = processes.fields["total"].as_u64().unwrap();
    assert!(total >= 1 && processes.fields["processes"].as_array().unwrap().len() <= 200);
    let by_time = machine.processes(By::Time, 50_000).unwrap();
    assert!(by_time.fields["processes"].as_array().unwrap().iter().any(|process| process["id"] == me));
    assert!(machine.services().unwrap().fields["manager"].is_string());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a port to be found")]
fn a_listening_port_is_found_with_its_process() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ports = Machine::here().ports().unwrap();
    let mine = ports.fields["ports"].as_array().unwrap().iter().find(|entry| entry["port"] == port).unwrap();
    assert_eq!(
        (&mine["address"], &mine["reach"], &mine["protocol"]),
        (&"127.0.0.1".into(), &"this machine".into(), &"tcp".into())
    );
    assert!(mine["process"].is_string(), "{mine}");
    drop(listener);
}

fn put(root: &Path, path: &str, text: &str) {
    let full = root.join(path);
    fs::create_dir_all(full.parent().unwrap()).unwrap();
    fs::write(full, text).unwrap();
}

#[test]
fn services_are_told_from_their_control_groups() {
    let root = tempfile::tempdir().unwrap();
    let group = "sys/fs/cgroup/system.slice/nginx.service";
    put(root.path(), &format!("{group}/cgroup.procs"), "10\n11\n");
    put(root.path(), &format!("{group}/memory.current"), "1048576\n");
    put(root.path(), "etc/systemd/system/multi-user.target.wants/ssh.service", "");
    fs::create_dir_all(root.path().join("run/systemd/system")).unwrap();
    let found = Machine::at(root.path()).services().unwrap();
    assert_eq!(found.fields["manager"], "systemd");
    assert_eq!(
        found.text,
        "nginx.service: runs (2 processes, 1.0 MiB)\nssh.service: does not run (0 processes), starts with the machine\n"
    );
}

#[test]
fn logs_are_found_by_file_folder_and_service() {
    let root = tempfile::tempdir().unwrap();
    put(
        root.path(),
        "var/log/syslog",
        "May 26 17:00:00 host sshd[12]: one\nMay 26 17:00:01 host cron[3]: two\nMay 26 17:00:02 host sshd[12]: three\x1b[2J\n",
    );
    put(root.path(), "var/log/nginx/error.log", "bad gateway\n");
    put(root.path(), "var/log/syslog.1", "old\n");
    std::os::unix::fs::symlink("/etc/passwd", root.path().join("var/log/passwd")).unwrap();
    let machine = Machine::at(root.path());
    let logs =
        |unit: Option<&str>, lines| machine.logs(unit, lines).map(|found| found.fields["lines"].clone());
    assert_eq!(logs(None, 1).unwrap(), serde_json::json!(["May 26 17:00:02 host sshd[12]: three\x1b[2J"]));
    assert_eq!(logs(Some("nginx"), 5).unwrap(), serde_json::json!(["bad gateway"]));
    assert_eq!(logs(Some("/var/log/nginx/error.log"), 5).unwrap(), serde_json::json!(["bad gateway"]));
    assert_eq!(logs(Some("sshd.service"), 5).unwrap().as_array().unwrap().len(), 2);
    assert!(!machine.logs(None, 5).unwrap().text.contains('\x1b'));
    for unit in ["../../etc/passwd", "passwd"] {
        let found = machine.logs(Some(unit), 5);
        assert!(found.is_err() || found.unwrap().fields["lines"].as_array().unwrap().is_empty(), "{unit}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Machine::at(empty.path()).logs(None, 5), Err(HostError::LogsClosed)));
    assert!(matches!(Machine::at(empty.path()).load(), Err(HostError::Read { .. })));
}

#[test]
fn a_process_can_call_itself_what_it_likes() {
    let root = tempfile::tempdir().unwrap();
    let name = ") S 1 (evil\x1b[2J";
    put(
        root.path(),
        "proc/42/stat",
        &format!("42 ({name}) S 1 42 42 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 3 0 1 1 1"),
    );
    put(root.path(), "proc/42/status", "VmRSS:\t 2048 kB\nUid:\t1000\t1000\n");
    let found = Machine::at(root.path()).processes(By::Time, 5).unwrap();
    let process = &found.fields["processes"][0];
    assert_eq!(
        (&process["name"], &process["seconds"], &process["bytes"], &process["user"]),
        (&name.into(), &3.into(), &(2048 * 1024).into(), &1000.into())
    );
    assert!(!found.text.contains('\x1b'));
}
