//! What of the host every command sees: the programs, and the harmless part of `/etc`.

/// Folders of programs and libraries, shown read-only where the host has them. A link is shown as a link.
pub const SYSTEM_FOLDERS: [&str; 9] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"];

/// Whether every sandbox shows `path` as part of the system: its programs and libraries, read-only.
#[must_use]
pub fn is_system(path: &std::path::Path) -> bool {
    SYSTEM_FOLDERS.iter().any(|folder| path.starts_with(folder))
}

/// What of `/etc` is shown, read-only, where the host has it: what programs need to load, show times and check
/// certificates, and nothing about this machine or its people.
#[rustfmt::skip]
pub const SYSTEM_SETTINGS: [&str; 16] = [
    "/etc/alternatives", "/etc/ca-certificates", "/etc/fonts", "/etc/gai.conf", "/etc/java-17-openjdk",
    "/etc/java-21-openjdk", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
    "/etc/magic", "/etc/mime.types", "/etc/pki/tls/certs", "/etc/protocols", "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
];

/// Files made afresh for every sandbox: path and content.
pub(crate) const MADE_FILES: [(&str, &str); 6] = [
    ("/etc/group", "user:x:1000:\nnogroup:x:65534:\n"),
    ("/etc/host.conf", "multi on\n"),
    ("/etc/hostname", "sandbox\n"),
    ("/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
    ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n"),
    (
        "/etc/passwd",
        "user:x:1000:1000:user:/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
];

/// The user and group that a command is, inside.
pub(crate) const INSIDE_ID: u32 = 1000;

/// The empty home of a command.
pub const HOME: &str = "/home/user";

/// The name of the machine, inside.
pub(crate) const HOST_NAME: &str = "sandbox";

/// The variables every command has; what a caller sets replaces them.
pub const VARIABLES: [(&str, &str); 7] = [
    ("HOME", HOME),
    ("LANG", "C.UTF-8"),
    ("LOGNAME", "user"),
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("SHELL", "/bin/sh"),
    ("TMPDIR", "/tmp"),
    ("USER", "user"),
];

/// Private folders, each a part of one sized file system: the name there, where it is shown, whether programs may run
/// from it.
pub(crate) const SCRATCH: [(&str, &str, Scratch); 5] = [
    ("tmp", "/tmp", Scratch::Programs),
    ("home", HOME, Scratch::Programs),
    ("var-tmp", "/var/tmp", Scratch::Programs),
    ("shm", "/dev/shm", Scratch::Files),
    ("run", "/run", Scratch::Files),
];

/// Whether programs may be started from a private folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scratch {
    Programs,
    Files,
}

/// The devices every command has.
pub(crate) const DEVICES: [&str; 5] = ["full", "null", "random", "urandom", "zero"];

/// Links in `/dev`: name and target.
pub(crate) const DEVICE_LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Files of `/proc` that tell of the host or of its keys; an empty one covers each that the kernel has.
#[rustfmt::skip]
pub(crate) const MASKED_FILES: [&str; 22] = [
    "bootconfig", "buddyinfo", "cmdline", "config.gz", "diskstats", "interrupts", "iomem", "ioports",
    "kallsyms", "kcore", "key-users", "keys", "kmsg", "latency_stats", "modules", "mtrr", "partitions",
    "sched_debug", "softirqs", "swaps", "timer_list", "zoneinfo",
];

/// Folders of `/proc` likewise.
#[rustfmt::skip]
pub(crate) const MASKED_FOLDERS: [&str; 12] = [
    "acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "irq", "pressure", "scsi", "sys", "sysvipc",
    "tty",
];
