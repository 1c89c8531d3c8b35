//! What there is to be had outside: decoys, servers and a process to go after.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sandbox::{Caps, Helper, Level, Sandbox};
use tempfile::{NamedTempFile, TempDir};

/// Inside or outside of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Inside,
    Outside,
}

pub struct Host {
    base: TempDir,
    pub programs: PathBuf,
    pub readable: PathBuf,
    outside: PathBuf,
    victim: Child,
    victim_address: String,
    tcp: TcpListener,
    udp: UdpSocket,
    abstract_name: String,
    _sockets: [UnixListener; 3],
    _datagrams: UnixDatagram,
    in_tmp: NamedTempFile,
    in_shared_memory: NamedTempFile,
    _leaked: OwnedFd,
}

const DECOY: &str = "DECOY: nobody inside may read this\n";

impl Host {
    #[expect(clippy::disallowed_methods, reason = "a server to be attacked")]
    pub fn new() -> Self {
        let base = TempDir::new().unwrap();
        let folder = |name: &str| {
            let path = base.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let (programs, readable, outside) = (folder("programs"), folder("readable"), folder("outside"));
        std::fs::write(outside.join("decoy"), DECOY).unwrap();
        std::fs::write(readable.join("file"), "may be read\n").unwrap();
        for name in ["workspace-inside", "workspace-outside"] {
            fill_workspace(&folder(name));
        }
        let program = programs.join("hardshell-victim");
        compile(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escape/victim.c"), &program);
        let mut victim = Command::new(&program)
            .arg0("hardshell-victim")
            .env("SECRET", "DECOY")
            .current_dir(&outside)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut victim_address = String::new();
        BufReader::new(victim.stdout.take().unwrap()).read_line(&mut victim_address).unwrap();
        let abstract_name = base.path().file_name().unwrap().to_str().unwrap().to_owned();
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let granted = UnixListener::bind(readable.join("socket")).unwrap();
        let emptied = granted.try_clone().unwrap();
        // Whoever comes is let in, so that a full queue stops nobody.
        std::thread::spawn(move || emptied.incoming().for_each(drop));
        let sockets = [
            UnixListener::bind(outside.join("socket")).unwrap(),
            UnixListener::bind_addr(&address).unwrap(),
            granted,
        ];
        let datagrams = UnixDatagram::bind(readable.join("datagrams")).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let answering = udp.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0u8; 16];
            while let Ok((_, from)) = answering.recv_from(&mut bytes) {
                let _answered = answering.send_to(b"pong", from);
            }
        });
        // Deliberately inheritable, as a careless parent leaves them.
        let leaked: OwnedFd = std::fs::File::open(&outside).unwrap().into();
        rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
        let host = Self {
            programs,
            readable,
            outside,
            victim,
            victim_address: victim_address.trim().to_owned(),
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            udp,
            abstract_name,
            _sockets: sockets,
            _datagrams: datagrams,
            in_tmp: NamedTempFile::new_in("/tmp").unwrap(),
            in_shared_memory: NamedTempFile::new_in("/dev/shm").unwrap(),
            _leaked: leaked,
            base,
        };
        std::fs::write(host.in_tmp.path(), DECOY).unwrap();
        std::fs::write(host.in_shared_memory.path(), DECOY).unwrap();
        host
    }

    pub fn compile(&self, source: &Path, program: &Path) {
        compile(source, program);
    }

    pub async fn sandbox(&self, level: Level) -> Sandbox {
        let helper = Helper::at(Path::new(env!("CARGO_BIN_EXE_sandbox-helper")));
        Sandbox::probe_with(helper, Caps { level, ..Caps::default() }).await.unwrap()
    }

    pub fn workspace(&self, side: Side) -> PathBuf {
        self.base.path().join(match side {
            Side::Inside => "workspace-inside",
            Side::Outside => "workspace-outside",
        })
    }

    /// Where everything is, for an attempt: it is told all there is to know.
    pub fn variables(&self, side: Side) -> BTreeMap<String, String> {
        let show = |path: &Path| path.display().to_string();
        let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        [
            ("DECOY", show(&self.outside.join("decoy"))),
            ("OUTSIDE", show(&self.outside)),
            ("WORKSPACE", show(&self.workspace(side))),
            ("READABLE", show(&self.readable)),
            ("SOCKET", show(&self.outside.join("socket"))),
            ("GRANTED_SOCKET", show(&self.readable.join("socket"))),
            ("GRANTED_DATAGRAMS", show(&self.readable.join("datagrams"))),
            ("ABSTRACT", self.abstract_name.clone()),
            ("PORT", self.tcp.local_addr().unwrap().port().to_string()),
            ("UDP_PORT", self.udp.local_addr().unwrap().port().to_string()),
            ("VICTIM", self.victim.id().to_string()),
            ("VICTIM_ADDRESS", self.victim_address.clone()),
            ("PARENT", std::process::id().to_string()),
            ("HOST_NAME", host_name.trim().to_owned()),
            ("TMP_DECOY", show(self.in_tmp.path())),
            ("SHM_DECOY", show(self.in_shared_memory.path())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// What an attempt inside left behind where it may not write.
    pub fn damage(&self) -> Vec<String> {
        let mut damage = Vec::new();
        let mut names: Vec<String> = std::fs::read_dir(&self.outside)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        if names != ["decoy", "socket"]
            || std::fs::read_to_string(self.outside.join("decoy")).unwrap() != DECOY
        {
            damage.push(format!("outside holds {names:?}"));
        }
        let workspace = self.workspace(Side::Inside);
        for (path, content) in PROTECTED {
            if std::fs::read_to_string(workspace.join(path)).ok().as_deref() != Some(content) {
                damage.push(format!("`{path}` was changed"));
            }
        }
        for path in [".git/hooks/pre-commit", ".git/hooks/post-checkout", "nested/deep/.git/hooks-file"] {
            if workspace.join(path).exists() {
                damage.push(format!("`{path}` was planted"));
            }
        }
        damage
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.victim.kill().unwrap();
        self.victim.wait().unwrap();
    }
}

/// Files that no command may change.
const PROTECTED: [(&str, &str); 6] = [
    (".git/config", "[core]\n\trepositoryformatversion = 0\n"),
    (".bashrc", "true\n"),
    (".envrc", "true\n"),
    (".npmrc", "audit=true\n"),
    ("SOUL.md", "be kind\n"),
    ("nested/deep/.git/config", "[core]\n"),
];

fn fill_workspace(folder: &Path) {
    for name in [".git/hooks", ".git/objects", ".git/refs/heads", ".vscode", "nested/deep/.git"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    std::fs::write(folder.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    for (path, content) in PROTECTED {
        std::fs::write(folder.join(path), content).unwrap();
    }
    // Protected names that lead elsewhere, and repositories under other names.
    let linked = folder.join("linked");
    for name in ["repository", "bare/objects", "bare/refs"] {
        std::fs::create_dir_all(linked.join(name)).unwrap();
    }
    let files = [
        ("third", "true\n"),
        (".npmrc", "audit=true\n"),
        (".git", "gitdir: repository\n"),
        ("bare/HEAD", "x"),
    ];
    for (name, content) in files {
        std::fs::write(linked.join(name), content).unwrap();
    }
    std::os::unix::fs::symlink("third", linked.join("second")).unwrap();
    std::os::unix::fs::symlink("second", linked.join(".envrc")).unwrap();
    std::fs::hard_link(linked.join(".npmrc"), linked.join("other-name")).unwrap();
}

fn compile(source: &Path, program: &Path) {
    let status = Command::new("gcc").args(["-O1", "-w", "-o"]).args([program, source]).status().unwrap();
    assert!(status.success(), "{}", source.display());
}
