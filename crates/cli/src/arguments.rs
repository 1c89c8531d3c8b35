//! What can be typed.

pub mod doctor;
mod install;
pub mod keeping;
pub mod looking;
pub mod sandbox;
mod secret;
#[cfg(test)]
mod tests;
mod up;

pub use install::Install;
pub use secret::{KeyWord, SecretCommand};
pub use up::Up;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A self-hosted assistant that assumes its model has been hijacked.
#[derive(Debug, Parser)]
#[command(
    name = "hardshell",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 refused by policy, 4 waiting for approval, 5 a proof failed, 6 locked down.\n\n\
        Examples:\n  hardshell up                       start it, and open the link it prints\n  hardshell chat -m \"check disk usage\"\n  hardshell audit tail"
)]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The home; `$HARDSHELL_HOME`, else `~/.hardshell`, when left out.
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Print one JSON document (or JSON lines for streams) on stdout, and nothing else.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run it: the web page, the door, everything. The first run makes the home.
    #[command(
        after_help = "Examples:\n  hardshell up\n  hardshell up --port 18800        when OpenClaw already has 18789"
    )]
    Up(Up),
    /// Set it up as a service: root for the machine, anybody else for themselves.
    #[command(
        after_help = "Examples:\n  hardshell install                    program, user, home, unit; started\n  hardshell install --dry-run          say what would be done, print the unit\n  hardshell install --out .            only write hardshell.service here\n  hardshell install --remove"
    )]
    Install(Install),
    /// Print a new one-time link for a browser.
    #[command(name = "sign-in", after_help = "Example:\n  hardshell sign-in")]
    SignIn,
    /// Where people and programs talk to it, and taking that back.
    #[command(
        after_help = "Examples:\n  hardshell channel list\n  hardshell channel revoke web      every browser that is signed in\n  hardshell channel revoke api      every token"
    )]
    Channel {
        /// What to do.
        #[command(subcommand)]
        command: ChannelCommand,
    },
    /// Talk to it in the terminal.
    #[command(
        after_help = "Examples:\n  hardshell chat\n  hardshell chat -m \"/disk\"\n  hardshell chat -m \"any urgent mail?\" --json\n  hardshell chat --ceiling low          reads the web, and no mail or file of yours"
    )]
    Chat(Chat),
    /// Questions that wait for your answer.
    #[command(
        after_help = "Examples:\n  hardshell approvals list\n  hardshell approvals approve q-0123456789abcdef\n  hardshell approvals watch\n  hardshell approvals stats --days 7"
    )]
    Approvals(Approvals),
    /// What it did: the tamper-evident log.
    #[command(
        after_help = "Examples:\n  hardshell audit verify\n  hardshell audit tail\n  hardshell audit query --kind refusal --since 24h\n  hardshell audit report --period week --html week.html"
    )]
    Audit(looking::Audit),
    /// The configuration.
    #[command(
        after_help = "Examples:\n  hardshell config check\n  hardshell config schema > hardshell.schema.json"
    )]
    Config(Config),
    /// How it is: proofs, walls, model.
    #[command(after_help = "Example:\n  hardshell status --json")]
    Status,
    /// Try every control now, and say how each came out.
    #[command(after_help = "Example:\n  hardshell prove")]
    Prove,
    /// Look for what is not as it should be: file modes, keys in the clear, secrets that are due, and of the machine who
    /// can log in, what answers to others, and updates. Changes nothing, unless asked to.
    Doctor(doctor::Doctor),
    /// The stop switch: nothing more is done while it is on.
    #[command(after_help = "Examples:\n  hardshell lockdown on\n  hardshell lockdown status")]
    Lockdown {
        /// What to do.
        #[command(subcommand)]
        command: LockdownCommand,
    },
    /// A copy of everything that only you can open, and back.
    #[command(
        after_help = "Examples:\n  hardshell backup key --out /media/stick/backup-key.txt\n  hardshell backup create --recipient age1…\n  hardshell backup verify FILE --identity /media/stick/backup-key.txt\n  hardshell backup restore --before 2026-11-26 --identity /media/stick/backup-key.txt"
    )]
    Backup {
        /// What to do.
        #[command(subcommand)]
        command: keeping::BackupCommand,
    },
    /// When something happened: what it was, what it reached, what to do.
    #[command(
        after_help = "Examples:\n  hardshell incident report --since 24h --out incident.zip\n  hardshell incident verify incident.zip\n  hardshell incident drill"
    )]
    Incident {
        /// What to do.
        #[command(subcommand)]
        command: looking::IncidentCommand,
    },
    /// Conversations.
    #[command(
        after_help = "Examples:\n  hardshell session list\n  hardshell session show s-0123456789abcdef\n  hardshell session revoke s-0123456789abcdef"
    )]
    Session {
        /// What to do.
        #[command(subcommand)]
        command: SessionCommand,
    },
    /// Keys and passwords, kept in the vault. No command prints one.
    #[command(
        after_help = "Examples:\n  hardshell secret set anthropic --host api.anthropic.com\n  hardshell secret list\n  hardshell secret rotate anthropic\n  hardshell secret import .env"
    )]
    Secret {
        /// What to do.
        #[command(subcommand)]
        command: SecretCommand,
    },
    /// The models that can be asked.
    #[command(
        after_help = "Examples:\n  hardshell model add claude --kind anthropic --model claude-sonnet-4-5\n  hardshell model list\n  hardshell model test claude"
    )]
    Model {
        /// What to do.
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// Watch an attack: a hijacked model, a real house, a temporary home. Touches nothing of yours.
    #[command(
        after_help = "Walls that can be left out: policy (the owner approves everything), sandbox (the credentials' folder is opened), egress (the attacker's server is allowed).\n\n\
            Examples:\n  hardshell demo                                  the mail signature of the guides\n  hardshell demo list\n  hardshell demo soul\n  hardshell demo --without policy                 the next wall holds alone\n  hardshell demo --without policy --without sandbox --without egress\n  hardshell demo all --json"
    )]
    Demo(Demo),
    /// The sandbox by hand: run any program in it, read and write files below a folder. Needs no home.
    #[command(
        after_help = "Examples:\n  hardshell sandbox run --write . -- make\n  hardshell sandbox read --within workspace notes.md"
    )]
    Sandbox {
        /// What to do.
        #[command(subcommand)]
        command: sandbox::SandboxCommand,
    },
    /// The rules: show them, ask them, test them, sign your own.
    #[command(
        after_help = "Examples:\n  hardshell policy show\n  echo '{\"tool\": \"shell.run\", \"arguments\": {\"command\": \"df -h\"}}' | hardshell policy explain\n  hardshell policy lint"
    )]
    Policy {
        /// What to do.
        #[command(subcommand)]
        command: crate::commands::policy::PolicyCommand,
    },
    /// Play benchmark suites through the policy: a clean model, a hijacked one, an adaptive attacker.
    #[command(
        after_help = "Examples:\n  hardshell replay bench/agentdojo/data/*.json\n  hardshell replay banking.json --explain user_task_3\n  hardshell replay banking.json --policy ~/.hardshell/hardshell.toml --json\n  hardshell replay runs.jsonl --runs --manifests my-tools/"
    )]
    Replay(crate::commands::replay::Replay),
    /// Completions for a shell.
    #[command(after_help = "Example:\n  hardshell completions bash > /etc/bash_completion.d/hardshell")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// What can be done with the stop switch.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum LockdownCommand {
    /// Stop everything.
    #[command(after_help = "Example:\n  hardshell lockdown on")]
    On,
    /// Release it; only at a terminal of this machine.
    #[command(after_help = "Example:\n  hardshell lockdown off")]
    Off,
    /// Say how it stands.
    #[command(after_help = "Examples:\n  hardshell lockdown status\n  hardshell lockdown status --json")]
    Status,
}

/// What can be done with conversations.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List them.
    #[command(after_help = "Examples:\n  hardshell session list\n  hardshell session list --json")]
    List,
    /// Show one whole.
    #[command(after_help = "Example:\n  hardshell session show s-0123456789abcdef")]
    Show {
        /// The session.
        id: String,
    },
    /// Let one go on that a burst of refusals has suspended; or a stranger, by name (`mail:x@example.org`).
    #[command(
        after_help = "`hardshell status` shows what is suspended.\n\nExamples:\n  hardshell session resume s-01j\n  hardshell session resume mail:x@example.org"
    )]
    Resume {
        /// The session, or the stranger.
        what: String,
    },
    /// Take one back: what it does is stopped at once, and nothing more happens in it.
    #[command(after_help = "Example:\n  hardshell session revoke s-0123456789abcdef")]
    Revoke {
        /// The session.
        id: String,
    },
}

/// What can be done with channels.
#[derive(Debug, Subcommand)]
pub enum ChannelCommand {
    /// List them, with who may come in.
    #[command(after_help = "Example:\n  hardshell channel list")]
    List,
    /// Take back everything by which somebody comes in over one; what is open with it is closed at once.
    #[command(after_help = "Examples:\n  hardshell channel revoke web\n  hardshell channel revoke api")]
    Revoke {
        /// The channel.
        channel: ChannelWord,
    },
}

/// A channel whose credentials can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ChannelWord {
    /// Browsers.
    Web,
    /// Programs with tokens.
    Api,
}

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// List the configured ones.
    #[command(after_help = "Example:\n  hardshell model list")]
    List,
    /// Add one to the configuration and ask it from now on.
    #[command(
        after_help = "Examples:\n  hardshell model add claude --kind anthropic --model claude-sonnet-4-5\n  hardshell model add local --kind ollama --model llama3.2 --url http://127.0.0.1:11434\n  hardshell model add lab --kind openai --model qwen3 --url https://llm.example.org/v1 --key lab"
    )]
    Add {
        /// What it is called here.
        name: String,
        /// The interface it speaks: anthropic, openai (and everything like it), ollama.
        #[arg(long, value_parser = ["anthropic", "openai", "ollama"])]
        kind: String,
        /// Its name at the vendor.
        #[arg(long)]
        model: String,
        /// Its address, when it is not the vendor's own.
        #[arg(long)]
        url: Option<String>,
        /// The secret that is its key. Left out: its name here for a vendor's own address, none with `--url`.
        #[arg(long, value_name = "NAME")]
        key: Option<String>,
    },
    /// Ask one a short question and say what it answers.
    #[command(after_help = "Example:\n  hardshell model test claude")]
    Test {
        /// The model.
        name: String,
    },
}

/// `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Which attack; `list` names them, `all` plays them all.
    #[arg(value_name = "NAME", default_value = "signature")]
    pub name: String,
    /// Leave this wall out; can be given several times.
    #[arg(long, value_name = "WALL", value_parser = ["policy", "sandbox", "egress"])]
    pub without: Vec<String>,
    /// Play in this empty folder and in this process: what the demo starts itself with in namespaces of its own.
    #[arg(long, value_name = "DIR", hide = true)]
    pub stage: Option<PathBuf>,
}

/// `chat`.
#[derive(Debug, Args)]
pub struct Chat {
    /// Say this, print the answer, and leave.
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Go on with this session; a name of your own that is not there yet begins it.
    #[arg(long, value_name = "S")]
    pub session: Option<String>,
    /// The most confidential it may read: low for the web, medium for mail and files, high for money, health and keys.
    #[arg(long, value_name = "TIER", value_parser = ["low", "medium", "high"])]
    pub ceiling: Option<String>,
}

/// `approvals`.
#[derive(Debug, Args)]
pub struct Approvals {
    /// What to do.
    #[command(subcommand)]
    pub command: ApprovalsCommand,
}

/// What can be done with questions.
#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// List the open ones.
    #[command(after_help = "Examples:\n  hardshell approvals list\n  hardshell approvals list --json")]
    List,
    /// Show one whole.
    #[command(after_help = "Example:\n  hardshell approvals show q-0123456789abcdef")]
    Show {
        /// The question.
        id: String,
    },
    /// Allow one, this once, or several with one answer.
    #[command(
        after_help = "Examples:\n  hardshell approvals approve q-0123456789abcdef\n  hardshell approvals approve q-0123456789abcdef q-fedcba9876543210\n  hardshell approvals approve q-0123456789abcdef --always"
    )]
    Approve {
        /// The questions.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Allow what is like it from now on: makes the standing rule that `show` prints.
        #[arg(long)]
        always: bool,
    },
    /// Refuse one, or several with one answer.
    #[command(after_help = "Example:\n  hardshell approvals deny q-0123456789abcdef q-fedcba9876543210")]
    Deny {
        /// The questions.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Wait for questions and answer them here.
    #[command(after_help = "Example:\n  hardshell approvals watch")]
    Watch,
    /// How often you are asked, by which rules, and which standing rule would have spared you the most.
    #[command(after_help = "Example:\n  hardshell approvals stats --days 7")]
    Stats {
        /// How many days back.
        #[arg(long, value_name = "N", default_value_t = 30)]
        days: u32,
    },
}

/// `config`.
#[derive(Debug, Args)]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What can be done with the configuration.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say what is wrong with it, with line and column.
    #[command(after_help = "Example:\n  hardshell config check")]
    Check,
    /// Print it whole, defaults included.
    #[command(after_help = "Example:\n  hardshell config show")]
    Show,
    /// Print its JSON Schema, for editors.
    #[command(after_help = "Example:\n  hardshell config schema > hardshell.schema.json")]
    Schema,
}
