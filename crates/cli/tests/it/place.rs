//! A place of its own for a test: the program where its user can run it, homes, and what runs on them.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests start the program itself, and make its user where root runs them"
)]

use crate::client::Client;
use sandbox::process::{User, find_user};
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long anything may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with the program and homes in it; gone when dropped.
pub struct Place {
    folder: TempDir,
    pub user: Option<User>,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Place {
    /// Root's tests need the user that the program becomes, and the program where that user reaches it.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("hardshell-it").tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        for (name, program) in [
            ("hardshell", env!("CARGO_BIN_EXE_hardshell")),
            ("hardshell-sandbox", env!("CARGO_BIN_EXE_hardshell-sandbox")),
        ] {
            let path = folder.path().join(name);
            fs::copy(program, &path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        let user = rustix::process::geteuid().is_root().then(service_user);
        Self { folder, user }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A home with `config` as its configuration; without one it is empty.
    pub fn home(&self, name: &str, config: Option<&str>) -> PathBuf {
        let home = self.path(name);
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
        self.give(&home);
        if let Some(config) = config {
            self.text(&home.join("hardshell.toml"), config);
        }
        home
    }

    /// A private folder of a home.
    pub fn folder(&self, path: &Path) {
        if !path.exists() {
            fs::create_dir(path).unwrap();
        }
        fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
        self.give(path);
    }

    /// A private file of a home.
    pub fn text(&self, path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        self.give(path);
    }

    pub fn give(&self, path: &Path) {
        if let Some(user) = &self.user {
            chown(path, Some(user.user), Some(user.group)).unwrap();
        }
    }

    /// Gives a folder and all that is in it to the user that the program becomes.
    pub fn give_all(&self, folder: &Path) {
        self.give(folder);
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                self.give_all(&entry.path());
            } else if !entry.file_type().unwrap().is_symlink() {
                self.give(&entry.path());
            }
        }
    }

    /// A shell that runs `script` where `home` is a file system of `size` of its own; its arguments are to be added.
    /// Ordinary users get that in a user namespace, and a second one makes them themselves again.
    pub fn on_small_disk(&self, home: &Path, size: &str, script: &str) -> Command {
        let user = rustix::process::geteuid().as_raw();
        let group = rustix::process::getegid().as_raw();
        let inner = self.command(home);
        let (apart, owner, again) = match &self.user {
            Some(user) => {
                ("unshare --mount", format!(",uid={},gid={}", user.user, user.group), String::new())
            }
            None => (
                "unshare --user --map-root-user --mount",
                String::new(),
                format!("unshare --user --map-user={user} --map-group={group}"),
            ),
        };
        let mount = format!("mount -t tmpfs -o size={size},mode=0700{owner} tmpfs \"$HARDSHELL_HOME\"");
        let line = format!("set -e; {mount}; exec {again} sh -c \"$0\" sh \"$@\"");
        let mut outer = Command::new("sh");
        outer.current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        for (name, value) in inner.get_envs() {
            outer.env(name, value.unwrap_or_default());
        }
        outer.args(["-c", &format!("exec {apart} sh -c '{line}' \"$0\" \"$@\""), script]);
        outer
    }

    /// `hardshell`, about to be started on a home.
    pub fn command(&self, home: &Path) -> Command {
        let mut command = Command::new(self.path("hardshell"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        command.env("HOME", self.folder.path()).env("HARDSHELL_HOME", home);
        command.stdin(Stdio::null());
        command
    }

    /// `hardshell`, about to be started by way of `wrapper`.
    fn wrapped(&self, home: &Path, wrapper: &[String]) -> Command {
        let inner = self.command(home);
        let Some((program, rest)) = wrapper.split_first() else { return inner };
        let mut command = Command::new(program);
        command.args(rest).arg(inner.get_program()).env_clear().stdin(Stdio::null());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.folder.path());
        command
    }

    /// Runs `hardshell` with `arguments` to its end, by way of `wrapper`.
    pub async fn run_by(&self, home: &Path, wrapper: &[String], arguments: &[&str]) -> Said {
        let mut command = self.wrapped(home, wrapper);
        command.args(arguments);
        Self::ended(command).await
    }

    /// Runs `hardshell` with `arguments` to its end.
    pub async fn run(&self, home: &Path, arguments: &[&str]) -> Said {
        let mut command = self.command(home);
        command.args(arguments);
        Self::ended(command).await
    }

    /// The same as an ordinary user, whose own folder `own` is.
    pub async fn run_as_user(&self, own: &Path, arguments: &[&str]) -> Said {
        let mut command = match &self.user {
            None => Command::new(self.path("hardshell")),
            Some(user) => {
                let mut command = Command::new("setpriv");
                let ids = [format!("--reuid={}", user.user), format!("--regid={}", user.group)];
                command.args(ids).arg("--clear-groups").arg(self.path("hardshell"));
                command
            }
        };
        command.current_dir(self.folder.path()).env_clear().env("HOME", own).args(arguments);
        command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        Self::ended(command).await
    }

    async fn ended(mut command: Command) -> Said {
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = tokio::time::timeout(PATIENCE, output).await.unwrap().unwrap().unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs `hardshell` with `arguments` to its end, with `input` piped in.
    pub async fn run_with(&self, home: &Path, arguments: &[&str], input: &str) -> Said {
        let mut command = self.command(home);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_string());
        let output = tokio::task::spawn_blocking(move || {
            // A program that needs no input closes its end.
            let _ = stdin.write_all(input.as_bytes());
            drop(stdin);
            child.wait_with_output()
        });
        let output = tokio::time::timeout(PATIENCE, output).await.unwrap().unwrap().unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Writes a private file that belongs to whoever the program runs as.
    pub fn plant(&self, path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        self.give(path);
    }

    /// Starts `hardshell up` on a home; it takes messages when this returns.
    pub async fn up(&self, home: &Path) -> Up {
        self.up_with(home, &[], &[]).await
    }

    /// The library that shows a program another clock.
    pub fn fake_clock() -> PathBuf {
        let library = fs::read_dir("/usr/lib").unwrap().flatten();
        let mut library = library.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
        library.find(|path| path.exists()).expect("libfaketime is installed")
    }

    /// The same, with the clock of the machine at another time.
    pub async fn up_at(&self, home: &Path, clock: &str) -> Up {
        let library = Self::fake_clock();
        let variables = [
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAKETIME", clock),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        self.up_with(home, &variables, &[]).await
    }

    /// The same, with more in its environment and on its command line.
    pub async fn up_with(&self, home: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Up {
        let started = self.up_by(home, &[], variables, arguments).await;
        started.unwrap_or_else(|said| panic!("hardshell did not start: {said:?}"))
    }

    /// The same by way of `wrapper`: programs and their arguments that end in becoming it. An error is how it ended
    /// before it was up.
    pub async fn up_by(
        &self,
        home: &Path,
        wrapper: &[String],
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Up, Said> {
        let mut command = self.wrapped(home, wrapper);
        command.envs(variables.iter().copied());
        self.started(command, home, arguments).await
    }

    /// The same, in a mount namespace whose `/etc/hosts` is the file `hosts`.
    pub async fn up_with_hosts(&self, home: &Path, hosts: &Path) -> Up {
        let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let (apart, again) = match &self.user {
            Some(_) => ("unshare --mount", String::new()),
            None => (
                "unshare --user --map-root-user --mount",
                format!("unshare --user --map-user={user} --map-group={group}"),
            ),
        };
        let inner = format!("mount --bind \"$0\" /etc/hosts && exec {again} \"$@\"");
        let of_program = self.command(home);
        let mut outer = Command::new("sh");
        outer.current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        outer.envs(of_program.get_envs().map(|(name, value)| (name, value.unwrap_or_default())));
        outer.args(["-c", &format!("exec {apart} sh -c '{inner}' \"$0\" \"$@\"")]);
        outer.arg(hosts).arg(of_program.get_program());
        let started = self.started(outer, home, &[]).await;
        started.unwrap_or_else(|said| panic!("hardshell did not start: {said:?}"))
    }

    /// The same under `strace`: a file for each process, with what it started and where it connected or sent. For
    /// ordinary users in a user namespace, for the program's memory is not theirs to read; a second one makes them
    /// themselves again.
    pub async fn up_traced(&self, home: &Path, to: &Path) -> Up {
        let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let (apart, again) = match &self.user {
            Some(_) => ("", String::new()),
            None => (
                "unshare --user --map-root-user",
                format!("unshare --user --map-user={user} --map-group={group}"),
            ),
        };
        let calls = "connect,sendto,sendmsg,sendmmsg,getsockname,execve,clone,clone3,fork,vfork";
        let tracer = format!("strace -ff -qq -s 64 --decode-pids=pidns -e trace={calls} -o \"$0\"");
        let of_program = self.command(home);
        let mut outer = Command::new("sh");
        outer.current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        outer.envs(of_program.get_envs().map(|(name, value)| (name, value.unwrap_or_default())));
        outer.args(["-c", &format!("exec {apart} {tracer} {again} \"$@\"")]).arg(to);
        outer.arg(of_program.get_program());
        let started = self.started(outer, home, &[]).await;
        let mut up = started.unwrap_or_else(|said| panic!("hardshell did not start: {said:?}"));
        let tracer = up.child.id();
        let children = fs::read_to_string(format!("/proc/{tracer}/task/{tracer}/children")).unwrap();
        let traced = children.split_whitespace().next().and_then(|text| text.parse().ok());
        up.traced = Some(rustix::process::Pid::from_raw(traced.unwrap()).unwrap());
        up
    }

    async fn started(&self, mut command: Command, home: &Path, arguments: &[&str]) -> Result<Up, Said> {
        let log = home.with_extension("log");
        let before = fs::metadata(&log).map_or(0, |found| found.len());
        let file = fs::File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command
            .args(["up", "--home", home.to_str().unwrap(), "--port", "0", "--json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut up = Up { child, traced: None, address: String::new(), link: None, client: Client::of(home) };
        let first = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            out.read_line(&mut line).map(|_bytes| line)
        });
        let out = tokio::time::timeout(PATIENCE, first).await.unwrap().unwrap().unwrap();
        let Ok(started) = serde_json::from_str::<serde_json::Value>(&out) else {
            let code = up.ended().await.code();
            let all = fs::read(&log).unwrap_or_default();
            let said = all.get(usize::try_from(before).unwrap()..).unwrap_or_default();
            return Err(Said { code, out, err: String::from_utf8_lossy(said).into_owned() });
        };
        up.address = started["address"].as_str().unwrap().to_string();
        up.link = started["link"].as_str().map(str::to_string);
        Ok(up)
    }
}

/// The user that the program becomes when root starts it; made where it is missing.
fn service_user() -> User {
    if let Ok(user) = find_user("hardshell") {
        return user;
    }
    let made = std::process::Command::new("useradd")
        .args(["--system", "--home-dir", "/var/lib/hardshell", "--shell", "/usr/sbin/nologin", "hardshell"])
        .output()
        .unwrap();
    // Another test may have made it in between.
    find_user("hardshell").unwrap_or_else(|error| panic!("{error}: {made:?}"))
}

/// A running `hardshell up`; killed when dropped.
pub struct Up {
    child: Child,
    /// The program itself, where the child is its tracer.
    traced: Option<rustix::process::Pid>,
    pub address: String,
    pub link: Option<String>,
    pub client: Client,
}

impl Up {
    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGSTOP: it is there, and does nothing any more.
    pub fn hang(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::STOP).unwrap();
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, without waiting.
    pub fn ask_to_stop(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// Whether it has ended by now.
    pub fn is_gone(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        let begun = std::time::Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it has not ended");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGTERM; it leaves by itself.
    pub async fn stop(mut self) {
        let id = self.traced.unwrap_or_else(|| rustix::process::Pid::from_child(&self.child));
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let wait = tokio::task::spawn_blocking(move || {
            let status = self.child.wait();
            drop(self);
            status
        });
        let status = tokio::time::timeout(PATIENCE, wait).await.unwrap().unwrap().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
