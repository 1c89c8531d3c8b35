//! The machine under the house: who can log in and how, what answers beyond loopback, whether it keeps itself up to
//! date. Only files are read, as this user may; what they do not show is not guessed.

use super::{Ailment, Weight};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The largest file of settings that is read, in bytes.
const SETTINGS_BYTES_MAX: u64 = 1 << 20;
/// How many files one `Include` is followed to.
const INCLUDED_MAX: usize = 200;
/// How deep `Include`s are followed, as sshd does.
const INCLUDES_DEEP: usize = 16;
/// How many ports a finding names.
const PORTS_NAMED: usize = 20;

/// A port that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenPort {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The address it is bound to.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The program, where that could be seen.
    pub program: Option<String>,
}

/// The machine whose files are below `root`.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `/`, or a decoy of it.
    pub root: PathBuf,
}

impl Machine {
    /// Looks at the settings of sshd, of firewalls and of updates; `ports` are those that listen.
    #[must_use]
    pub fn look(&self, ports: &[OpenPort]) -> Vec<Ailment> {
        let mut found = self.sshd();
        found.extend(self.ports(ports));
        found.extend(self.updates());
        found
    }

    fn is_there(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn ports(&self, ports: &[OpenPort]) -> Vec<Ailment> {
        let outside = |port: &&OpenPort| !port.address.is_loopback() && port.protocol == "tcp";
        let mut shown: Vec<String> = ports
            .iter()
            .filter(outside)
            .map(|port| {
                let program = port.program.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
                format!("{}/{}{program}", port.port, port.protocol)
            })
            .collect();
        shown.sort();
        shown.dedup();
        if shown.is_empty() {
            return Vec::new();
        }
        let more = shown.len().saturating_sub(PORTS_NAMED);
        shown.truncate(PORTS_NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let mut found = vec![Ailment::note(
            "machine.open-port",
            format!("these ports answer to other machines: {}{more}", shown.join(", ")),
            "sudo ss -tlnp, then bind what needs nobody else to 127.0.0.1 in its own settings",
        )];
        if !self.has_firewall() {
            found.push(Ailment::note(
                "machine.firewall",
                "ports answer to other machines, and no firewall starts with this one".to_string(),
                "sudo apt-get install ufw && sudo ufw allow OpenSSH && sudo ufw enable",
            ));
        }
        found
    }

    /// Whether a firewall is set to start. What rules the kernel has now, root alone may see.
    fn has_firewall(&self) -> bool {
        let ufw = self.text("/etc/ufw/ufw.conf").unwrap_or_default();
        let ufw = ufw.lines().any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes"));
        let units = ["nftables", "firewalld", "netfilter-persistent", "iptables", "shorewall"];
        let targets = ["sysinit", "basic", "multi-user"];
        let enabled = |unit: &str| {
            targets.iter().any(|target| {
                self.is_there(&format!("/etc/systemd/system/{target}.target.wants/{unit}.service"))
            })
        };
        ufw || units.into_iter().any(enabled)
    }

    fn updates(&self) -> Vec<Ailment> {
        // Other distributions have other ways, and are not judged.
        if !self.is_there("/etc/debian_version") {
            return Vec::new();
        }
        let settings = self.in_folder("/etc/apt/apt.conf.d");
        let asked = settings.iter().filter_map(|path| read(path)).any(|text| {
            let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
            let mut on = lines.filter_map(|line| line.strip_prefix("APT::Periodic::Unattended-Upgrade"));
            on.any(|value| value.trim_matches([' ', '"', ';']).parse::<u32>().is_ok_and(|days| days > 0))
        });
        if asked && self.is_there("/usr/bin/unattended-upgrade") {
            return Vec::new();
        }
        vec![Ailment::note(
            "machine.updates",
            "security updates of this machine are not installed by themselves".to_string(),
            "sudo apt-get install unattended-upgrades && sudo dpkg-reconfigure -f noninteractive unattended-upgrades",
        )]
    }

    fn sshd(&self) -> Vec<Ailment> {
        let mut said = Sshd::default();
        if !self.is_there("/usr/sbin/sshd") || !self.read_sshd("/etc/ssh/sshd_config", &mut said, 0) {
            return Vec::new();
        }
        let mend = |line: &str, caution: &str| {
            format!(
                "echo '{line}' | sudo tee /etc/ssh/sshd_config.d/00-hardshell.conf && sudo systemctl reload ssh{caution}"
            )
        };
        let mut found = Vec::new();
        // What is not said is `yes`, and `prohibit-password` for root (sshd_config(5)).
        if said.password.as_deref().unwrap_or("yes") == "yes" || said.password_for_some {
            let who = if said.password_for_some { "some users log in" } else { "anybody logs in" };
            found.push(Ailment::bad(
                "machine.ssh-password",
                format!("{who} over SSH with a password, which can be guessed from anywhere"),
                mend("PasswordAuthentication no", "    # only once your key is in ~/.ssh/authorized_keys"),
            ));
        }
        if said.root.as_deref() == Some("yes") {
            found.push(Ailment::bad(
                "machine.ssh-root",
                "root logs in over SSH with a password".to_string(),
                mend("PermitRootLogin prohibit-password", ""),
            ));
        }
        if said.empty.as_deref() == Some("yes") {
            found.push(Ailment::bad(
                "machine.ssh-empty-password",
                "accounts without a password log in over SSH".to_string(),
                mend("PermitEmptyPasswords no", ""),
            ));
        }
        found
    }

    /// The first value of a word counts, and those of a `Match` only for whom it is about.
    fn read_sshd(&self, path: &str, said: &mut Sshd, depth: usize) -> bool {
        let Some(text) = self.text(path) else { return false };
        let mut matching = false;
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            let (word, value) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
            let value = value.trim().trim_matches(['"', '=']).trim();
            match word.to_ascii_lowercase().as_str() {
                "match" => matching = true,
                "include" if depth < INCLUDES_DEEP => {
                    for pattern in value.split_whitespace() {
                        for file in self.included(pattern) {
                            self.read_sshd(&file, said, depth.saturating_add(1));
                        }
                    }
                }
                "passwordauthentication" if matching => said.password_for_some |= value == "yes",
                "passwordauthentication" => _ = said.password.get_or_insert_with(|| value.to_lowercase()),
                "permitrootlogin" if !matching => _ = said.root.get_or_insert_with(|| value.to_lowercase()),
                "permitemptypasswords" if !matching => {
                    _ = said.empty.get_or_insert_with(|| value.to_lowercase());
                }
                _ => {}
            }
        }
        true
    }

    /// The files that an `Include` means: one, or those of a folder with an ending (`*.conf`).
    fn included(&self, pattern: &str) -> Vec<String> {
        let whole =
            if pattern.starts_with('/') { pattern.to_string() } else { format!("/etc/ssh/{pattern}") };
        let Some((folder, name)) = whole.rsplit_once('/') else { return Vec::new() };
        let Some(ending) = name.strip_prefix('*') else { return vec![whole] };
        let named = |path: PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let files = self.in_folder(folder).into_iter().filter_map(named);
        files.filter(|name| name.ends_with(ending)).map(|name| format!("{folder}/{name}")).collect()
    }

    fn in_folder(&self, folder: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut paths: Vec<PathBuf> =
            entries.flatten().take(INCLUDED_MAX).map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    fn text(&self, path: &str) -> Option<String> {
        read(&self.path(path))
    }
}

/// What sshd is told.
#[derive(Debug, Default)]
struct Sshd {
    password: Option<String>,
    /// Whether a `Match` lets some have passwords all the same.
    password_for_some: bool,
    root: Option<String>,
    empty: Option<String>,
}

fn read(path: &Path) -> Option<String> {
    let is_small = fs::metadata(path).ok()?.len() <= SETTINGS_BYTES_MAX;
    is_small.then(|| fs::read_to_string(path).ok()).flatten()
}

impl Ailment {
    fn note(name: &'static str, what: String, mend: &str) -> Self {
        Self { name, weight: Weight::Note, what, mend: mend.to_string(), fix: None }
    }

    fn bad(name: &'static str, what: String, mend: String) -> Self {
        Self { name, weight: Weight::Bad, what, mend, fix: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = folder.path().to_path_buf();
        (folder, Machine { root })
    }

    fn names(files: &[(&str, &str)], ports: &[OpenPort]) -> Vec<&'static str> {
        let (_folder, machine) = machine(files);
        machine.look(ports).into_iter().map(|ailment| ailment.name).collect()
    }

    fn port(address: &str, port: u16) -> OpenPort {
        let program = Some("a-server".to_string());
        OpenPort { protocol: "tcp".to_string(), address: address.parse().unwrap(), port, program }
    }

    #[test]
    fn sshd_is_judged_by_what_it_does_and_not_by_what_a_comment_says() {
        const PASSWORD: &str = "machine.ssh-password";
        for (config, more, expected) in [
            ("", None, vec![PASSWORD]),
            ("#PasswordAuthentication no\n", None, vec![PASSWORD]),
            ("PasswordAuthentication no\n", None, vec![]),
            ("passwordauthentication\tno  # yes\n", None, vec![]),
            ("PasswordAuthentication no\nPasswordAuthentication yes\n", None, vec![]),
            ("PasswordAuthentication=yes\nPasswordAuthentication no\n", None, vec![PASSWORD]),
            (
                "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\n",
                Some("PasswordAuthentication no\n"),
                vec![],
            ),
            (
                "PasswordAuthentication no\nInclude sshd_config.d/*.conf\n",
                Some("PasswordAuthentication yes\n"),
                vec![],
            ),
            (
                "PasswordAuthentication no\nMatch User guest\nPasswordAuthentication yes\nPermitRootLogin yes\n",
                None,
                vec![PASSWORD],
            ),
            (
                "PasswordAuthentication no\nPermitRootLogin yes\nPermitEmptyPasswords yes\n",
                None,
                vec!["machine.ssh-root", "machine.ssh-empty-password"],
            ),
            ("PasswordAuthentication no\nInclude /etc/ssh/sshd_config\n", None, vec![]),
        ] {
            let mut files = vec![("usr/sbin/sshd", ""), ("etc/ssh/sshd_config", config)];
            files.extend(more.map(|text| ("etc/ssh/sshd_config.d/50-cloud.conf", text)));
            assert_eq!(names(&files, &[]), expected, "{config}");
        }
        assert_eq!(
            names(&[("etc/ssh/sshd_config", "PermitRootLogin yes\n")], &[]),
            Vec::<&str>::new(),
            "no sshd"
        );
    }

    #[test]
    fn ports_count_that_answer_to_others_and_a_firewall_that_starts() {
        let loopback = [port("127.0.0.1", 18900), port("::1", 5432)];
        assert_eq!(names(&[], &loopback), Vec::<&str>::new());
        let open = [port("127.0.0.1", 18900), port("0.0.0.0", 5432), port("::", 5432)];
        assert_eq!(names(&[], &open), ["machine.open-port", "machine.firewall"]);
        let (_folder, machine) = machine(&[("etc/ufw/ufw.conf", "# x\nENABLED=yes\n")]);
        let found = machine.look(&open);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.ends_with("5432/tcp (a-server)"), "{found:?}");
        for enabled in ["sysinit.target.wants/nftables.service", "multi-user.target.wants/firewalld.service"]
        {
            let path = format!("etc/systemd/system/{enabled}");
            assert_eq!(names(&[(&path, "")], &open), ["machine.open-port"], "{enabled}");
        }
        assert_eq!(names(&[("etc/ufw/ufw.conf", "ENABLED=no\n")], &open).len(), 2);
    }

    #[test]
    fn debian_is_asked_whether_it_keeps_itself_up_to_date() {
        let debian = ("etc/debian_version", "12.5\n");
        let program = ("usr/bin/unattended-upgrade", "");
        let on = |text| ("etc/apt/apt.conf.d/20auto-upgrades", text);
        let yes = "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n";
        for (files, expected) in [
            (vec![], 0),
            (vec![debian], 1),
            (vec![debian, on(yes)], 1),
            (vec![debian, program, on(yes)], 0),
            (vec![debian, program, on("APT::Periodic::Unattended-Upgrade \"0\";\n")], 1),
            (vec![debian, program, on("// APT::Periodic::Unattended-Upgrade \"1\";\n")], 1),
        ] {
            assert_eq!(names(&files, &[]).len(), expected, "{files:?}");
        }
    }
}
