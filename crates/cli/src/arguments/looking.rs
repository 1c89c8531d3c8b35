//! What `audit` and `incident` take.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What can be done with the log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check the whole chain; names the first bad record.
    #[command(
        after_help = "Example:\n  hardshell audit verify\n  hardshell audit verify --against /mnt/elsewhere/checkpoints"
    )]
    Verify {
        /// A file with checkpoints that was kept in another place, one a line: shows whether the log was cut or
        /// replaced.
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
    },
    /// Sign what is there now and print the signature, to be kept in another place.
    #[command(after_help = "Example:\n  hardshell audit checkpoint >> /mnt/elsewhere/checkpoints")]
    Checkpoint,
    /// How it goes with those whom the log is sent on to (`[[shipping]]`), each with its standing permit.
    #[command(
        after_help = "Examples:\n  hardshell audit shipping\n  hardshell audit shipping --json | jq '.[].behind'"
    )]
    Shipping,
    /// Follow it live.
    #[command(after_help = "Example:\n  hardshell audit tail --json | jq .kind")]
    Tail,
    /// Look into it: the newest records that match, in the order in which they came.
    #[command(
        after_help = "Times are dates (2026-11-27), moments (2026-11-27T06:05Z) or ages (90m, 24h, 7d).\n\nExamples:\n  hardshell audit query --kind refusal --since 24h\n  hardshell audit query --target host:example.org\n  hardshell audit query --source 'mail:*' --effect send --decision deny --json"
    )]
    Query(Box<Query>),
    /// What was done in a day, a week or a month, and what is unusual about it.
    #[command(
        after_help = "Examples:\n  hardshell audit report\n  hardshell audit report --period week --html week.html\n  hardshell audit report --period month --svg charts/ --png charts/"
    )]
    Report(Report),
    /// Hand records out to other programs.
    #[command(
        after_help = "Examples:\n  hardshell audit export --format csv > log.csv\n  hardshell audit export --format ocsf --since 7d\n  hardshell audit export --format jsonl --out log.jsonl"
    )]
    Export(Box<Export>),
}

/// Which records. What is left out does not narrow; all others must match.
#[derive(Debug, Default, Args)]
pub struct Which {
    /// Only this kind: intent, outcome, refusal, question, answer, inbound, `sign_in`, …; can be given several times.
    #[arg(long)]
    pub kind: Vec<String>,
    /// Only this session.
    #[arg(long)]
    pub session: Option<String>,
    /// Only this task.
    #[arg(long)]
    pub task: Option<String>,
    /// Only this tool, action or control: `shell.run`.
    #[arg(long)]
    pub tool: Option<String>,
    /// Only this effect: read, fetch, write, delete, execute, send, spend, configure.
    #[arg(long)]
    pub effect: Option<String>,
    /// Only what was decided so: allow, ask, deny.
    #[arg(long)]
    pub decision: Option<String>,
    /// Only where this rule decided.
    #[arg(long)]
    pub rule: Option<String>,
    /// Only on behalf of this principal: owner, member:anna.
    #[arg(long)]
    pub principal: Option<String>,
    /// Only on this channel: cli, web, telegram, …
    #[arg(long)]
    pub channel: Option<String>,
    /// Only with this source in the label: `mail:x@example.org`, or a whole kind: `mail:*`.
    #[arg(long)]
    pub source: Option<String>,
    /// Only what reaches this: `path:/etc/hosts`, `host:example.org`, `program:df`, `to:anna@example.org`.
    #[arg(long)]
    pub target: Option<String>,
    /// Only of this integrity: trusted, attested, untrusted.
    #[arg(long)]
    pub integrity: Option<String>,
    /// Only of this tier: low, medium, high.
    #[arg(long)]
    pub tier: Option<String>,
    /// Only records that hold this text, as JSON writes it. Reads every record that is left.
    #[arg(long)]
    pub text: Option<String>,
    /// Only since this time.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only records after this number.
    #[arg(long, value_name = "SEQ")]
    pub after: Option<u64>,
    /// Only records before this number.
    #[arg(long, value_name = "SEQ")]
    pub before: Option<u64>,
}

/// `audit query`.
#[derive(Debug, Args)]
pub struct Query {
    /// Which records.
    #[command(flatten)]
    pub which: Which,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Take the oldest that match instead of the newest.
    #[arg(long)]
    pub oldest_first: bool,
}

/// `audit report`.
#[derive(Debug, Args)]
pub struct Report {
    /// How long: day, week or month.
    #[arg(long, default_value = "day", value_parser = ["day", "week", "month"])]
    pub period: String,
    /// Up to this time; now when left out.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Write a page to this file too; one that is there is replaced.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write each chart as an SVG into this folder too.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Write each chart as a PNG into this folder too; it can be the same one.
    #[arg(long, value_name = "DIR")]
    pub png: Option<PathBuf>,
}

/// `audit export`.
#[derive(Debug, Args)]
pub struct Export {
    /// jsonl (the lines as they stand, with which the chain can be checked elsewhere), csv, or ocsf.
    #[arg(long, default_value = "jsonl", value_parser = ["jsonl", "csv", "ocsf"])]
    pub format: String,
    /// Into this file, which must not exist; to stdout when left out.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Which records.
    #[command(flatten)]
    pub which: Which,
}

/// What can be done about an incident.
#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// Tell what happened, from the log: how it came in, what it reached, what left, what to replace.
    #[command(
        after_help = "Examples:\n  hardshell incident report --since 24h\n  hardshell incident report --session s-0123456789abcdef --out incident.zip\n  hardshell incident report --source 'mail:*' --since 7d --html incident.html"
    )]
    Report(IncidentReport),
    /// Check a packet, on any machine.
    #[command(after_help = "Example:\n  hardshell incident verify incident.zip --key 3f…")]
    Verify {
        /// The packet.
        packet: PathBuf,
        /// The public key of the house it must come from, as its report printed it.
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
    },
    /// Rehearse one: an attack in a temporary home, its report, its packet checked, everything locked down.
    #[command(after_help = "Example:\n  hardshell incident drill")]
    Drill,
}

/// `incident report`.
#[derive(Debug, Args)]
pub struct IncidentReport {
    /// From this time.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub since: String,
    /// Up to this time; now when left out.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only this session.
    #[arg(long)]
    pub session: Option<String>,
    /// Only what this source reached: `mail:x@example.org`, or a whole kind: `mail:*`.
    #[arg(long)]
    pub source: Option<String>,
    /// Write the signed packet to this file, which must not exist.
    #[arg(long, value_name = "FILE.zip")]
    pub out: Option<PathBuf>,
    /// Write a page with the picture to this file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}
