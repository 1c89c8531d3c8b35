use super::*;

const MOUNTS: &str = "\
30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
32 30 0:28 /docker/abc /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
34 30 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

const GROUPS: &str = "\
5:memory:/user/one
4:pids:/docker/abc/x
3:cpu,cpuacct:/
2:name=systemd:/
0::/init
broken
";

#[test]
fn a_process_is_found_in_every_hierarchy() {
    let places = Places::parse(GROUPS, MOUNTS);
    let at = |name: &str| places.version_one(name).map(|path| path.display().to_string());
    assert_eq!(at("memory").as_deref(), Some("/sys/fs/cgroup/memory/user/one"));
    assert_eq!(
        at("pids").as_deref(),
        Some("/sys/fs/cgroup/pids/x"),
        "the mount shows a part of the hierarchy"
    );
    assert_eq!(at("cpu").as_deref(), Some("/sys/fs/cgroup/cpu,cpuacct/"));
    assert_eq!(at("").as_deref(), Some("/sys/fs/cgroup/unified/init"));
    assert_eq!(at("systemd"), None);
}

#[test]
fn a_group_outside_the_mounted_part_is_not_found() {
    let places = Places::parse("4:pids:/elsewhere\n", MOUNTS);
    assert_eq!(places.version_one("pids"), None);
}

#[test]
fn a_version_two_folder_gets_every_limit_and_tells_what_was_counted() {
    let folder = tempfile::tempdir().unwrap();
    let group = Folder { path: folder.path().to_owned(), version: Version::Two, holds: Holds::Everything };
    let limits = Limits { memory_bytes: 1 << 20, pids: 10, cpu_percent: 50, ..Limits::default() };
    group.limit(&limits).unwrap();
    let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
    assert_eq!(read("memory.max"), (5 << 20).to_string());
    assert_eq!(read("memory.swap.max"), "0");
    assert_eq!(read("memory.oom.group"), "1");
    assert_eq!(read("pids.max"), "11");
    assert_eq!(read("cpu.max"), "50000 100000");
    std::fs::write(folder.path().join("memory.peak"), "4096\n").unwrap();
    std::fs::write(folder.path().join("memory.events"), "low 0\noom 1\noom_kill 2\n").unwrap();
    std::fs::write(folder.path().join("cpu.stat"), "nr_periods 9\nnr_throttled 2\n").unwrap();
    let group = ControlGroup { folders: vec![group] };
    assert_eq!(
        group.usage(),
        Usage { peak_memory_bytes: Some(4096), limit_hit: Some(LimitHit::Memory), slowed: true }
    );
}

#[test]
fn a_group_that_a_killed_process_left_under_this_number_is_passed_over() {
    let base = tempfile::tempdir().unwrap();
    let next = NEXT.load(Ordering::Relaxed);
    for number in next..next + 50 {
        std::fs::create_dir(base.path().join(format!("hardshell-{}-{number}", std::process::id()))).unwrap();
    }
    let mut group = ControlGroup { folders: Vec::new() };
    group.add(base.path(), Version::Two, Holds::Everything).unwrap();
    assert!(group.folders[0].path.is_dir());
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 51);
    std::mem::forget(group);
}
