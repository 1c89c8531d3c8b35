//! What everyday programs do when they work: the list that the compatibility table and the search for spare lines of the
//! filter run. Each stands in a fresh home, with no more rights than that.

use std::time::Duration;

use sandbox::{Ending, Report, Spec, Terminal};

use crate::house::shell;

/// One thing a program does.
pub struct Work {
    /// The program, as the filter's lines name it.
    pub program: &'static str,
    /// What is done.
    pub name: &'static str,
    /// The line of shell that does it.
    pub line: &'static str,
    /// What it prints.
    pub prints: &'static str,
    /// What its output is connected to.
    pub terminal: Terminal,
}

impl Work {
    /// The command that does it.
    pub fn spec(&self) -> Spec {
        let mut spec = shell(self.line);
        spec.terminal = self.terminal;
        spec.limits.wall = Duration::from_secs(300);
        spec
    }

    /// Whether it worked: a terminal ends lines in its own way.
    pub fn is_done(&self, report: &Report) -> bool {
        report.ending == Ending::Exited(0) && report.stdout.text().replace("\r\n", "\n") == self.prints
    }
}

const fn work(program: &'static str, name: &'static str, line: &'static str, prints: &'static str) -> Work {
    Work { program, name, line, prints, terminal: Terminal::Pipes }
}

const fn at_terminal(
    program: &'static str,
    name: &'static str,
    line: &'static str,
    prints: &'static str,
) -> Work {
    Work { program, name, line, prints, terminal: Terminal::Pty { rows: 33, columns: 77 } }
}

pub const WORKS: &[Work] = &[
    work("sh", "jobs", "sleep 0 & wait $!; echo done", "done\n"),
    work(
        "sh",
        "limits and times",
        "ulimit -n >/dev/null; ulimit -n 64; times >/dev/null; umask 077; trap 'echo caught' USR1; kill -USR1 $$",
        "caught\n",
    ),
    work(
        "sh",
        "redirections",
        "exec 3>a; echo x >&3; exec 3>&-; cat < a | tr x y; test -x /bin/sh && cd / && pwd",
        "y\n/\n",
    ),
    work("bash", "jobs", "bash -c 'sleep 0 & wait $!; echo done'", "done\n"),
    work(
        "bash",
        "process substitution",
        "bash -c 'cat <(echo one) <(echo two); read -t 1 x <<< three; echo $x'",
        "one\ntwo\nthree\n",
    ),
    work(
        "bash",
        "what may be done with files",
        "bash -c 'touch a; [[ -r a && -w a && ! -x a && -O a ]] && echo right'",
        "right\n",
    ),
    work("coreutils", "df", "df -P / | tail -1 | awk '{print $6}'", "/\n"),
    work("coreutils", "sort", "printf 'b\\na\\n' | sort", "a\nb\n"),
    work("coreutils", "sort on disk", "seq 20000 | sort -R -S 64k | sort -n -S 64k | tail -1", "20000\n"),
    work(
        "coreutils",
        "copies and moves",
        "echo x > a; cp -a a b; ln a c; ln -s a d; mv b e; install -m 755 a f; cp -r --preserve=all d g; cat c d e f g | wc -l; mkdir -p h/i; mv h j; rmdir j/i j; rm -r a c d",
        "5\n",
    ),
    work(
        "coreutils",
        "times, sizes and modes",
        "touch -d @0 a; truncate -s 10 a; chmod 640 a; chown $(id -u):$(id -g) a; chown -h $(id -u) a; stat -c '%a %s %u' a; du -k a >/dev/null",
        "640 10 1000\n",
    ),
    work(
        "coreutils",
        "writes to disk",
        "echo x > a; sync a; sync -d a; sync -f a; sync; dd if=a of=b conv=fsync status=none; dd if=a of=b conv=fdatasync status=none; cat b",
        "x\n",
    ),
    work(
        "coreutils",
        "pipes",
        "mkfifo p; mknod q p; (echo through > p &) ; cat p | tee a; timeout 5 cat a; tail -f --pid=$$ a >/dev/null & sleep 0.2; kill $!",
        "through\nthrough\n",
    ),
    work(
        "coreutils",
        "who and how many",
        "id -G >/dev/null; nproc >/dev/null; echo $(($(nice -n 1 nice) - $(nice))); uname -s; stty -a </dev/null 2>/dev/null; sleep 0.01; date -u -d @0 +%Y",
        "1\nLinux\n1970\n",
    ),
    work(
        "util-linux",
        "locks and places on disk",
        "flock a echo locked; fallocate -l 8192 b; fallocate -p -l 4096 b; stat -c %s b; namei /usr >/dev/null && echo there",
        "locked\n8192\nthere\n",
    ),
    work(
        "util-linux",
        "processors and priorities",
        "taskset -c 0 true; taskset -p $$ >/dev/null; chrt -p $$ >/dev/null; chrt -b 0 true; ionice -c3 true; ionice -p $$; renice -n 1 $$ >/dev/null; prlimit --pid $$ --nofile --noheadings >/dev/null; echo set",
        "none: prio 0\nset\n",
    ),
    work("util-linux", "a session", "setsid -w echo alone", "alone\n"),
    work(
        "find",
        "walks",
        "touch a b; find . -type f | wc -l; find . -name a -exec echo found \\;",
        "2\nfound\n",
    ),
    work(
        "tar",
        "packs and unpacks",
        "mkdir d; echo hi > d/f; mkfifo d/p; tar --xattrs -cf a.tar d; rm -r d; tar --xattrs -xpf a.tar; cat d/f; tar -czf b.tgz d; tar tzf b.tgz | wc -l",
        "hi\n3\n",
    ),
    work("make", "builds", "printf 'all:\\n\\t@echo made\\n' > Makefile; make", "made\n"),
    work(
        "make",
        "builds in parallel",
        "printf 'all: a b\\na b:\\n\\t@true\\n' > Makefile; make -j4 && echo ok",
        "ok\n",
    ),
    work(
        "gcc",
        "compiles and links",
        "printf 'int puts(const char*);int main(){puts(\"built\");}' > a.c; gcc -pipe -g a.c && ./a.out; gcc -c -save-temps a.c && ar rcs a.a a.o && strip a.out && ./a.out",
        "built\nbuilt\n",
    ),
    work("jq", "filters", "echo '{\"a\":[1,2]}' | jq -c .a", "[1,2]\n"),
    work(
        "perl",
        "children and clocks",
        r#"perl -e 'my $p=fork; if(!$p){exit 3} waitpid $p,0; print $?>>8,"\n"; local $SIG{ALRM}=sub{print "rang\n"}; alarm 1; select undef,undef,undef,5; pipe R,W; syswrite W,"x"; print -t STDIN ? 1 : 0,"\n"; utime 0,0,$0; my @t=times; print getpgrp>0,"\n"'"#,
        "3\nrang\n0\n1\n",
    ),
    work(
        "curl",
        "over the loopback",
        "curl -s http://localhost:9/; python3 -m http.server -b 127.0.0.1 8000 >/dev/null 2>&1 & for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2; curl -s http://localhost:8000/ >/dev/null && break; done; curl -so /dev/null -w '%{http_code}\\n' http://127.0.0.1:8000/; kill $!",
        "200\n",
    ),
    work("node", "starts", "node -e 'console.log(require(\"os\").cpus().length > 0, 6 * 7)'", "true 42\n"),
    work(
        "node",
        "a child",
        "node -e 'console.log(require(\"child_process\").execSync(\"echo child\").toString().trim())'",
        "child\n",
    ),
    work(
        "node",
        "a worker",
        "node -e 'const {Worker} = require(\"worker_threads\"); new Worker(\"require(\\\"worker_threads\\\").parentPort.postMessage(5)\", {eval: true}).on(\"message\", m => console.log(m))'",
        "5\n",
    ),
    work(
        "node",
        "files, watched",
        r#"cat > a.js <<'X'
const fs = require("fs"), os = require("os");
fs.writeFileSync("a", "1"); fs.copyFileSync("a", "b"); fs.appendFileSync("b", "2"); fs.renameSync("b", "c");
fs.mkdirSync("d/e", {recursive: true}); fs.symlinkSync("c", "f"); fs.linkSync("c", "g"); fs.chmodSync("c", 0o600);
fs.utimesSync("c", 0, 0); fs.truncateSync("c", 1); fs.fsyncSync(fs.openSync("c", "r+")); fs.accessSync("c"); fs.statfsSync(".");
console.log(fs.readdirSync(".").join(" "), fs.readlinkSync("f"), fs.realpathSync("f") !== "", fs.readFileSync("g", "utf8"));
os.setPriority(5); os.userInfo(); os.networkInterfaces(); os.freemem();
const w = fs.watch(".", () => { console.log("changed"); w.close(); }); fs.writeFileSync("h", "x");
fs.rmSync("d", {recursive: true});
X
node a.js"#,
        "a a.js c d f g c true 1\nchanged\n",
    ),
    work(
        "node",
        "servers",
        r#"cat > a.js <<'X'
const net = require("net"), dgram = require("dgram"), { fork } = require("child_process");
if (process.argv[2]) { process.send("up"); process.disconnect(); } else {
  const s = net.createServer(c => c.end("tcp")).listen(0, "127.0.0.1", () => {
    net.connect(s.address().port, "127.0.0.1").on("data", d => { console.log(String(d)); s.close(); unix(); });
  });
  const unix = () => { const u = net.createServer(c => c.end("unix")).listen("u.sock", () => {
    net.connect("u.sock").on("data", d => { console.log(String(d)); u.close(); udp(); }); }); };
  const udp = () => { const d = dgram.createSocket("udp4").on("message", m => { console.log(String(m)); d.close(); child(); });
    d.bind(0, "127.0.0.1", () => d.send("udp", d.address().port, "127.0.0.1")); };
  const child = () => fork(__filename, ["x"]).on("message", m => console.log(m));
}
X
node a.js"#,
        "tcp\nunix\nudp\nup\n",
    ),
    work(
        "git",
        "commits",
        "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one && git log --format=%s",
        "one\n",
    ),
    work(
        "git",
        "clones, branches and packs",
        "git init -q a && cd a && git config user.name a && git config user.email a@b && echo x > f && git add f && git commit -qm one && git checkout -qb two && echo y >> f && git commit -qam two && git gc -q && git fsck --no-progress 2>/dev/null; cd .. && git clone -q a b && git -C b log --format=%s && git -C a status --short && git -C a archive HEAD | tar t && git -C a stash list",
        "two\none\nf\n",
    ),
    work("python", "starts", "python3 -c 'print(6*7)'", "42\n"),
    work(
        "python",
        "threads",
        "python3 -c 'import concurrent.futures as c; print(sum(c.ThreadPoolExecutor(4).map(abs, range(5))))'",
        "10\n",
    ),
    work(
        "python",
        "multiprocessing",
        "printf 'import multiprocessing as m\\nif __name__ == \"__main__\":\\n    with m.Pool(3) as p: print(p.map(abs, [-1, 2]))\\n' > a.py; python3 a.py",
        "[1, 2]\n",
    ),
    work(
        "python",
        "multiprocessing, every way to start",
        "printf 'import multiprocessing as m\\nif __name__ == \"__main__\":\\n  for way in m.get_all_start_methods():\\n    with m.get_context(way).Pool(2) as p: print(p.map(abs, [-1, 2]))\\n' > a.py; python3 a.py",
        "[1, 2]\n[1, 2]\n[1, 2]\n",
    ),
    work(
        "python",
        "multiprocessing manager",
        "printf 'import multiprocessing as m\\nif __name__ == \"__main__\":\\n    with m.Manager() as g: print(list(g.list([1])))\\n' > a.py; python3 a.py",
        "[1]\n",
    ),
    work(
        "python",
        "asyncio",
        "python3 -c 'import asyncio; print(asyncio.run(asyncio.wait_for(asyncio.sleep(0, 3), 1)))'",
        "3\n",
    ),
    work(
        "python",
        "asyncio child",
        "printf 'import asyncio\\nasync def go():\\n    p = await asyncio.create_subprocess_exec(\"echo\", \"child\", stdout=-1)\\n    print((await p.communicate())[0].decode(), end=\"\")\\nasyncio.run(go())\\n' > a.py; python3 a.py",
        "child\n",
    ),
    work(
        "python",
        "asyncio server",
        r#"cat > a.py <<'X'
import asyncio
async def serve(r, w):
    w.write(await r.read(4)); w.close()
async def go():
    s = await asyncio.start_server(serve, "127.0.0.1", 0)
    r, w = await asyncio.open_connection(*s.sockets[0].getsockname()); w.write(b"echo"); print((await r.read()).decode())
    u = await asyncio.start_unix_server(serve, "u"); r, w = await asyncio.open_unix_connection("u"); w.write(b"unix"); print((await r.read()).decode())
asyncio.run(go())
X
python3 a.py"#,
        "echo\nunix\n",
    ),
    work(
        "python",
        "sqlite",
        "python3 -c 'import sqlite3; c = sqlite3.connect(\"a.db\"); c.execute(\"pragma journal_mode=wal\"); c.execute(\"create table t(x)\"); c.execute(\"insert into t values(1)\"); c.commit(); print(c.execute(\"select x from t\").fetchone()[0])'",
        "1\n",
    ),
    work("python", "venv", "python3 -m venv --without-pip v && v/bin/python -c 'print(1)'", "1\n"),
    work(
        "python",
        "temporary files",
        "python3 -c 'import tempfile; f = tempfile.TemporaryFile(); f.write(b\"x\"); print(f.tell())'",
        "1\n",
    ),
    work(
        "python",
        "files at a place",
        r#"cat > a.py <<'X'
import os, mmap, fcntl, shutil
f = os.open("a", os.O_RDWR | os.O_CREAT, 0o644)
os.pwritev(f, [b"ab", b"cd"], 0); b = bytearray(2); os.preadv(f, [b], 1); print(bytes(b).decode())
os.pwritev(f, [b"x"], 0, os.RWF_DSYNC); os.preadv(f, [b], 0, os.RWF_HIPRI if False else 0)
os.writev(f, [b"y", b"z"]); os.lseek(f, 0, 0); os.readv(f, [b]); os.pwrite(f, b"q", 9); os.pread(f, 1, 9)
os.posix_fallocate(f, 0, 8192); os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED); os.ftruncate(f, 4096); os.truncate("a", 4096)
os.fsync(f); os.fdatasync(f); os.sync(); os.fchmod(f, 0o600); os.fchown(f, -1, -1); os.lchown("a", -1, -1); os.utime("a", (0, 0))
m = mmap.mmap(f, 4096); m[0] = 1; m.flush(); m.madvise(mmap.MADV_WILLNEED); m.resize(8192)
fcntl.flock(f, fcntl.LOCK_EX); fcntl.lockf(f, fcntl.LOCK_UN); os.copy_file_range(f, os.open("b", os.O_RDWR | os.O_CREAT), 10, 0, 0); shutil.copyfile("a", "c")
r, w = os.pipe2(0); os.splice(f, w, 4, 0); os.sendfile(w, f, 0, 4); os.dup2(r, 20); os.dup2(r, 21, False); os.mkfifo("p"); os.mknod("n"); os.link("a", "l"); os.symlink("a", "s"); os.readlink("s")
os.rename("l", "l2"); os.replace("l2", "l3"); os.unlink("l3"); os.mkdir("d"); os.chmod("d", 0o700); d = os.open("d", os.O_RDONLY); os.fchdir(d); os.mkdir("e", dir_fd=d); os.rmdir("e"); os.statvfs("."); os.fstatvfs(d); os.access(".", os.W_OK); os.scandir(d)
print("done")
X
python3 a.py"#,
        "bc\ndone\n",
    ),
    work(
        "python",
        "attributes of files",
        "python3 -c 'import os\nopen(\"a\",\"w\")\nf=os.open(\"a\",0)\nfor x in (\"a\", f):\n  for g in (lambda: os.setxattr(x,\"user.k\",b\"v\"), lambda: os.getxattr(x,\"user.k\"), lambda: os.listxattr(x), lambda: os.removexattr(x,\"user.k\")):\n    try: g()\n    except OSError as e: assert e.errno in (95, 61), e\nfor g in (lambda: os.setxattr(\"a\",\"user.k\",b\"v\",follow_symlinks=False), lambda: os.getxattr(\"a\",\"user.k\",follow_symlinks=False), lambda: os.listxattr(\"a\",follow_symlinks=False), lambda: os.removexattr(\"a\",\"user.k\",follow_symlinks=False)):\n  try: g()\n  except OSError as e: assert e.errno in (95, 61), e\nprint(1)'",
        "1\n",
    ),
    work(
        "python",
        "processes and signals",
        r#"cat > a.py <<'X'
import os, signal, time, select, resource
signal.signal(signal.SIGUSR1, lambda *_: None); signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]); os.kill(os.getpid(), signal.SIGUSR2)
print(signal.sigpending() == {signal.SIGUSR2}, signal.sigwait([signal.SIGUSR2]).name, signal.sigtimedwait([signal.SIGUSR2], 0))
signal.setitimer(signal.ITIMER_REAL, 0.01); signal.getitimer(signal.ITIMER_REAL); signal.signal(signal.SIGALRM, lambda *_: None); signal.pause(); signal.alarm(0); signal.raise_signal(signal.SIGUSR1); signal.pthread_kill(__import__("threading").get_ident(), signal.SIGUSR1)
p = os.fork()
if p == 0: os.setsid(); os._exit(4)
f = os.pidfd_open(p); select.select([f], [], [], 5); print(os.waitid(os.P_PIDFD, f, os.WEXITED).si_status)
q = os.fork()
if q == 0: time.sleep(30)
signal.pidfd_send_signal(os.pidfd_open(q), signal.SIGKILL); os.setpgid(q, q) if False else None; print(os.waitpid(q, 0)[1])
os.getpgid(0), os.getsid(0), os.getppid(), os.getpgrp(), os.getresuid(), os.getresgid(), os.getgroups(), os.getlogin if False else 0
resource.getrlimit(resource.RLIMIT_NOFILE); resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); resource.prlimit(0, resource.RLIMIT_NOFILE); resource.getrusage(resource.RUSAGE_SELF); os.times(); os.nice(1); os.setpriority(0, 0, os.getpriority(0, 0))
os.sched_yield(); os.sched_getaffinity(0); os.sched_setaffinity(0, os.sched_getaffinity(0)); os.sched_getscheduler(0); os.sched_getparam(0); os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)); os.sched_setparam(0, os.sched_param(0)); os.sched_get_priority_max(1); os.sched_get_priority_min(1); os.sched_rr_get_interval(0)
time.clock_getres(0); time.sleep(0.001); os.uname(); os.getrandom(4); os.getloadavg(); os.sysconf("SC_PHYS_PAGES"); os.umask(0o22)
e = os.eventfd(0); t = select.epoll(); t.register(e, 1); t.poll(0); select.poll().poll(0); os.posix_spawn("/bin/true", ["true"], {}); os.wait()
try: os.memfd_create("m")
except PermissionError: pass # where no control group counts it
print("done")
X
python3 a.py"#,
        "True SIGUSR2 None\n4\n9\ndone\n",
    ),
    work(
        "python",
        "sockets",
        r#"cat > a.py <<'X'
import socket, array, os
s = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(s.getsockname()); a, _ = s.accept(); c.sendall(b"x"); print(a.recv(1)); a.getpeername(); a.getsockopt(1, 4); a.setsockopt(6, 1, 1); a.shutdown(2)
if socket.has_ipv6: socket.socket(socket.AF_INET6).close()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0)); u.sendto(b"y", u.getsockname()); print(u.recvfrom(1)[0])
l, r = socket.socketpair(); f = os.open("/dev/null", 0); socket.send_fds(l, [b"z"], [f]); print(socket.recv_fds(r, 1, 1)[0]); socket.if_nameindex(); socket.if_indextoname(1); socket.if_nametoindex("lo"); socket.getaddrinfo("localhost", 80); socket.gethostname()
X
python3 a.py"#,
        "b'x'\nb'y'\nb'z'\n",
    ),
    at_terminal("coreutils", "at a terminal", "stty size; stty -echo; stty echo; stty 9600; ls", "33 77\n"),
    at_terminal("bash", "at a terminal", "bash -ic '{ sleep 0 & fg; } >/dev/null 2>&1; echo fine'", "fine\n"),
    work(
        "git",
        "to disk, in one go",
        "git init -q . && echo x > f && git -c core.fsync=all -c core.fsyncMethod=batch add f && git -c core.fsync=all -c core.fsyncMethod=batch -c user.name=a -c user.email=a@b commit -qm one && git log --format=%s",
        "one\n",
    ),
    work("util-linux", "what is in memory", "echo x > a; fincore -n a >/dev/null && echo told", "told\n"),
    work(
        "node",
        "buffers at a place",
        r#"cat > a.js <<'X'
const fs = require("fs"), f = fs.openSync("a", "w+"), b = Buffer.alloc(2);
fs.writevSync(f, [Buffer.from("ab"), Buffer.from("cd")], 0); fs.readvSync(f, [Buffer.alloc(1), Buffer.alloc(1)], 1); fs.writevSync(f, [b]); fs.readvSync(f, [b]);
console.log(String(b));
X
node a.js"#,
        "cd\n",
    ),
    work(
        "node",
        "keys in memory of their own",
        "node --secure-heap=65536 -e 'console.log(require(\"crypto\").secureHeapUsed().total)'",
        "65536\n",
    ),
    work(
        "sh",
        "stops and goes on",
        "sleep 1 & sleep 0.3; kill -STOP $!; kill -CONT $!; wait $! && echo slept",
        "slept\n",
    ),
    work(
        "perl",
        "its own name",
        "perl -e '$0 = \"named\"; print \"named\\n\" if `cat /proc/$$/comm` eq \"named\\n\"'",
        "named\n",
    ),
    work(
        "python",
        "who it is and what it used",
        r#"cat > a.py <<'X'
import os, time
os.setuid(os.getuid()); os.setgid(os.getgid()); os.setresuid(-1, -1, -1); os.setresgid(-1, -1, -1)
open("a", "w"); os.chown("a", os.getuid(), -1); d = os.open(".", 0); os.rename("a", "b", src_dir_fd=d, dst_dir_fd=d); os.lchown("b", -1, -1)
print(time.process_time() >= 0, os.listdir(".") != [])
X
python3 -X faulthandler a.py"#,
        "True True\n",
    ),
    work(
        "c",
        "timers, signals and sockets",
        r#"cat > a.c <<'X'
#define _GNU_SOURCE
#include <time.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <pthread.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/socket.h>
#include <netinet/in.h>
static volatile int heard;
static void hear(int n, siginfo_t *i, void *c) { heard += i->si_value.sival_int; }
int main(void) {
  struct sigaction a = { .sa_sigaction = hear, .sa_flags = SA_SIGINFO };
  sigaction(SIGUSR1, &a, 0);
  sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 1 });
  pthread_sigqueue(pthread_self(), SIGUSR1, (union sigval){ .sival_int = 2 });
  timer_t t; struct itimerspec v = { .it_value = { 5, 0 } };
  struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
  if (timer_create(CLOCK_MONOTONIC, &e, &t) || timer_settime(t, 0, &v, 0) || timer_gettime(t, &v) || timer_getoverrun(t) < 0 || timer_delete(t)) return 1;
  int f = timerfd_create(CLOCK_MONOTONIC, 0); struct itimerspec w = { .it_value = { 0, 1000 } };
  if (timerfd_settime(f, 0, &w, 0) || timerfd_gettime(f, &w)) return 2;
  struct pollfd p = { .fd = f, .events = POLLIN }; struct timespec s = { 5, 0 };
  if (ppoll(&p, 1, &s, 0) != 1) return 3;
  int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in n = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }; socklen_t z = sizeof n;
  if (bind(l, (void *)&n, z) || listen(l, 1) || getsockname(l, (void *)&n, &z) || connect(c, (void *)&n, z) || accept(l, 0, 0) < 0) return 4;
  char name[16];
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NAME, "named") || prctl(PR_GET_NAME, name) || prctl(PR_SET_CHILD_SUBREAPER, 1) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 5;
  prctl(0x53564d41, 0, 0, 0, 0); // names of memory areas: kernels may be built without
  printf("heard %d\n", heard);
}
X
gcc -w -pthread a.c -o a && ./a"#,
        "heard 3\n",
    ),
    work(
        "older-c",
        "what older C libraries call, and machines whose clocks cannot be read without a call",
        r#"cat > a.c <<'X'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>
int main(void) {
  struct stat s; struct timeval v; struct timespec t = { 0, 1000 }; int p[2], status; unsigned cpu; char b = 'x';
  int f = syscall(SYS_open, "made", O_RDWR | O_CREAT, 0644);
  if (f < 0 || syscall(SYS_open, "made", O_RDONLY, 0) < 0 || syscall(SYS_stat, "made", &s) || syscall(SYS_lstat, "made", &s) || syscall(SYS_utimes, "made", 0) || syscall(SYS_mknod, "queue", S_IFIFO | 0600, 0)) return 1;
  if (syscall(SYS_gettimeofday, &v, 0) || syscall(SYS_time, 0) <= 0 || syscall(SYS_clock_gettime, CLOCK_REALTIME, &t) || syscall(SYS_clock_getres, CLOCK_REALTIME, &t) || syscall(SYS_getcpu, &cpu, 0, 0)) return 2;
  t.tv_sec = 0; t.tv_nsec = 1000;
  if (syscall(SYS_nanosleep, &t, 0) || syscall(SYS_pipe, p)) return 3;
  int child = syscall(SYS_fork);
  if (child == 0) { syscall(SYS_write, p[1], &b, 1); syscall(SYS_tkill, syscall(SYS_gettid), SIGKILL); }
  fd_set r; FD_ZERO(&r); FD_SET(p[0], &r);
  struct timeval w = { 5, 0 };
  if (syscall(SYS_select, p[0] + 1, &r, 0, 0, &w) != 1 || waitpid(child, &status, 0) != child) return 4;
  printf("done %d\n", WTERMSIG(status));
}
X
gcc -w a.c -o a && ./a"#,
        "done 9\n",
    ),
    at_terminal(
        "c",
        "at a terminal, as newer C libraries ask",
        r#"cat > a.c <<'X'
#include <asm/termbits.h>
#include <stdio.h>
#include <sys/ioctl.h>
int main(void) {
  struct termios2 t;
  if (ioctl(0, TCGETS2, &t) || ioctl(0, TCSETS2, &t) || ioctl(0, TCSETSW2, &t) || ioctl(0, TCSETSF2, &t)) return 1;
  puts("asked");
}
X
gcc -w a.c -o a && ./a"#,
        "asked\n",
    ),
    at_terminal(
        "python",
        "at a terminal",
        "python3 -c 'import os, termios, tty, fcntl; a = termios.tcgetattr(0); tty.setraw(0); termios.tcsetattr(0, termios.TCSAFLUSH, a); termios.tcdrain(0); termios.tcflush(0, 2); termios.tcsendbreak(0, 0); termios.tcflow(0, 1); print(os.ttyname(0) if False else os.isatty(0), os.get_terminal_size().columns, os.tcgetpgrp(0) == os.getpgrp()); os.tcsetpgrp(0, os.getpgrp()); fcntl.ioctl(0, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, b\"x\" * 8)); fcntl.ioctl(0, termios.FIONREAD, b\"x\" * 4); fcntl.ioctl(0, termios.TIOCOUTQ, b\"x\" * 4)'",
        "True 77 True\n",
    ),
    at_terminal(
        "node",
        "at a terminal",
        "node -e 'process.stdin.setRawMode(true); process.stdin.setRawMode(false); console.log(process.stdout.isTTY, process.stdout.columns); process.exit()'",
        "true 77\n",
    ),
];
