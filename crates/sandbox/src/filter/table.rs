//! The system calls that a command may make, each with its reason. Every other one is refused.
//!
//! `tests/it/spare.rs` watches the programs that are named while they work, and finds every line that one of them does
//! not need; `tests/it/works.rs` says what they do.

use super::{AllowedCall, always, among, none, short, when};

/// Calls of every architecture.
pub(super) const EVERYWHERE: &[AllowedCall] = &[
    always("read", libc::SYS_read, "coreutils sh", "reads"),
    always("write", libc::SYS_write, "coreutils sh", "writes"),
    always("readv", libc::SYS_readv, "python", "several buffers at once"),
    always("writev", libc::SYS_writev, "python", "several buffers at once"),
    always("pread64", libc::SYS_pread64, "coreutils sh", "reads at a place"),
    always("pwrite64", libc::SYS_pwrite64, "python", "writes at a place"),
    always("preadv", libc::SYS_preadv, "node", "several buffers from a place"),
    always("pwritev", libc::SYS_pwritev, "node", "several buffers to a place"),
    always("preadv2", libc::SYS_preadv2, "python", "several buffers from a place"),
    always("pwritev2", libc::SYS_pwritev2, "python", "several buffers to a place"),
    always("close", libc::SYS_close, "coreutils sh", "closes"),
    always("close_range", libc::SYS_close_range, "python", "closes the rest for a child"),
    always("lseek", libc::SYS_lseek, "coreutils bash", "seeks"),
    when("openat", libc::SYS_openat, "coreutils sh", "opens; no set-id bits on what it makes", &[none(2, CREATES)]),
    when("openat", libc::SYS_openat, "coreutils sh", "opens; no set-id bits on what it makes", &[none(3, SET_ID)]),
    always("fstat", libc::SYS_fstat, "node", "looks at what is open"),
    always("newfstatat", libc::SYS_newfstatat, "coreutils sh", "looks at files"),
    always("statx", libc::SYS_statx, "coreutils node", "looks at files"),
    always("fstatfs", libc::SYS_fstatfs, "coreutils python", "asks for the file system of what is open"),
    always("statfs", libc::SYS_statfs, "coreutils git", "asks for a file system"),
    always("faccessat2", libc::SYS_faccessat2, "sh bash", "may it be used, with flags"),
    always("getdents64", libc::SYS_getdents64, "coreutils bash", "lists folders"),
    always("getcwd", libc::SYS_getcwd, "coreutils sh", "where it stands"),
    always("chdir", libc::SYS_chdir, "sh git", "goes elsewhere"),
    always("fchdir", libc::SYS_fchdir, "coreutils python", "goes back to an open folder"),
    always("mkdirat", libc::SYS_mkdirat, "python tar", "makes folders"),
    always("unlinkat", libc::SYS_unlinkat, "coreutils python", "removes"),
    always("renameat2", libc::SYS_renameat2, "coreutils", "renames"),
    always("linkat", libc::SYS_linkat, "coreutils", "objects are linked into place"),
    always("symlinkat", libc::SYS_symlinkat, "coreutils", "links"),
    when("mknodat", libc::SYS_mknodat, "coreutils python", "pipes, sockets and files alone, no device", &[among(2, FILE_TYPES_AND_SET_ID, &PLAIN_FILES)]),
    when("fchmod", libc::SYS_fchmod, "node python", "modes; no set-id bits", &[none(1, SET_ID)]),
    when("fchmodat", libc::SYS_fchmodat, "coreutils", "modes; no set-id bits", &[none(2, SET_ID)]),
    always("fchown", libc::SYS_fchown, "python", "to itself"),
    always("fchownat", libc::SYS_fchownat, "coreutils", "to itself"),
    always("utimensat", libc::SYS_utimensat, "coreutils bash", "times of files"),
    always("umask", libc::SYS_umask, "coreutils sh", "modes of what it makes"),
    always("ftruncate", libc::SYS_ftruncate, "coreutils node", "cuts or lengthens"),
    always("truncate", libc::SYS_truncate, "python", "cuts or lengthens by name"),
    when("fallocate", libc::SYS_fallocate, "python util-linux", "takes room that the size shows", &[among(1, u32::MAX, &[0, PUNCH_HOLE])]),
    always("fadvise64", libc::SYS_fadvise64, "coreutils sh", "how it will read"),
    always("copy_file_range", libc::SYS_copy_file_range, "coreutils node", "copies within the kernel"),
    always("sendfile", libc::SYS_sendfile, "python", "copies within the kernel"),
    always("splice", libc::SYS_splice, "python", "copies through pipes"),
    always("sync_file_range", libc::SYS_sync_file_range, "git", "writes a part to disk"),
    always("fsync", libc::SYS_fsync, "coreutils git", "writes to disk"),
    always("fdatasync", libc::SYS_fdatasync, "coreutils python", "writes to disk without times"),
    always("sync", libc::SYS_sync, "coreutils python", "writes everything to disk"),
    always("syncfs", libc::SYS_syncfs, "coreutils", "writes one file system to disk"),
    always("flock", libc::SYS_flock, "python util-linux", "locks"),
    always("fcntl", libc::SYS_fcntl, "coreutils sh", "flags, locks and copies of descriptors"),
    when("ioctl", libc::SYS_ioctl, "coreutils bash", "terminals, and questions to files and sockets", &[among(1, u32::MAX, &REQUESTS)]),
    always("dup", libc::SYS_dup, "bash git", "copies descriptors"),
    always("dup3", libc::SYS_dup3, "python", "copies descriptors"),
    always("pipe2", libc::SYS_pipe2, "coreutils sh", "pipes"),
    always("inotify_init1", libc::SYS_inotify_init1, "node", "watches folders"),
    always("inotify_add_watch", libc::SYS_inotify_add_watch, "coreutils node", "watches folders"),
    always("inotify_rm_watch", libc::SYS_inotify_rm_watch, "node", "watches no longer"),
    always("setxattr", libc::SYS_setxattr, "python", "user attributes"),
    always("lsetxattr", libc::SYS_lsetxattr, "python", "user attributes"),
    always("fsetxattr", libc::SYS_fsetxattr, "coreutils python", "user attributes"),
    always("getxattr", libc::SYS_getxattr, "python", "user attributes"),
    always("lgetxattr", libc::SYS_lgetxattr, "python", "user attributes"),
    always("fgetxattr", libc::SYS_fgetxattr, "coreutils python", "user attributes"),
    always("listxattr", libc::SYS_listxattr, "python", "user attributes"),
    always("llistxattr", libc::SYS_llistxattr, "coreutils python", "user attributes"),
    always("flistxattr", libc::SYS_flistxattr, "coreutils python", "user attributes"),
    always("removexattr", libc::SYS_removexattr, "python", "user attributes"),
    always("lremovexattr", libc::SYS_lremovexattr, "python", "user attributes"),
    always("fremovexattr", libc::SYS_fremovexattr, "python", "user attributes"),
    always("mmap", libc::SYS_mmap, "coreutils sh", "maps files and memory"),
    always("munmap", libc::SYS_munmap, "coreutils sh", "unmaps"),
    always("mprotect", libc::SYS_mprotect, "coreutils sh", "memory that was written becomes code"),
    always("mremap", libc::SYS_mremap, "python", "memory grows"),
    always("madvise", libc::SYS_madvise, "git node", "how memory will be used"),
    always("brk", libc::SYS_brk, "coreutils sh", "memory"),
    always("msync", libc::SYS_msync, "python", "writes a map to disk"),
    always("mincore", libc::SYS_mincore, "util-linux", "what of a file is in memory"),
    always("mlock2", libc::SYS_mlock2, "node", "keeps keys off the disk, within the limit"),
    when("clone", libc::SYS_clone, "coreutils sh", "fork and threads, without new namespaces", &[none(0, NAMESPACES)]),
    always("execve", libc::SYS_execve, "coreutils sh", "starts programs"),
    always("execveat", libc::SYS_execveat, "coreutils sh", "the helper starts the command by what it looked at"),
    always("exit", libc::SYS_exit, "git node", "ends a thread"),
    always("exit_group", libc::SYS_exit_group, "coreutils sh", "ends"),
    always("wait4", libc::SYS_wait4, "coreutils sh", "waits for children"),
    always("waitid", libc::SYS_waitid, "python", "waits for children"),
    always("kill", libc::SYS_kill, "coreutils sh", "signals, within its own process list"),
    always("tkill", libc::SYS_tkill, "older-c", "abort and raise in musl"),
    always("tgkill", libc::SYS_tgkill, "python", "abort and raise"),
    always("pidfd_open", libc::SYS_pidfd_open, "python", "waits for a child without a race"),
    always("pidfd_send_signal", libc::SYS_pidfd_send_signal, "python", "signals without a race"),
    always("getpid", libc::SYS_getpid, "coreutils sh", "who it is"),
    always("getppid", libc::SYS_getppid, "coreutils sh", "who started it"),
    always("gettid", libc::SYS_gettid, "node python", "which thread it is"),
    always("getpgid", libc::SYS_getpgid, "python perl", "job control"),
    always("setpgid", libc::SYS_setpgid, "coreutils bash", "job control"),
    always("getsid", libc::SYS_getsid, "python", "job control"),
    always("setsid", libc::SYS_setsid, "git python", "daemons, which die with the rest"),
    always("getuid", libc::SYS_getuid, "coreutils sh", "who it is"),
    always("geteuid", libc::SYS_geteuid, "coreutils sh", "who it is"),
    always("getgid", libc::SYS_getgid, "coreutils sh", "who it is"),
    always("getegid", libc::SYS_getegid, "coreutils sh", "who it is"),
    always("getresuid", libc::SYS_getresuid, "python", "who it is"),
    always("getresgid", libc::SYS_getresgid, "python", "who it is"),
    always("getgroups", libc::SYS_getgroups, "coreutils python", "who it is"),
    always("setuid", libc::SYS_setuid, "python", "gives up what it never had"),
    always("setgid", libc::SYS_setgid, "python", "gives up what it never had"),
    always("setresuid", libc::SYS_setresuid, "make", "gives up what it never had"),
    always("setresgid", libc::SYS_setresgid, "make", "gives up what it never had"),
    always("capget", libc::SYS_capget, "node", "shows capabilities"),
    when("prctl", libc::SYS_prctl, "perl c", "names and death signals; nothing that reveals or weakens", &[among(0, u32::MAX, &PROCESS_OPTIONS)]),
    always("set_tid_address", libc::SYS_set_tid_address, "coreutils sh", "the C library starts"),
    always("set_robust_list", libc::SYS_set_robust_list, "coreutils sh", "the C library starts"),
    always("rseq", libc::SYS_rseq, "coreutils sh", "the C library starts"),
    always("futex", libc::SYS_futex, "coreutils sh", "locks"),
    always("sched_yield", libc::SYS_sched_yield, "python", "waits its turn"),
    always("sched_getaffinity", libc::SYS_sched_getaffinity, "coreutils node", "how many processors"),
    always("sched_setaffinity", libc::SYS_sched_setaffinity, "python util-linux", "which processors"),
    always("sched_getparam", libc::SYS_sched_getparam, "python", "priorities"),
    always("sched_setparam", libc::SYS_sched_setparam, "python", "priorities, within the limit"),
    always("sched_getscheduler", libc::SYS_sched_getscheduler, "python", "priorities"),
    always("sched_setscheduler", libc::SYS_sched_setscheduler, "python util-linux", "priorities, within the limit"),
    always("sched_get_priority_max", libc::SYS_sched_get_priority_max, "python util-linux", "priorities"),
    always("sched_get_priority_min", libc::SYS_sched_get_priority_min, "python util-linux", "priorities"),
    always("sched_rr_get_interval", libc::SYS_sched_rr_get_interval, "python", "priorities"),
    always("sched_getattr", libc::SYS_sched_getattr, "util-linux", "priorities"),
    always("getpriority", libc::SYS_getpriority, "coreutils python", "priorities"),
    always("setpriority", libc::SYS_setpriority, "coreutils node", "priorities, downwards"),
    always("ioprio_get", libc::SYS_ioprio_get, "util-linux", "priorities on disk"),
    always("ioprio_set", libc::SYS_ioprio_set, "util-linux", "priorities on disk, within its rights"),
    always("getcpu", libc::SYS_getcpu, "older-c", "where no clock can be read without a call"),
    always("prlimit64", libc::SYS_prlimit64, "coreutils sh", "limits, downwards"),
    always("getrusage", libc::SYS_getrusage, "python gcc", "what it used"),
    always("times", libc::SYS_times, "sh python", "what it used"),
    always("sysinfo", libc::SYS_sysinfo, "coreutils bash", "how much memory there is"),
    always("uname", libc::SYS_uname, "coreutils bash", "what system it is"),
    always("getrandom", libc::SYS_getrandom, "coreutils sh", "randomness"),
    always("nanosleep", libc::SYS_nanosleep, "older-c", "sleeps, before glibc 2.31"),
    always("clock_nanosleep", libc::SYS_clock_nanosleep, "coreutils sh", "sleeps"),
    always("clock_gettime", libc::SYS_clock_gettime, "python older-c", "processor time; all clocks where none can be read without a call"),
    always("clock_getres", libc::SYS_clock_getres, "older-c", "where no clock can be read without a call"),
    always("gettimeofday", libc::SYS_gettimeofday, "older-c", "where no clock can be read without a call"),
    always("setitimer", libc::SYS_setitimer, "python", "timers"),
    always("getitimer", libc::SYS_getitimer, "python", "timers"),
    always("timer_create", libc::SYS_timer_create, "coreutils", "timers"),
    always("timer_settime", libc::SYS_timer_settime, "coreutils", "timers"),
    always("timer_gettime", libc::SYS_timer_gettime, "c", "timers"),
    always("timer_getoverrun", libc::SYS_timer_getoverrun, "c", "timers"),
    always("timer_delete", libc::SYS_timer_delete, "c", "timers"),
    always("timerfd_create", libc::SYS_timerfd_create, "c", "timers to wait for"),
    always("timerfd_settime", libc::SYS_timerfd_settime, "c", "timers to wait for"),
    always("timerfd_gettime", libc::SYS_timerfd_gettime, "c", "timers to wait for"),
    always("eventfd2", libc::SYS_eventfd2, "node python", "wakes a loop"),
    always("rt_sigaction", libc::SYS_rt_sigaction, "coreutils sh", "signals"),
    always("rt_sigprocmask", libc::SYS_rt_sigprocmask, "coreutils sh", "signals"),
    always("rt_sigreturn", libc::SYS_rt_sigreturn, "coreutils sh", "signals"),
    always("rt_sigsuspend", libc::SYS_rt_sigsuspend, "coreutils sh", "signals"),
    always("rt_sigpending", libc::SYS_rt_sigpending, "python", "signals"),
    always("rt_sigtimedwait", libc::SYS_rt_sigtimedwait, "python", "signals"),
    always("rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo, "c", "signals with a value"),
    always("rt_tgsigqueueinfo", libc::SYS_rt_tgsigqueueinfo, "c", "signals with a value to a thread"),
    always("sigaltstack", libc::SYS_sigaltstack, "python", "tells of a full stack"),
    always("restart_syscall", libc::SYS_restart_syscall, "sh", "goes on after a stop"),
    always("ppoll", libc::SYS_ppoll, "c", "waits"),
    always("pselect6", libc::SYS_pselect6, "bash python", "waits"),
    always("epoll_create1", libc::SYS_epoll_create1, "node python", "waits for many"),
    always("epoll_ctl", libc::SYS_epoll_ctl, "node python", "waits for many"),
    always("epoll_pwait", libc::SYS_epoll_pwait, "node", "waits for many"),
    when("socketpair", libc::SYS_socketpair, "node python", "unix sockets to a child", &[among(0, u32::MAX, &[UNIX]), among(1, SOCKET_TYPE, &[STREAM, PACKETS])]),
    always("getsockname", libc::SYS_getsockname, "node python", "sockets"),
    always("getpeername", libc::SYS_getpeername, "bash python", "sockets"),
    always("getsockopt", libc::SYS_getsockopt, "node python", "sockets"),
    always("setsockopt", libc::SYS_setsockopt, "node python", "sockets"),
    always("bind", libc::SYS_bind, "node python", "servers on the loopback of the sandbox"),
    always("listen", libc::SYS_listen, "node python", "servers on the loopback of the sandbox"),
    always("accept", libc::SYS_accept, "c", "servers on the loopback of the sandbox"),
    always("accept4", libc::SYS_accept4, "node python", "servers on the loopback of the sandbox"),
    always("connect", libc::SYS_connect, "coreutils bash", "to the loopback of the sandbox"),
    always("sendto", libc::SYS_sendto, "node python", "sockets"),
    always("sendmsg", libc::SYS_sendmsg, "coreutils sh", "sockets, and descriptors to a child"),
    always("recvfrom", libc::SYS_recvfrom, "python", "sockets"),
    always("recvmsg", libc::SYS_recvmsg, "node python", "sockets, and descriptors from a child"),
    always("shutdown", libc::SYS_shutdown, "node python", "ends one direction"),
];

/// Calls that newer architectures no longer have.
#[cfg(target_arch = "x86_64")]
pub(super) const OLDER: &[AllowedCall] = &[
    when("open", libc::SYS_open, "older-c", "opens, in musl; no set-id bits on what it makes", &[none(1, CREATES)]),
    when("open", libc::SYS_open, "older-c", "opens, in musl; no set-id bits on what it makes", &[none(2, SET_ID)]),
    when("creat", libc::SYS_creat, "tar", "makes files; no set-id bits", &[none(1, SET_ID)]),
    always("stat", libc::SYS_stat, "older-c", "looks at files, before glibc 2.33"),
    always("lstat", libc::SYS_lstat, "older-c", "looks at files, before glibc 2.33"),
    always("access", libc::SYS_access, "coreutils sh", "may it be used"),
    always("readlink", libc::SYS_readlink, "coreutils bash", "where a link leads"),
    always("mkdir", libc::SYS_mkdir, "coreutils git", "makes folders"),
    always("rmdir", libc::SYS_rmdir, "coreutils git", "removes folders"),
    always("unlink", libc::SYS_unlink, "coreutils git", "removes"),
    always("rename", libc::SYS_rename, "git node", "renames"),
    always("renameat", libc::SYS_renameat, "python", "renames between folders"),
    always("link", libc::SYS_link, "git node", "links"),
    always("symlink", libc::SYS_symlink, "git node", "links"),
    when("mknod", libc::SYS_mknod, "older-c", "pipes, sockets and files alone, before glibc 2.33", &[among(1, FILE_TYPES_AND_SET_ID, &PLAIN_FILES)]),
    when("chmod", libc::SYS_chmod, "git node", "modes; no set-id bits", &[none(1, SET_ID)]),
    always("chown", libc::SYS_chown, "python", "to itself"),
    always("lchown", libc::SYS_lchown, "python", "to itself"),
    always("utimes", libc::SYS_utimes, "older-c", "times of files, before glibc 2.31"),
    always("dup2", libc::SYS_dup2, "coreutils sh", "redirects"),
    always("pipe", libc::SYS_pipe, "older-c", "pipes, in musl"),
    always("fork", libc::SYS_fork, "older-c", "processes, in musl"),
    always("vfork", libc::SYS_vfork, "coreutils bash", "starts programs"),
    always("getpgrp", libc::SYS_getpgrp, "bash python", "job control"),
    always("pause", libc::SYS_pause, "python", "waits for a signal"),
    always("alarm", libc::SYS_alarm, "python perl", "a time limit"),
    always("time", libc::SYS_time, "older-c", "where no clock can be read without a call"),
    always("poll", libc::SYS_poll, "coreutils python", "waits"),
    always("select", libc::SYS_select, "older-c", "waits, before glibc 2.32"),
    always("epoll_wait", libc::SYS_epoll_wait, "python", "waits for many"),
    always("inotify_init", libc::SYS_inotify_init, "coreutils", "watches folders"),
    always("arch_prctl", libc::SYS_arch_prctl, "coreutils sh", "the C library sets up threads"),
];

/// What the C library calls where the older ones are no longer there.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const OLDER: &[AllowedCall] = &[
    always("faccessat", libc::SYS_faccessat, "sh coreutils", "may it be used"),
    always("readlinkat", libc::SYS_readlinkat, "coreutils python", "where a link leads"),
];

/// Unix sockets, where somebody looks at what they are connected to. Not those that send to an address without having
/// been connected.
pub(super) const UNIX_SOCKETS: &[AllowedCall] = &[when(
    "socket",
    libc::SYS_socket,
    "coreutils bash",
    "unix sockets between its own processes",
    &[among(0, u32::MAX, &[UNIX]), among(1, SOCKET_TYPE, &[STREAM, PACKETS])],
)];

/// Sockets, where the network namespace is the command's own.
pub(super) const SOCKETS: &[AllowedCall] = &[
    when("socket", libc::SYS_socket, "node python", "the loopback of the sandbox, TCP and UDP alone", &[among(0, u32::MAX, &[INET]), among(1, SOCKET_TYPE, &[STREAM, DATAGRAM]), among(2, u32::MAX, &[0, TCP, UDP])]),
    when("socket", libc::SYS_socket, "python", "the loopback of the sandbox, TCP and UDP alone", &[among(0, u32::MAX, &[INET6]), among(1, SOCKET_TYPE, &[STREAM, DATAGRAM]), among(2, u32::MAX, &[0, TCP, UDP])]),
    when("socket", libc::SYS_socket, "node python", "which interfaces there are", &[among(0, u32::MAX, &[NETLINK]), among(2, u32::MAX, &[0])]),
];

/// Files in memory, where a control group counts them.
pub(super) const MEMORY_FILES: &[AllowedCall] = &[always(
    "memfd_create",
    libc::SYS_memfd_create,
    "python",
    "files in memory that the control group counts",
)];

/// Calls that do not exist, as far as a command can tell, so that the C library takes the older way: their arguments
/// lie in memory, where a filter cannot look.
pub(super) const ABSENT: &[(&str, i64)] = &[
    ("clone3", libc::SYS_clone3),   // namespaces
    ("openat2", libc::SYS_openat2), // set-id bits
    // Newer ways to do what another call does, which programs take where they can.
    ("epoll_pwait2", libc::SYS_epoll_pwait2),
    ("landlock_add_rule", libc::SYS_landlock_add_rule),
    ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset),
    ("landlock_restrict_self", libc::SYS_landlock_restrict_self),
    ("pkey_alloc", libc::SYS_pkey_alloc), // node writes to its code then as where no processor has keys
    ("pkey_free", libc::SYS_pkey_free),
    ("pkey_mprotect", libc::SYS_pkey_mprotect),
    ("process_madvise", libc::SYS_process_madvise),
    ("seccomp", libc::SYS_seccomp),
];

/// Where Landlock is the only wall: calls by which files that are not granted, and processes that are the host's, would be
/// changed, since it asks nobody about them (landlock(7), "Kernel limitations"). What stays of them is `OWN_ALONE`.
pub(super) const BEYOND_LANDLOCK: &[&str] = &[
    "chmod", "fchmodat", "chown", "lchown", "fchownat", "utimes", "utimensat", // by name; an O_PATH descriptor too
    "setxattr", "lsetxattr", "removexattr", "lremovexattr", "getxattr", "lgetxattr", "listxattr", "llistxattr",
    "setpriority", "ioprio_set", "sched_setaffinity", "sched_setparam", "sched_setscheduler", "prlimit64",
    // The network is the host's own: nobody is listened to, and what connects is the one call that somebody looks at.
    "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "setsockopt",
];

/// What stays of them: what is open, which Landlock was asked about, and the process itself.
pub(super) const OWN_ALONE: &[AllowedCall] = &[
    when("utimensat", libc::SYS_utimensat, "coreutils", "times of what is open", &[none(1, u32::MAX), short(1)]),
    when("setpriority", libc::SYS_setpriority, "coreutils", "its own priority", &[none(0, u32::MAX), none(1, u32::MAX)]),
    when("ioprio_set", libc::SYS_ioprio_set, "util-linux", "its own priority on disk", &[among(0, u32::MAX, &[1]), none(1, u32::MAX)]),
    when("sched_setaffinity", libc::SYS_sched_setaffinity, "python", "its own processors", &[none(0, u32::MAX)]),
    when("sched_setparam", libc::SYS_sched_setparam, "python", "its own priority", &[none(0, u32::MAX)]),
    when("sched_setscheduler", libc::SYS_sched_setscheduler, "python", "its own priority", &[none(0, u32::MAX)]),
    when("prlimit64", libc::SYS_prlimit64, "coreutils sh", "its own limits, downwards", &[none(0, u32::MAX)]),
    when("sendto", libc::SYS_sendto, "python", "to whom it is connected", &[none(3, FAST_OPEN), none(4, u32::MAX), short(4)]),
    when("sendmsg", libc::SYS_sendmsg, "coreutils sh", "descriptors to a child", &[none(2, FAST_OPEN)]),
    when("setsockopt", libc::SYS_setsockopt, "node python", "options of sockets and of TCP; none of IP, which name ways through the network", &[among(1, u32::MAX, &[SOCKET_OPTIONS, TCP])]),
];

/// A TCP socket where Landlock is the only wall, for a command that reaches hosts: every `connect` of it is announced,
/// and never carried out by the kernel itself.
pub(super) const REACHING: &[AllowedCall] = &[when(
    "socket",
    libc::SYS_socket,
    "node python",
    "the way to its proxy",
    &[among(0, u32::MAX, &[INET]), among(1, SOCKET_TYPE, &[STREAM]), among(2, u32::MAX, &[0, TCP])],
)];

/// Attributes of files by name, where Landlock is the only wall: what lists files then asks for no more.
pub(super) const UNREAD: &[(&str, i64)] = &[
    ("getxattr", libc::SYS_getxattr), ("lgetxattr", libc::SYS_lgetxattr),
    ("listxattr", libc::SYS_listxattr), ("llistxattr", libc::SYS_llistxattr),
];

/// The newest call this table knows of (`process_mrelease`); newer ones do not exist for a command.
pub(super) const LAST_KNOWN: i64 = 448;

const SET_ID: u32 = 0o6000;
const CREATES: u32 = (libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY)).cast_unsigned();
const FILE_TYPES_AND_SET_ID: u32 = libc::S_IFMT | SET_ID;
const PLAIN_FILES: [u32; 4] = [0, libc::S_IFREG, libc::S_IFIFO, libc::S_IFSOCK];
const PUNCH_HOLE: u32 = (libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE).cast_unsigned();
const NAMESPACES: u32 = (libc::CLONE_NEWNS | libc::CLONE_NEWCGROUP | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID | libc::CLONE_NEWNET).cast_unsigned();
const UNIX: u32 = libc::AF_UNIX.cast_unsigned();
const INET: u32 = libc::AF_INET.cast_unsigned();
const INET6: u32 = libc::AF_INET6.cast_unsigned();
const NETLINK: u32 = libc::AF_NETLINK.cast_unsigned();
const SOCKET_TYPE: u32 = 0xf;
const STREAM: u32 = libc::SOCK_STREAM.cast_unsigned();
const PACKETS: u32 = libc::SOCK_SEQPACKET.cast_unsigned();
const SOCKET_OPTIONS: u32 = libc::SOL_SOCKET.cast_unsigned();
/// Sending with it connects first, unseen by any `connect` (tcp(7)).
const FAST_OPEN: u32 = libc::MSG_FASTOPEN.cast_unsigned();
const DATAGRAM: u32 = libc::SOCK_DGRAM.cast_unsigned();
const TCP: u32 = libc::IPPROTO_TCP.cast_unsigned();
const UDP: u32 = libc::IPPROTO_UDP.cast_unsigned();

/// What programs ask of a terminal, a socket or a file; not `TIOCSTI` and `TIOCLINUX`, which type for the person.
/// Numbers of <asm-generic/ioctls.h>, <linux/sockios.h> and <linux/fs.h>.
const REQUESTS: [u32; 23] = [
    0x5401, 0x5402, 0x5403, 0x5404, // TCGETS: every shell; TCSETS, TCSETSW: stty; TCSETSF: python tty
    0x5409, 0x540a, 0x540b, // TCSBRK, TCXONC, TCFLSH: python termios
    0x540f, 0x5410, // TIOCGPGRP, TIOCSPGRP: job control
    0x5411, 0x5413, 0x5414, // TIOCOUTQ: python termios; TIOCGWINSZ: stty, node; TIOCSWINSZ: stty
    0x541b, 0x5421, 0x5451, // FIONREAD, FIONBIO: node, python; FIOCLEX: python
    0x802c_542a, 0x402c_542b, 0x402c_542c, 0x402c_542d, // TCGETS2 and kin: C libraries from glibc 2.42 on
    0x8004_5430, // TIOCGPTN: the name of a terminal
    0x8910, 0x8933, // SIOCGIFNAME, SIOCGIFINDEX: python if_indextoname, if_nametoindex
    0x4004_9409, // FICLONE: cp
];

/// What a process may ask for itself: no `PR_SET_MM`, no `PR_SET_PTRACER`, no speculation controls. Numbers of
/// <linux/prctl.h>.
const PROCESS_OPTIONS: [u32; 7] = [
    1, 36, // SET_PDEATHSIG, SET_CHILD_SUBREAPER: ends with its parent, keeps its grandchildren
    15, 16, // SET_NAME, GET_NAME: perl, names of threads
    38, 39, // SET_NO_NEW_PRIVS, GET_NO_NEW_PRIVS: has none to lose
    0x5356_4d41, // SET_VMA: names of memory areas, newer C libraries
];
