//! The friendly half of the policy: the sections of `hardshell.toml` that say what may happen.
//!
//! Each has a plain meaning and is translated to Cedar, which `hardshell policy show` prints. An unknown key is an
//! error: a rule with a slip of the pen must not be a rule that is not there.

use domain::{Effect, Tier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All sections the policy reads. The configuration file's own type holds them side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Commands.
    pub shell: Shell,
    /// Files and folders.
    pub files: Files,
    /// Mail and other messages to people.
    pub mail: Mail,
    /// The web.
    pub web: Web,
    /// What is confirmed, by effect.
    pub actions: Actions,
    /// How confidential things are.
    pub tiers: Tiers,
    /// How far sources are believed.
    pub sources: Sources,
    /// How often things may happen.
    pub limits: Limits,
}

/// `[shell]`: which commands run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shell {
    /// What becomes of a command whose program or arguments are not on the list.
    pub mode: ShellMode,
    /// Programs that run whatever their arguments are, besides the built-in list of argument rules. An interpreter
    /// here means any code, without a network; `policy lint` says so.
    pub allowed: Vec<String>,
    /// Programs that never run.
    pub denied: Vec<String>,
}

impl Default for Shell {
    fn default() -> Self {
        Self { mode: ShellMode::Ask, allowed: Vec::new(), denied: Vec::new() }
    }
}

/// What becomes of an unfamiliar command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShellMode {
    /// It asks.
    Ask,
    /// It is refused: only the list runs.
    Allowlist,
    /// No command runs at all.
    Off,
}

/// A path pattern: `~/Documents/**`, `/srv/*.log`. `*` stays within one folder, `**` does not. `~` is the owner's
/// home, `workspace` the workspace. A folder's name alone stands for all that is in it.
pub type Glob = String;

/// `[files]`: where it may read and write. The workspace is always both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Files {
    /// Places it may read and write.
    pub allowed_paths: Vec<Glob>,
    /// Places it may read.
    pub readable_paths: Vec<Glob>,
    /// Places it may do neither, whatever else says so.
    pub denied_paths: Vec<Glob>,
}

/// `[mail]`: to whom it may write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// Whether every message to somebody is confirmed, whatever `[actions]` says.
    pub require_confirmation: bool,
    /// When not empty: nobody else is written to. An address, or `@example.org` for everyone of that domain.
    pub allowed_recipients: Vec<String>,
    /// Nobody here is written to.
    pub denied_recipients: Vec<String>,
    /// The owner's own domains: clearance medium.
    pub own_domains: Vec<String>,
}

/// `[web]`: which hosts it may fetch from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// What becomes of a host that is not listed.
    pub mode: WebMode,
    /// Hosts it may fetch from: a name, or `*.example.org` for the names below it.
    pub allowed_hosts: Vec<String>,
    /// Hosts it may not.
    pub denied_hosts: Vec<String>,
}

impl Default for Web {
    fn default() -> Self {
        Self { mode: WebMode::Open, allowed_hosts: Vec::new(), denied_hosts: Vec::new() }
    }
}

/// What becomes of a host that is on neither list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WebMode {
    /// It may be fetched from; the rules on labels and clearance still hold.
    Open,
    /// It asks.
    Ask,
    /// It is refused.
    Allowlist,
}

/// `[actions]`: what is confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Actions {
    /// Where to start from; the keys below change single effects.
    pub profile: Profile,
    /// Making and changing things outside the workspace.
    pub write: Option<Confirm>,
    /// Taking things away.
    pub delete: Option<Confirm>,
    /// Running programs that the list knows.
    pub execute: Option<Confirm>,
    /// Running programs that it does not know.
    pub unfamiliar_program: Option<Confirm>,
    /// Writing to people.
    pub send: Option<Confirm>,
    /// The first message to somebody.
    pub new_recipient: Option<Confirm>,
    /// Paying.
    pub spend: Option<Confirm>,
    /// Changing settings, here or at a service.
    pub configure: Option<Confirm>,
}

/// A whole set of confirmations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Paying, configuring, deleting for good, unfamiliar programs and first messages are confirmed each time; the
    /// rest only where no grant covers it.
    #[default]
    Shipped,
    /// Everything is confirmed only where no grant covers it.
    UnlessGranted,
    /// As shipped, and every message to somebody and every deletion is confirmed each time.
    Strict,
}

/// When an effect is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confirm {
    /// Where no grant covers it.
    UnlessGranted,
    /// Each time.
    Always,
}

/// How confidential something is, in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TierWord {
    /// Anyone may know.
    Low,
    /// Personal or business.
    Medium,
    /// Finance, medical, legal, keys.
    High,
}

impl From<TierWord> for Tier {
    fn from(word: TierWord) -> Self {
        match word {
            TierWord::Low => Self::Low,
            TierWord::Medium => Self::Medium,
            TierWord::High => Self::High,
        }
    }
}

/// `[tiers]`: how confidential things are, over the defaults. The highest that applies counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tiers {
    /// The highest tier that a session may read, where nothing is said for the session itself; high when left out.
    pub ceiling: Option<TierWord>,
    /// By path: `"~/Tax/**" = "high"`.
    pub paths: BTreeMap<Glob, TierWord>,
    /// By mail folder.
    pub folders: BTreeMap<String, TierWord>,
    /// By sender's address or `@domain`.
    pub senders: BTreeMap<String, TierWord>,
    /// By host.
    pub hosts: BTreeMap<String, TierWord>,
    /// By tool.
    pub tools: BTreeMap<String, TierWord>,
}

/// `[sources]`: how far sources are believed, over the defaults. Nothing here makes a source trusted; `attested`
/// means that its free text is a fact too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sources {
    /// Tools whose free text is written by the owner's own people, such as an internal chat.
    pub internal_tools: Vec<String>,
    /// Senders whose mail counts as internal, by address or `@domain`, where the mailbox's own server proves them.
    pub internal_senders: Vec<String>,
}

/// `[limits]`: how often things may happen before Hardshell asks or stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Consequential effects of one session in a minute; more ask.
    pub effects_per_minute: u32,
    /// Messages to people in an hour; more ask.
    pub sends_per_hour: u32,
    /// Prompts to models in an hour; more are refused.
    pub prompts_per_hour: u32,
    /// Tokens bought in a day; more are refused.
    pub tokens_per_day: u64,
    /// Refusals of one session within ten minutes, after which its consequential effects are refused.
    pub refusals_per_ten_minutes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            effects_per_minute: 30,
            sends_per_hour: 30,
            prompts_per_hour: 600,
            tokens_per_day: 5_000_000,
            refusals_per_ten_minutes: 20,
        }
    }
}

impl Settings {
    /// Reads the sections from TOML that holds nothing else.
    ///
    /// # Errors
    ///
    /// The parser's own: it names line, column and the key.
    pub fn from_toml(text: &str) -> Result<Self, Box<toml::de::Error>> {
        toml::from_str(text).map_err(Box::new)
    }
}

impl Actions {
    /// When `effect` is confirmed.
    #[must_use]
    pub fn confirm(&self, effect: Effect) -> Confirm {
        let (own, shipped) = match effect {
            Effect::Read | Effect::Fetch => return Confirm::UnlessGranted,
            Effect::Write => (self.write, Confirm::UnlessGranted),
            Effect::Delete => (self.delete, Confirm::Always),
            Effect::Execute => (self.execute, Confirm::UnlessGranted),
            Effect::Send => (self.send, Confirm::UnlessGranted),
            Effect::Spend => (self.spend, Confirm::Always),
            Effect::Configure => (self.configure, Confirm::Always),
        };
        let of_profile = match self.profile {
            Profile::Shipped => shipped,
            Profile::UnlessGranted => Confirm::UnlessGranted,
            Profile::Strict if matches!(effect, Effect::Send | Effect::Delete) => Confirm::Always,
            Profile::Strict => shipped,
        };
        own.unwrap_or(of_profile)
    }

    /// When a deletion that can be undone is confirmed.
    #[must_use]
    pub fn confirm_trash(&self) -> Confirm {
        match self.profile {
            Profile::Strict => self.delete.unwrap_or(Confirm::Always),
            Profile::Shipped | Profile::UnlessGranted => self.delete.unwrap_or(Confirm::UnlessGranted),
        }
    }

    /// When a program that the list does not know is confirmed.
    #[must_use]
    pub fn confirm_unfamiliar_program(&self) -> Confirm {
        self.special(self.unfamiliar_program)
    }

    /// When the first message to somebody is confirmed.
    #[must_use]
    pub fn confirm_new_recipient(&self) -> Confirm {
        self.special(self.new_recipient)
    }

    fn special(&self, own: Option<Confirm>) -> Confirm {
        own.unwrap_or(match self.profile {
            Profile::Shipped | Profile::Strict => Confirm::Always,
            Profile::UnlessGranted => Confirm::UnlessGranted,
        })
    }
}
