//! The system calls that a command may make, each with its reason. Every other one is refused.
//!
//! `tests/it/compatibility.rs` runs the programs that are named; no test yet finds a line that none of them needs.

use super::{AllowedCall, always, among, none, when};

/// Calls of every architecture.
pub(super) const EVERYWHERE: &[AllowedCall] = &[
    always("read", libc::SYS_read, "", "every program reads"),
    always("write", libc::SYS_write, "", "every program writes"),
    always("readv", libc::SYS_readv, "", "git, node: several buffers at once"),
    always("writev", libc::SYS_writev, "", "node, musl: several buffers at once"),
    always("pread64", libc::SYS_pread64, "", "git, ld.so: read at a place"),
    always("pwrite64", libc::SYS_pwrite64, "", "git, sqlite: write at a place"),
    always("preadv", libc::SYS_preadv, "", "python: several buffers at a place"),
    always("pwritev", libc::SYS_pwritev, "", "python: several buffers at a place"),
    always("preadv2", libc::SYS_preadv2, "", "python os.preadv"),
    always("pwritev2", libc::SYS_pwritev2, "", "python os.pwritev"),
    always("close", libc::SYS_close, "", "every program closes"),
    always("close_range", libc::SYS_close_range, "", "python subprocess, node: close the rest"),
    always("lseek", libc::SYS_lseek, "", "every program seeks"),
    when(
        "openat",
        libc::SYS_openat,
        "",
        "every program opens; no set-id bits on what it makes",
        &[none(2, CREATES)],
    ),
    when(
        "openat",
        libc::SYS_openat,
        "",
        "every program opens; no set-id bits on what it makes",
        &[none(3, SET_ID)],
    ),
    always("fstat", libc::SYS_fstat, "", "every program"),
    always("newfstatat", libc::SYS_newfstatat, "", "glibc stat"),
    always("statx", libc::SYS_statx, "", "coreutils, node, cargo"),
    always("fstatfs", libc::SYS_fstatfs, "", "git, ls"),
    always("statfs", libc::SYS_statfs, "", "df, git"),
    always("faccessat", libc::SYS_faccessat, "", "glibc access"),
    always("faccessat2", libc::SYS_faccessat2, "", "bash, glibc access with flags"),
    always("readlinkat", libc::SYS_readlinkat, "", "ls, python"),
    always("getdents64", libc::SYS_getdents64, "", "ls, find"),
    always("getcwd", libc::SYS_getcwd, "", "sh, git"),
    always("chdir", libc::SYS_chdir, "", "sh, make"),
    always("fchdir", libc::SYS_fchdir, "", "find, rm"),
    always("mkdirat", libc::SYS_mkdirat, "", "mkdir, cargo"),
    always("unlinkat", libc::SYS_unlinkat, "", "rm"),
    always("renameat2", libc::SYS_renameat2, "", "mv, git"),
    always("linkat", libc::SYS_linkat, "", "git: objects are linked into place"),
    always("symlinkat", libc::SYS_symlinkat, "", "ln, python venv"),
    when(
        "mknodat",
        libc::SYS_mknodat,
        "",
        "mkfifo, tar: pipes, sockets and files alone, no device",
        &[among(2, FILE_TYPES_AND_SET_ID, &PLAIN_FILES)],
    ),
    when("fchmod", libc::SYS_fchmod, "", "install; no set-id bits", &[none(1, SET_ID)]),
    when("fchmodat", libc::SYS_fchmodat, "", "chmod; no set-id bits", &[none(2, SET_ID)]),
    when("fchmodat2", libc::SYS_fchmodat2, "", "chmod in glibc 2.39; no set-id bits", &[none(2, SET_ID)]),
    always("fchown", libc::SYS_fchown, "", "tar, cp: to oneself"),
    always("fchownat", libc::SYS_fchownat, "", "chown: to oneself"),
    always("utimensat", libc::SYS_utimensat, "", "touch, tar, make"),
    always("umask", libc::SYS_umask, "", "sh, git"),
    always("ftruncate", libc::SYS_ftruncate, "", "ld, sqlite"),
    always("truncate", libc::SYS_truncate, "", "coreutils truncate"),
    always("fallocate", libc::SYS_fallocate, "", "git, sqlite, ld"),
    always("fadvise64", libc::SYS_fadvise64, "", "cat, cp, sort"),
    always("copy_file_range", libc::SYS_copy_file_range, "", "cp, cargo"),
    always("sendfile", libc::SYS_sendfile, "", "cp, nginx, python shutil"),
    always("splice", libc::SYS_splice, "", "node, cat"),
    always("tee", libc::SYS_tee, "", "coreutils tee"),
    always("vmsplice", libc::SYS_vmsplice, "", "node"),
    always("sync_file_range", libc::SYS_sync_file_range, "", "git, sqlite"),
    always("fsync", libc::SYS_fsync, "", "git, sqlite"),
    always("fdatasync", libc::SYS_fdatasync, "", "sqlite"),
    always("sync", libc::SYS_sync, "", "make install"),
    always("syncfs", libc::SYS_syncfs, "", "coreutils sync"),
    always("flock", libc::SYS_flock, "", "cargo, flock"),
    always("fcntl", libc::SYS_fcntl, "", "every program"),
    when(
        "ioctl",
        libc::SYS_ioctl,
        "",
        "terminals and the few questions that programs ask of files and sockets",
        &[among(1, u32::MAX, &REQUESTS)],
    ),
    always("dup", libc::SYS_dup, "", "sh"),
    always("dup3", libc::SYS_dup3, "", "bash, glibc"),
    always("pipe2", libc::SYS_pipe2, "", "every shell"),
    always("inotify_init1", libc::SYS_inotify_init1, "", "node, watchers"),
    always("inotify_add_watch", libc::SYS_inotify_add_watch, "", "node, watchers"),
    always("inotify_rm_watch", libc::SYS_inotify_rm_watch, "", "node, watchers"),
    always("setxattr", libc::SYS_setxattr, "", "cp -a, tar: user attributes"),
    always("lsetxattr", libc::SYS_lsetxattr, "", "cp -a"),
    always("fsetxattr", libc::SYS_fsetxattr, "", "cp -a"),
    always("getxattr", libc::SYS_getxattr, "", "ls"),
    always("lgetxattr", libc::SYS_lgetxattr, "", "ls"),
    always("fgetxattr", libc::SYS_fgetxattr, "", "cp"),
    always("listxattr", libc::SYS_listxattr, "", "ls, cp"),
    always("llistxattr", libc::SYS_llistxattr, "", "ls"),
    always("flistxattr", libc::SYS_flistxattr, "", "cp"),
    always("removexattr", libc::SYS_removexattr, "", "cp -a"),
    always("lremovexattr", libc::SYS_lremovexattr, "", "cp -a"),
    always("fremovexattr", libc::SYS_fremovexattr, "", "cp -a"),
    always("mmap", libc::SYS_mmap, "", "every program"),
    always("munmap", libc::SYS_munmap, "", "every program"),
    always("mprotect", libc::SYS_mprotect, "", "ld.so, node"),
    always("mremap", libc::SYS_mremap, "", "realloc"),
    always("madvise", libc::SYS_madvise, "", "malloc, node"),
    always("brk", libc::SYS_brk, "", "malloc"),
    always("msync", libc::SYS_msync, "", "git, sqlite"),
    always("mincore", libc::SYS_mincore, "", "node, rust std"),
    always("mlock", libc::SYS_mlock, "", "gpg, openssl: within the limit"),
    always("mlock2", libc::SYS_mlock2, "", "glibc"),
    always("munlock", libc::SYS_munlock, "", "gpg"),
    always("mlockall", libc::SYS_mlockall, "", "real-time programs: within the limit"),
    always("munlockall", libc::SYS_munlockall, "", "real-time programs"),
    always("mseal", libc::SYS_mseal, "", "glibc: seals the program"),
    always("membarrier", libc::SYS_membarrier, "", "node, jemalloc"),
    always("pkey_alloc", libc::SYS_pkey_alloc, "", "node: write-protects its code"),
    always("pkey_free", libc::SYS_pkey_free, "", "node"),
    always("pkey_mprotect", libc::SYS_pkey_mprotect, "", "node"),
    always("readahead", libc::SYS_readahead, "", "package managers"),
    always("process_madvise", libc::SYS_process_madvise, "", "chromium: advice for its own children"),
    when("clone", libc::SYS_clone, "", "fork and threads, without new namespaces", &[none(0, NAMESPACES)]),
    always("execve", libc::SYS_execve, "", "sh"),
    always("execveat", libc::SYS_execveat, "", "fexecve"),
    always("exit", libc::SYS_exit, "", "threads"),
    always("exit_group", libc::SYS_exit_group, "", "every program"),
    always("wait4", libc::SYS_wait4, "", "sh"),
    always("waitid", libc::SYS_waitid, "", "node, python asyncio"),
    always("kill", libc::SYS_kill, "", "sh: within its own process list"),
    always("tkill", libc::SYS_tkill, "", "old pthreads"),
    always("tgkill", libc::SYS_tgkill, "", "abort"),
    always("pidfd_open", libc::SYS_pidfd_open, "", "python asyncio"),
    always("pidfd_send_signal", libc::SYS_pidfd_send_signal, "", "python"),
    always("getpid", libc::SYS_getpid, "", "every program"),
    always("getppid", libc::SYS_getppid, "", "sh"),
    always("gettid", libc::SYS_gettid, "", "pthreads"),
    always("getpgid", libc::SYS_getpgid, "", "sh"),
    always("setpgid", libc::SYS_setpgid, "", "sh: job control"),
    always("getsid", libc::SYS_getsid, "", "sh"),
    always("setsid", libc::SYS_setsid, "", "daemons: they die with the rest"),
    always("getuid", libc::SYS_getuid, "", "every program"),
    always("geteuid", libc::SYS_geteuid, "", "every program"),
    always("getgid", libc::SYS_getgid, "", "every program"),
    always("getegid", libc::SYS_getegid, "", "every program"),
    always("getresuid", libc::SYS_getresuid, "", "id, ssh"),
    always("getresgid", libc::SYS_getresgid, "", "id, ssh"),
    always("getgroups", libc::SYS_getgroups, "", "id"),
    always("setuid", libc::SYS_setuid, "", "programs that give up what they never had"),
    always("setgid", libc::SYS_setgid, "", "programs that give up what they never had"),
    always("setreuid", libc::SYS_setreuid, "", "programs that give up what they never had"),
    always("setregid", libc::SYS_setregid, "", "programs that give up what they never had"),
    always("setresuid", libc::SYS_setresuid, "", "programs that give up what they never had"),
    always("setresgid", libc::SYS_setresgid, "", "programs that give up what they never had"),
    always("setgroups", libc::SYS_setgroups, "", "programs that give up what they never had"),
    always("setfsuid", libc::SYS_setfsuid, "", "nfs tools: to oneself"),
    always("setfsgid", libc::SYS_setfsgid, "", "nfs tools: to oneself"),
    always("capget", libc::SYS_capget, "", "coreutils ls: shows capabilities"),
    always("capset", libc::SYS_capset, "", "programs that drop what they never had"),
    when(
        "prctl",
        libc::SYS_prctl,
        "",
        "names, death signals, no_new_privs; nothing that reveals or weakens",
        &[among(0, u32::MAX, &PROCESS_OPTIONS)],
    ),
    when(
        "personality",
        libc::SYS_personality,
        "",
        "asks, or sets the ordinary one",
        &[among(0, u32::MAX, &[0, u32::MAX])],
    ),
    when(
        "seccomp",
        libc::SYS_seccomp,
        "",
        "programs that confine themselves further, without listening",
        &[none(1, LISTENS)],
    ),
    always(
        "landlock_create_ruleset",
        libc::SYS_landlock_create_ruleset,
        "",
        "programs that confine themselves further",
    ),
    always("landlock_add_rule", libc::SYS_landlock_add_rule, "", "programs that confine themselves further"),
    always(
        "landlock_restrict_self",
        libc::SYS_landlock_restrict_self,
        "",
        "programs that confine themselves further",
    ),
    always("set_tid_address", libc::SYS_set_tid_address, "", "glibc start"),
    always("set_robust_list", libc::SYS_set_robust_list, "", "glibc start"),
    always("get_robust_list", libc::SYS_get_robust_list, "", "glibc"),
    always("rseq", libc::SYS_rseq, "", "glibc start"),
    always("futex", libc::SYS_futex, "", "every lock"),
    always("futex_waitv", libc::SYS_futex_waitv, "", "wine, newer locks"),
    always("sched_yield", libc::SYS_sched_yield, "", "malloc, node"),
    always("sched_getaffinity", libc::SYS_sched_getaffinity, "", "nproc, make"),
    always("sched_setaffinity", libc::SYS_sched_setaffinity, "", "taskset"),
    always("sched_getparam", libc::SYS_sched_getparam, "", "pthreads"),
    always("sched_setparam", libc::SYS_sched_setparam, "", "pthreads: within the limit"),
    always("sched_getscheduler", libc::SYS_sched_getscheduler, "", "pthreads"),
    always("sched_setscheduler", libc::SYS_sched_setscheduler, "", "pthreads: within the limit"),
    always("sched_get_priority_max", libc::SYS_sched_get_priority_max, "", "python"),
    always("sched_get_priority_min", libc::SYS_sched_get_priority_min, "", "python"),
    always("sched_rr_get_interval", libc::SYS_sched_rr_get_interval, "", "python"),
    always("sched_getattr", libc::SYS_sched_getattr, "", "tools that look"),
    always("getpriority", libc::SYS_getpriority, "", "nice"),
    always("setpriority", libc::SYS_setpriority, "", "nice: downwards"),
    always("ioprio_get", libc::SYS_ioprio_get, "", "ionice"),
    always("ioprio_set", libc::SYS_ioprio_set, "", "ionice: within its rights"),
    always("getcpu", libc::SYS_getcpu, "", "glibc"),
    always("getrlimit", libc::SYS_getrlimit, "", "sh ulimit"),
    always("setrlimit", libc::SYS_setrlimit, "", "sh ulimit: downwards"),
    always("prlimit64", libc::SYS_prlimit64, "", "sh ulimit: downwards"),
    always("getrusage", libc::SYS_getrusage, "", "make, time"),
    always("times", libc::SYS_times, "", "sh"),
    always("sysinfo", libc::SYS_sysinfo, "", "free, gcc, sort"),
    always("uname", libc::SYS_uname, "", "every configure script"),
    always("getrandom", libc::SYS_getrandom, "", "every program"),
    always("nanosleep", libc::SYS_nanosleep, "", "sleep"),
    always("clock_nanosleep", libc::SYS_clock_nanosleep, "", "sleep"),
    always("clock_gettime", libc::SYS_clock_gettime, "", "every program"),
    always("clock_getres", libc::SYS_clock_getres, "", "python"),
    always("gettimeofday", libc::SYS_gettimeofday, "", "every program"),
    always("setitimer", libc::SYS_setitimer, "", "perl, python signal"),
    always("getitimer", libc::SYS_getitimer, "", "perl"),
    always("timer_create", libc::SYS_timer_create, "", "glibc timers"),
    always("timer_settime", libc::SYS_timer_settime, "", "glibc timers"),
    always("timer_gettime", libc::SYS_timer_gettime, "", "glibc timers"),
    always("timer_getoverrun", libc::SYS_timer_getoverrun, "", "glibc timers"),
    always("timer_delete", libc::SYS_timer_delete, "", "glibc timers"),
    always("timerfd_create", libc::SYS_timerfd_create, "", "node, systemd libraries"),
    always("timerfd_settime", libc::SYS_timerfd_settime, "", "node"),
    always("timerfd_gettime", libc::SYS_timerfd_gettime, "", "node"),
    always("eventfd2", libc::SYS_eventfd2, "", "node, go"),
    always("signalfd4", libc::SYS_signalfd4, "", "python, make"),
    always("rt_sigaction", libc::SYS_rt_sigaction, "", "every program"),
    always("rt_sigprocmask", libc::SYS_rt_sigprocmask, "", "every program"),
    always("rt_sigreturn", libc::SYS_rt_sigreturn, "", "every signal handler"),
    always("rt_sigsuspend", libc::SYS_rt_sigsuspend, "", "sh"),
    always("rt_sigpending", libc::SYS_rt_sigpending, "", "python"),
    always("rt_sigtimedwait", libc::SYS_rt_sigtimedwait, "", "python sigwait"),
    always("rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo, "", "sigqueue"),
    always("rt_tgsigqueueinfo", libc::SYS_rt_tgsigqueueinfo, "", "pthread_sigqueue"),
    always("sigaltstack", libc::SYS_sigaltstack, "", "node, go, rust"),
    always("restart_syscall", libc::SYS_restart_syscall, "", "the kernel itself, after a stop"),
    always("ppoll", libc::SYS_ppoll, "", "sh, git"),
    always("pselect6", libc::SYS_pselect6, "", "python, make"),
    always("epoll_create1", libc::SYS_epoll_create1, "", "node, python"),
    always("epoll_ctl", libc::SYS_epoll_ctl, "", "node, python"),
    always("epoll_pwait", libc::SYS_epoll_pwait, "", "node"),
    always("epoll_pwait2", libc::SYS_epoll_pwait2, "", "newer node"),
    when(
        "socketpair",
        libc::SYS_socketpair,
        "",
        "python asyncio, node: unix sockets",
        &[among(0, u32::MAX, &[UNIX])],
    ),
    always("getsockname", libc::SYS_getsockname, "", "python"),
    always("getpeername", libc::SYS_getpeername, "", "python"),
    always("getsockopt", libc::SYS_getsockopt, "", "python"),
    always("setsockopt", libc::SYS_setsockopt, "", "python"),
    always("bind", libc::SYS_bind, "", "test servers on their own loopback"),
    always("listen", libc::SYS_listen, "", "test servers"),
    always("accept", libc::SYS_accept, "", "python"),
    always("accept4", libc::SYS_accept4, "", "node"),
    always("connect", libc::SYS_connect, "", "to the loopback of the sandbox"),
    always("sendto", libc::SYS_sendto, "", "python"),
    always("sendmsg", libc::SYS_sendmsg, "", "python multiprocessing"),
    always("sendmmsg", libc::SYS_sendmmsg, "", "glibc resolver"),
    always("recvfrom", libc::SYS_recvfrom, "", "python"),
    always("recvmsg", libc::SYS_recvmsg, "", "python multiprocessing"),
    always("recvmmsg", libc::SYS_recvmmsg, "", "glibc resolver"),
    always("shutdown", libc::SYS_shutdown, "", "python"),
];

/// Calls that newer architectures no longer have.
#[cfg(target_arch = "x86_64")]
pub(super) const OLDER: &[AllowedCall] = &[
    when(
        "open",
        libc::SYS_open,
        "",
        "musl, older programs; no set-id bits on what it makes",
        &[none(1, CREATES)],
    ),
    when(
        "open",
        libc::SYS_open,
        "",
        "musl, older programs; no set-id bits on what it makes",
        &[none(2, SET_ID)],
    ),
    when("creat", libc::SYS_creat, "", "older programs; no set-id bits", &[none(1, SET_ID)]),
    always("stat", libc::SYS_stat, "", "older programs"),
    always("lstat", libc::SYS_lstat, "", "older programs"),
    always("access", libc::SYS_access, "", "ld.so"),
    always("readlink", libc::SYS_readlink, "", "older programs"),
    always("getdents", libc::SYS_getdents, "", "older programs"),
    always("mkdir", libc::SYS_mkdir, "", "older programs"),
    always("rmdir", libc::SYS_rmdir, "", "older programs"),
    always("unlink", libc::SYS_unlink, "", "older programs"),
    always("rename", libc::SYS_rename, "", "older programs"),
    always("renameat", libc::SYS_renameat, "", "older programs"),
    always("link", libc::SYS_link, "", "older programs"),
    always("symlink", libc::SYS_symlink, "", "older programs"),
    when(
        "mknod",
        libc::SYS_mknod,
        "",
        "older programs: pipes, sockets and files alone",
        &[among(1, FILE_TYPES_AND_SET_ID, &PLAIN_FILES)],
    ),
    when("chmod", libc::SYS_chmod, "", "older programs; no set-id bits", &[none(1, SET_ID)]),
    always("chown", libc::SYS_chown, "", "older programs: to oneself"),
    always("lchown", libc::SYS_lchown, "", "older programs: to oneself"),
    always("utime", libc::SYS_utime, "", "older programs"),
    always("utimes", libc::SYS_utimes, "", "older programs"),
    always("futimesat", libc::SYS_futimesat, "", "older programs"),
    always("dup2", libc::SYS_dup2, "", "sh"),
    always("pipe", libc::SYS_pipe, "", "older programs"),
    always("fork", libc::SYS_fork, "", "older programs"),
    always("vfork", libc::SYS_vfork, "", "make, gcc"),
    always("getpgrp", libc::SYS_getpgrp, "", "sh"),
    always("pause", libc::SYS_pause, "", "older programs"),
    always("alarm", libc::SYS_alarm, "", "perl, timeout"),
    always("time", libc::SYS_time, "", "older programs"),
    always("poll", libc::SYS_poll, "", "git"),
    always("select", libc::SYS_select, "", "older programs"),
    always("epoll_create", libc::SYS_epoll_create, "", "older programs"),
    always("epoll_wait", libc::SYS_epoll_wait, "", "node"),
    always("eventfd", libc::SYS_eventfd, "", "older programs"),
    always("signalfd", libc::SYS_signalfd, "", "older programs"),
    always("inotify_init", libc::SYS_inotify_init, "", "older programs"),
    always("arch_prctl", libc::SYS_arch_prctl, "", "ld.so: sets up threads"),
    always("ustat", libc::SYS_ustat, "", "older programs"),
];

/// Calls that newer architectures no longer have.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const OLDER: &[AllowedCall] = &[];

/// Sockets, where the network namespace is the command's own.
pub(super) const SOCKETS: &[AllowedCall] = &[
    when(
        "socket",
        libc::SYS_socket,
        "",
        "unix sockets between its own processes",
        &[among(0, u32::MAX, &[UNIX])],
    ),
    when(
        "socket",
        libc::SYS_socket,
        "",
        "the loopback of the sandbox, TCP and UDP alone",
        &[
            among(0, u32::MAX, &[INET]),
            among(1, SOCKET_TYPE, &[STREAM, DATAGRAM]),
            among(2, u32::MAX, &[0, TCP, UDP]),
        ],
    ),
    when(
        "socket",
        libc::SYS_socket,
        "",
        "the loopback of the sandbox, TCP and UDP alone",
        &[
            among(0, u32::MAX, &[INET6]),
            among(1, SOCKET_TYPE, &[STREAM, DATAGRAM]),
            among(2, u32::MAX, &[0, TCP, UDP]),
        ],
    ),
    when(
        "socket",
        libc::SYS_socket,
        "",
        "glibc getaddrinfo and python ask for interfaces",
        &[among(0, u32::MAX, &[NETLINK]), among(2, u32::MAX, &[0])],
    ),
];

/// Files in memory, where a control group counts them.
pub(super) const MEMORY_FILES: &[AllowedCall] =
    &[always("memfd_create", libc::SYS_memfd_create, "", "files in memory that the control group counts")];

/// Calls that do not exist, as far as a command can tell, so that the C library takes the older way: their arguments
/// lie in memory, where a filter cannot look.
pub(super) const ABSENT: &[(&str, i64)] = &[
    ("clone3", libc::SYS_clone3),   // namespaces
    ("openat2", libc::SYS_openat2), // set-id bits
];

/// The newest call this table knows of (`mseal`); newer ones do not exist for a command.
pub(super) const LAST_KNOWN: i64 = 462;

const SET_ID: u32 = 0o6000;
const CREATES: u32 = (libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY)).cast_unsigned();
const FILE_TYPES_AND_SET_ID: u32 = libc::S_IFMT | SET_ID;
const PLAIN_FILES: [u32; 4] = [0, libc::S_IFREG, libc::S_IFIFO, libc::S_IFSOCK];
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET)
    .cast_unsigned();
const LISTENS: u32 = 1 << 3; // SECCOMP_FILTER_FLAG_NEW_LISTENER
const UNIX: u32 = libc::AF_UNIX.cast_unsigned();
const INET: u32 = libc::AF_INET.cast_unsigned();
const INET6: u32 = libc::AF_INET6.cast_unsigned();
const NETLINK: u32 = libc::AF_NETLINK.cast_unsigned();
const SOCKET_TYPE: u32 = 0xf;
const STREAM: u32 = libc::SOCK_STREAM.cast_unsigned();
const DATAGRAM: u32 = libc::SOCK_DGRAM.cast_unsigned();
const TCP: u32 = libc::IPPROTO_TCP.cast_unsigned();
const UDP: u32 = libc::IPPROTO_UDP.cast_unsigned();

/// What programs ask of a terminal, a socket or a file; not `TIOCSTI` and `TIOCLINUX`, which type for the person.
const REQUESTS: [u32; 51] = [
    0x5401,
    0x5402,
    0x5403,
    0x5404, // TCGETS, TCSETS, TCSETSW, TCSETSF: stty, every shell
    0x5409,
    0x540a,
    0x540b, // TCSBRK, TCXONC, TCFLSH: python tty
    0x540c,
    0x540d, // TIOCEXCL, TIOCNXCL
    0x540e,
    0x540f,
    0x5410, // TIOCSCTTY, TIOCGPGRP, TIOCSPGRP: job control on its own terminal
    0x5411,
    0x5413,
    0x5414, // TIOCOUTQ, TIOCGWINSZ, TIOCSWINSZ: stty
    0x541b,
    0x5420,
    0x5421,
    0x5422, // FIONREAD, TIOCPKT, FIONBIO, TIOCNOTTY: node, python
    0x5424,
    0x5425,
    0x5429, // TIOCGETD, TCSBRKP, TIOCGSID
    0x802c_542a,
    0x402c_542b,
    0x402c_542c,
    0x402c_542d, // TCGETS2 and kin: newer C libraries
    0x8004_5430,
    0x4004_5431,
    0x5441, // TIOCGPTN, TIOCSPTLCK, TIOCGPTPEER: python pty
    0x5450,
    0x5451,
    0x5452,
    0x5460, // FIONCLEX, FIOCLEX, FIOASYNC, FIOQSIZE: python
    0x8905, // SIOCATMARK: ftp, telnet
    0x8910,
    0x8912,
    0x8913,
    0x8915,
    0x8917,
    0x8919,
    0x891b,
    0x891d,
    0x8921,
    0x8927,
    0x8933,
    // SIOCGIFNAME, IFCONF, IFFLAGS, IFADDR, IFDSTADDR, IFBRDADDR, IFNETMASK, IFMETRIC, IFMTU, IFHWADDR, IFINDEX
    0x4004_9409,
    0x4020_940d, // FICLONE, FICLONERANGE: cp
    0x8008_6601,
    0x8008_7601, // FS_IOC_GETFLAGS, FS_IOC_GETVERSION: lsattr, tar
    0xc020_660b, // FS_IOC_FIEMAP: cp, filefrag
    0x8004_5200, // RNDGETENTCNT: gpg
];

/// What a process may ask for itself: no `PR_SET_MM`, no `PR_SET_PTRACER`, no speculation controls.
const PROCESS_OPTIONS: [u32; 30] = [
    1,
    2,
    3,
    4, // PDEATHSIG, DUMPABLE
    7,
    8, // KEEPCAPS: of no use without capabilities
    15,
    16, // NAME: ps
    21,
    22, // SECCOMP: programs that confine themselves further
    23,
    24, // CAPBSET: of no use without capabilities
    27, // GET_SECUREBITS
    29,
    30, // TIMERSLACK
    33, // MCE_KILL
    34, // MCE_KILL_GET
    36,
    37, // CHILD_SUBREAPER: stays within the process list
    38,
    39, // NO_NEW_PRIVS
    40, // GET_TID_ADDRESS
    41,
    42, // THP_DISABLE
    45,
    46,          // FP_MODE
    47,          // CAP_AMBIENT: locked
    52,          // GET_SPECULATION_CTRL
    59,          // PAC_SET_ENABLED_KEYS
    0x5356_4d41, // SET_VMA: names of memory areas
];
