//! `hardshell.toml`: read once, checked whole, with line and column for whatever is wrong.

mod agent_section;
pub(crate) mod faults;
mod hosts;
mod keeping;
pub(crate) mod locate;
mod problem;
mod ranges;
pub(crate) mod receivers;
mod secrets;

pub use agent_section::{AgentSection, Isolation};
pub use hosts::{HostProtocol, SandboxHost};
pub use keeping::{AuditSection, BackupSection};
pub(crate) use problem::key_at;
pub use problem::{ConfigProblem, Place};
pub use receivers::{Confirm, ReceiverKind, ShippingSection, Signal};
pub use secrets::{
    AwsSection, ClientLoginWord, HashicorpSection, OAuth2Section, ProgramSection, SecretSection, SecretStores,
};

use crate::keys::VaultSection;
use models::ModelConfig;
use policy::{Actions, Files, Limits, Mail, Settings, Shell, Sources, TierWord, Tiers, Web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The name of the file in the home.
pub const FILE: &str = "hardshell.toml";
/// A configuration is typed by a person; a longer file is a mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a first home's configuration says: every section with its defaults, commented.
pub const FIRST: &str = include_str!("config/first.toml");

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The model that is asked: the `name` of one of `[[models]]`, or `builtin` for none.
    pub model: Option<String>,
    /// The models that can be asked.
    pub models: Vec<ModelConfig>,
    /// The web page and the interface for programs.
    pub gateway: GatewaySection,
    /// How far one task may go.
    pub agent: AgentSection,
    /// Commands.
    pub shell: Shell,
    /// Files and folders.
    pub files: Files,
    /// To whom it may write.
    pub mail: Mail,
    /// The mailboxes it reads.
    pub mailboxes: Vec<Mailbox>,
    /// The servers it sends mail through.
    pub smtp: Option<Smtp>,
    /// The web.
    pub web: Web,
    /// What is confirmed.
    pub actions: Actions,
    /// How confidential things are.
    pub tiers: Tiers,
    /// How far sources are believed.
    pub sources: Sources,
    /// How often things may happen.
    pub limits: Limits,
    /// The walls around commands.
    pub sandbox: SandboxSection,
    /// What opens the vault.
    pub vault: VaultSection,
    /// Secrets that are kept elsewhere.
    pub secrets: Vec<SecretSection>,
    /// Where they are kept.
    pub secret_stores: SecretStores,
    /// Where else it may go on this machine or the private network.
    pub network: NetworkSection,
    /// How long the audit log is kept.
    pub audit: AuditSection,
    /// The daily backup.
    pub backup: BackupSection,
    /// Where the audit log is sent as it grows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shipping: Vec<ShippingSection>,
}

/// `[gateway]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySection {
    /// The address it listens on. Anything but loopback needs `tls` and `exposure = "public"`.
    pub address: std::net::IpAddr,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// Who may reach it.
    pub exposure: Exposure,
    /// The certificate and key, in PEM files.
    pub tls: Option<Tls>,
    /// Further names it answers to, such as that of a proxy in front of it.
    pub names: Vec<String>,
}

impl Default for GatewaySection {
    fn default() -> Self {
        let address = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        Self { address, port: 18789, exposure: Exposure::Loopback, tls: None, names: Vec::new() }
    }
}

/// Who may reach the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exposure {
    /// Programs on this machine.
    Loopback,
    /// Anyone who can route to the address. The sign-in stands between.
    Public,
}

/// `[gateway.tls]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key, mode 0600.
    pub key: PathBuf,
}

/// One of `[[mailboxes]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mailbox {
    /// What it is called here.
    pub name: String,
    /// A Maildir on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maildir: Option<PathBuf>,
    /// An IMAP server: `imaps://user@imap.example.org`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imap: Option<String>,
    /// The password of the IMAP server, as a reference: `secret://imap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// How confidential it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<TierWord>,
    /// What the server that receives this mailbox's mail calls itself at the beginning of the `Authentication-Results` it
    /// writes: `mx.example.org`. It proves the senders of `sources.internal_senders`; it has to remove such a header of
    /// its own name from what comes in (RFC 8601 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authserv_id: Option<String>,
}

/// `[smtp]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The server: `smtps://user@smtp.example.org`, `smtp://user@smtp.example.org:587` (STARTTLS), or
    /// `smtp+plain://localhost:25` for a server on this machine.
    pub url: String,
    /// The address mail is sent from.
    pub from: String,
    /// The password, as a reference: `secret://smtp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// `[sandbox]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxSection {
    /// The weakest walls that a command may run behind; below them nothing runs.
    pub floor: Floor,
    /// The most memory of a program of a command and all it starts, in MiB. The programs of a pipeline run at the same
    /// time, each with this limit.
    pub memory_mib: u64,
    /// The most processes and threads of a command.
    pub processes: u32,
    /// The most processor time, in percent of one processor; 200 is two of them.
    pub cpu_percent: u32,
    /// The longest a command may run, in seconds.
    pub seconds: u64,
    /// The most that is kept of what a command prints, in KiB.
    pub output_kib: usize,
    /// The most files a process may have open.
    pub open_files: u32,
    /// The largest file a command may write, in MiB.
    pub file_mib: u64,
    /// The most in `/tmp`, home, `/dev/shm` and `/run` of a command together, in MiB.
    pub tmp_mib: u64,
    /// The most files and folders in them together.
    pub tmp_files: u64,
    /// The most that a command may write to the workspace, in MiB; more, and it is stopped, and nothing of it is kept.
    pub disk_mib: u64,
    /// The most that is kept for `files.undo` of what commands changed, in MiB; the oldest goes first, the last never.
    pub undo_mib: u64,
    /// What becomes of what commands change in the workspace.
    pub changes: Changes,
    /// Names of files that run code later and that a command may make all the same: `.git`, `.envrc`.
    pub accept: Vec<String>,
    /// What commands may say to the hosts that their calls name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<SandboxHost>,
}

impl Default for SandboxSection {
    fn default() -> Self {
        Self {
            floor: Floor::Landlock,
            memory_mib: 1024,
            processes: 256,
            cpu_percent: 200,
            seconds: 120,
            output_kib: 1024,
            open_files: 1024,
            file_mib: 1024,
            tmp_mib: 256,
            tmp_files: 65_536,
            disk_mib: 2048,
            undo_mib: 4096,
            changes: Changes::Judged,
            accept: Vec::new(),
            hosts: Vec::new(),
        }
    }
}

/// What becomes of what commands change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Changes {
    /// It is kept apart while they run, looked at, and then taken over as a whole or not at all.
    Judged,
    /// It is made as they run, and `files.undo` does not know it.
    Direct,
}

/// A level of isolation, as the configuration writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Floor {
    /// All namespaces, seccomp, cgroup, Landlock.
    Full,
    /// The same with soft limits.
    FullSoft,
    /// Landlock and seccomp alone.
    Landlock,
}

/// `[network]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSection {
    /// Hosts on this machine or the private network that may be reached all the same: `localhost:11434`,
    /// `192.168.1.10:8080`. Everything private that is not named here is refused.
    pub private_hosts: Vec<String>,
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem`] when it cannot be read, is too long, or says something that means nothing.
    pub fn load(path: &Path) -> Result<Self, ConfigProblem> {
        let (config, text) = Self::load_unchecked(path)?;
        config.checked(&text, path)
    }

    /// Reads the file without asking whether what it says means anything.
    fn load_unchecked(path: &Path) -> Result<(Self, String), ConfigProblem> {
        let text = Self::text(path)?;
        Ok((Self::shaped(&text, path)?, text))
    }

    /// The text of the file.
    pub(crate) fn text(path: &Path) -> Result<String, ConfigProblem> {
        let unreadable = |source| ConfigProblem::Unreadable { path: path.to_path_buf(), source };
        let about = fs::metadata(path).map_err(unreadable)?;
        if about.is_dir() {
            return Err(unreadable(io::Error::new(
                io::ErrorKind::IsADirectory,
                "it is a folder, not a file",
            )));
        }
        if !about.is_file() {
            return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file")));
        }
        let size = about.len();
        if size > FILE_BYTES_MAX {
            return Err(ConfigProblem::TooLong {
                path: path.to_path_buf(),
                bytes: size,
                bytes_max: FILE_BYTES_MAX,
            });
        }
        let bytes = fs::read(path).map_err(unreadable)?;
        String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..good).unwrap_or_default();
            let place = Place::of(&String::from_utf8_lossy(before), good);
            ConfigProblem::NoText { path: path.to_path_buf(), place }
        })
    }

    /// Reads `text`, which errors say is at `path`.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem::Malformed`] with line, column and, for a slip of the pen, what was probably meant;
    /// [`ConfigProblem::Meaningless`] for the first thing that refers to nothing.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigProblem> {
        Self::shaped(text, path)?.checked(text, path)
    }

    pub(crate) fn shaped(text: &str, path: &Path) -> Result<Self, ConfigProblem> {
        toml::from_str(text).map_err(|error| ConfigProblem::malformed(path, text, &error))
    }

    fn checked(self, text: &str, path: &Path) -> Result<Self, ConfigProblem> {
        match self.faults().into_iter().next() {
            None => Ok(self),
            Some(fault) => Err(ConfigProblem::Meaningless {
                path: path.to_path_buf(),
                place: locate::locate(text, &fault.way),
                key: fault.key,
                reason: fault.reason,
            }),
        }
    }

    /// What it says that changes nothing yet, in words.
    #[must_use]
    pub fn idle_settings(&self) -> Vec<String> {
        let idle = self.without_effect().into_iter();
        idle.map(|fault| format!("`{}` {}", fault.key, fault.reason)).collect()
    }

    /// The names the gateway answers to besides this machine's; each was checked when the file was read.
    #[must_use]
    pub fn public_names(&self) -> Vec<domain::Host> {
        self.gateway.names.iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// The part that the policy reads.
    #[must_use]
    pub fn policy(&self) -> Settings {
        let mut tiers = self.tiers.clone();
        // A mailbox is a folder of its own name to the rules.
        for mailbox in &self.mailboxes {
            if let Some(tier) = mailbox.tier {
                tiers.folders.insert(mailbox.name.clone(), tier);
            }
        }
        Settings {
            shell: self.shell.clone(),
            files: self.files.clone(),
            mail: self.mail.clone(),
            web: self.web.clone(),
            actions: self.actions.clone(),
            tiers,
            sources: self.sources.clone(),
            limits: self.limits.clone(),
        }
    }

    /// The whole configuration, defaults included, as TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self)
            .unwrap_or_else(|error| format!("# could not be written as TOML: {error}"))
    }

    /// JSON Schema of the file, for editors.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }
}

#[cfg(test)]
mod tests;
