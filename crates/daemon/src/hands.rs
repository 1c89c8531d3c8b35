//! What carries the tools out in this home: its folders, its mailboxes, its sandbox.

use crate::config::{Config, Mailbox as MailboxSection, SandboxSection, Smtp as SmtpSection};
use crate::home::Home;
use crate::memory::Kept;
use crate::meters::Meters;
use crate::start_error::StartError;
use broker::{Executor, Resolve};
use connectors::files::Files;
use connectors::host::Machine;
use connectors::mail::{ImapServer, InternalMail, MailBoxes, MailPlace, Mailbox, SmtpServer};
use connectors::memory::Notes;
use connectors::shell::{ChangeSets, Changes, Going, Shell, ShellSettings};
use connectors::way_out::WayOut;
use connectors::web::Web;
use connectors::{Connectors, Parts, Shared};
use domain::{Address, SecretName, Timestamp};
use egress::{Destination, Egress, Rule, Rules};
use policy::IsolationLevel;
use sandbox::{Level, Limits, Sandbox};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tools::Catalog;

/// The name of the sample mailbox of a first home.
const SAMPLE: &str = "sample";
const SAMPLE_FOLDER: &str = "mail/sample";
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The tools of a home.
pub(crate) struct Hands {
    tools: Arc<Connectors>,
}

/// What the tools are opened with besides the home and its configuration.
pub(crate) struct Surroundings<'a> {
    pub(crate) egress: &'a Arc<Egress>,
    pub(crate) sandbox: &'a Arc<Sandbox>,
    pub(crate) catalog: &'a Arc<Catalog>,
    pub(crate) remember: Kept,
    pub(crate) meters: &'a Arc<Meters>,
    pub(crate) commands: &'a Going,
}

impl Hands {
    /// Opens what `config` names.
    pub(crate) fn take(home: &Home, config: &Config, around: Surroundings<'_>) -> Result<Self, StartError> {
        let workspace = home.path("workspace");
        let mut open = Vec::new();
        for pattern in config.files.allowed_paths.iter().chain(&config.files.readable_paths) {
            open.extend(plain_folder(pattern).map_err(|why| StartError::Hands { why })?);
        }
        let files = Files::open(&workspace, &open, &home.path("trash")).map_err(|error| hands(&error))?;
        for said in files.recover().map_err(|error| hands(&error))? {
            tracing::warn!("{said}");
        }
        let shell = ShellSettings {
            workspace,
            readable: open,
            never_writable: Vec::new(),
            changes: changes(&config.sandbox, &files),
            limits: limits(&config.sandbox),
            floor: level(config.sandbox.floor.into()),
        };
        let (mailboxes, smtp) = mail(home, config)?;
        let owner: Vec<Address> = smtp.iter().map(|server| server.from.clone()).collect();
        let mail =
            MailBoxes::open(&mailboxes, smtp, Arc::clone(around.egress)).map_err(|error| hands(&error))?;
        let mail = mail.knowing(internal_mail(config));
        let private = private_hosts(config)?;
        let open_hosts = config.sandbox.hosts.iter().map(|host| host.open(&private));
        let open_hosts = open_hosts.collect::<Result<Vec<_>, _>>()?;
        let way_out = WayOut::new(Arc::clone(around.egress), open_hosts, home.path("run/trusted.pem"));
        let meters = Arc::clone(around.meters);
        let shell = Shell::new(Arc::clone(around.sandbox), shell)
            .reaching(way_out)
            .counted(around.commands.clone())
            .timed(move |took| meters.sandbox_started(took));
        let tools = Connectors::new(Parts {
            catalog: Arc::clone(around.catalog),
            files: Arc::new(files),
            shell,
            web: Web::new(Arc::clone(around.egress), Arc::new(web_rules(config)?)),
            mail,
            machine: Machine::here(),
            notes: Notes::open(home.root()).map_err(|error| hands(&error))?,
            remember: Arc::new(around.remember),
            owner,
        });
        Ok(Self { tools: Arc::new(tools) })
    }

    /// What carries each namespace of tools out.
    pub(crate) fn executors(&self) -> BTreeMap<String, Arc<dyn Executor>> {
        let tools = || Arc::clone(&self.tools) as Arc<dyn Executor>;
        Connectors::NAMESPACES.iter().map(|space| ((*space).to_string(), tools())).collect()
    }

    /// What finds the targets of calls.
    pub(crate) fn resolver(&self) -> Box<dyn Resolve> {
        Box::new(Shared(Arc::clone(&self.tools)))
    }
}

/// The web is open to the policy's judgement on the usual ports; private places only where the configuration names
/// them.
fn web_rules(config: &Config) -> Result<Rules, StartError> {
    let mut rules = Rules::new().with(Rule::anywhere(443)).with(Rule::anywhere(80));
    for place in &config.network.private_hosts {
        let (destination, port) = private_place(place)?;
        rules.add(Rule::private(destination, port));
    }
    Ok(rules)
}

/// One of `network.private_hosts`.
pub(crate) fn private_place(place: &str) -> Result<(Destination, u16), StartError> {
    let bad = || StartError::Hands { why: format!("`{place}` in `network.private_hosts` is not HOST:PORT") };
    let (host, port) = place.rsplit_once(':').ok_or_else(bad)?;
    let destination: Destination = host.parse().map_err(|_not_a_host| bad())?;
    Ok((destination, port.parse().map_err(|_not_a_port| bad())?))
}

/// All of them, by host and port.
pub(crate) fn private_hosts(config: &Config) -> Result<Vec<(String, u16)>, StartError> {
    let each = config.network.private_hosts.iter();
    each.map(|place| private_place(place).map(|(host, port)| (host.to_string(), port))).collect()
}

fn hands(error: &dyn std::error::Error) -> StartError {
    StartError::Hands { why: crate::tasks::error_chain(error) }
}

/// The folder that a pattern of the configuration means as a whole, free of links: `~/notes`, `/srv/data/**`. A pattern
/// within a folder opens nothing by itself; the policy narrows what is open. What is itself a link is refused, since a
/// program that could write there may have planted it; folders above it may be links.
pub(crate) fn plain_folder(pattern: &str) -> Result<Option<PathBuf>, String> {
    let Some(folder) = fixed_part(pattern) else { return Ok(None) };
    if !folder.is_absolute() || !folder.is_dir() {
        return Ok(None);
    }
    let canonical = folder.canonicalize().map_err(|error| format!("`{pattern}`: {error}"))?;
    if folder.is_symlink() {
        let leads_to = tools::visible(&canonical.to_string_lossy());
        return Err(format!("`{pattern}` is a link to `{leads_to}`; if that is what you mean, write it so"));
    }
    Ok(Some(canonical))
}

/// The part of a pattern before its first wildcard; nothing for `~` where nobody says what that is.
pub(crate) fn fixed_part(pattern: &str) -> Option<PathBuf> {
    let fixed: PathBuf = match pattern.strip_prefix("~/") {
        Some(rest) => crate::home::own_folder()?.join(rest),
        None => PathBuf::from(pattern),
    };
    let whole = fixed
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']));
    Some(whole.collect())
}

fn level(level: IsolationLevel) -> Level {
    match level {
        IsolationLevel::Full => Level::Full,
        IsolationLevel::FullSoft => Level::FullSoft,
        IsolationLevel::Landlock => Level::Landlock,
        IsolationLevel::Off => Level::None,
    }
}

fn limits(section: &SandboxSection) -> Limits {
    Limits {
        wall: Duration::from_secs(section.seconds),
        memory_bytes: section.memory_mib.saturating_mul(MIB),
        pids: section.processes,
        cpu_percent: section.cpu_percent,
        files: section.open_files,
        file_bytes: section.file_mib.saturating_mul(MIB),
        tmp_bytes: section.tmp_mib.saturating_mul(MIB),
        tmp_inodes: section.tmp_files,
        disk_bytes: section.disk_mib.saturating_mul(MIB),
        output_bytes: u64::try_from(section.output_kib).unwrap_or(u64::MAX).saturating_mul(KIB),
    }
}

fn changes(section: &SandboxSection, files: &Files) -> Changes {
    match section.changes {
        crate::config::Changes::Direct => Changes::Direct,
        crate::config::Changes::Judged => Changes::Judged(ChangeSets {
            folder: files.change_sets(),
            accepted: section.accept.iter().cloned().collect(),
            bytes_max: section.disk_mib.saturating_mul(MIB),
            kept_bytes_max: section.undo_mib.saturating_mul(MIB),
        }),
    }
}

/// Puts the mails into the sample mailbox of a first home: many files, each flushed to disk, which nobody can ask for
/// before the house is ready.
pub(crate) fn first_mails(home: &Home, config: &Config, now: Timestamp) -> Result<(), StartError> {
    if home.is_unused && config.mailboxes.is_empty() {
        connectors::mail::sample::fill(&home.path(SAMPLE_FOLDER), now).map_err(|error| hands(&error))?;
    }
    Ok(())
}

fn mail(home: &Home, config: &Config) -> Result<(Vec<Mailbox>, Option<SmtpServer>), StartError> {
    let mut mailboxes = config.mailboxes.iter().map(mailbox).collect::<Result<Vec<_>, _>>()?;
    if mailboxes.is_empty() {
        let path = home.path(SAMPLE_FOLDER);
        if home.is_unused && !path.exists() {
            connectors::mail::sample::make(&path).map_err(|error| hands(&error))?;
        }
        if path.exists() {
            mailboxes.push(Mailbox { name: SAMPLE.to_string(), place: MailPlace::Maildir(path) });
        }
    }
    Ok((mailboxes, config.smtp.as_ref().map(smtp).transpose()?))
}

/// Whose mail `[sources]` says is internal, and who proves it.
fn internal_mail(config: &Config) -> InternalMail {
    let servers = config
        .mailboxes
        .iter()
        .filter_map(|mailbox| Some((mailbox.name.clone(), mailbox.authserv_id.clone()?)));
    InternalMail { servers: servers.collect(), senders: config.sources.internal_senders.clone() }
}

/// `[smtp]`.
pub(crate) fn smtp(section: &SmtpSection) -> Result<SmtpServer, StartError> {
    let from: Address = section.from.parse().map_err(|error: domain::HostError| hands(&error))?;
    if !is_mail_address(&section.from) {
        return Err(StartError::Hands { why: format!("`{}` is not a mail address", section.from) });
    }
    let secret = section.password.as_deref().map(secret).transpose()?;
    SmtpServer::parse(&section.url, from, secret).map_err(|error| hands(&error))
}

/// Whether `text` could be written to by mail: an [`Address`] may also be an account of a chat.
pub(crate) fn is_mail_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
        && text
            .rsplit_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && host.parse::<domain::Host>().is_ok())
}

/// One of `[[mailboxes]]`.
pub(crate) fn mailbox(section: &MailboxSection) -> Result<Mailbox, StartError> {
    let place = match (&section.maildir, &section.imap) {
        (Some(path), _) => MailPlace::Maildir(path.clone()),
        (None, Some(url)) => {
            let password = section.password.as_deref().ok_or_else(|| StartError::Hands {
                why: format!("the mailbox `{}` has no `password = \"secret://…\"`", section.name),
            })?;
            MailPlace::Imap(ImapServer::parse(url, secret(password)?).map_err(|error| hands(&error))?)
        }
        (None, None) => {
            return Err(StartError::Hands {
                why: format!("the mailbox `{}` has neither maildir nor imap", section.name),
            });
        }
    };
    Ok(Mailbox { name: section.name.clone(), place })
}

pub(crate) fn secret(reference: &str) -> Result<SecretName, StartError> {
    let name = reference.strip_prefix("secret://").ok_or_else(|| StartError::Hands {
        why: "a password is written as `secret://NAME`, and kept by `hardshell secret set NAME --host HOST`"
            .to_string(),
    })?;
    Ok(name.parse()?)
}
