//! What can go wrong when a model is asked, sorted by what the owner can do about it.

use crate::config::Model;
use domain::{Blame, ModelName};
use std::fmt::Write;
use std::time::Duration;

/// How much of the other side's own words an error keeps, in characters: enough for a sentence or two.
const PEER_WORDS_MAX: usize = 300;
/// A run of this many key-like characters in the other side's words is left out: vendors quote keys back.
const KEY_LIKE_RUN: usize = 20;

/// A model could not be asked, or its answer not be taken.
///
/// Shown as a fragment that fits after "could not ask the model: …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{model}` {trouble}{}", said(peer_words))]
pub struct AskError {
    /// Which model, as the owner calls it.
    pub model: ModelName,
    /// What went wrong.
    pub trouble: Trouble,
    /// The other side's own words, if it gave any: cut, made printable, nothing key-like in them. A stranger's words.
    pub peer_words: Option<String>,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// How long the other side asks us to wait.
    pub retry_after: Option<Duration>,
    /// How the model's key is put into the vault, with the command, if it takes one.
    pub(crate) key_advice: Option<Box<str>>,
}

fn said(words: &Option<String>) -> String {
    words.as_ref().map(|words| format!("; it said: {words}")).unwrap_or_default()
}

/// What went wrong, by what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// 401: the key is not good.
    #[error("refused the key")]
    WrongKey,
    /// 403: the key is good, but not for this.
    #[error("does not let this key do that")]
    NotPermitted,
    /// There is no model of that name at the vendor.
    #[error("is not known to the server under the name `{name}`")]
    UnknownModel {
        /// The vendor's name, as configured.
        name: String,
    },
    /// 404 for the address itself.
    #[error("is not at that address: nothing answers under this path")]
    NoSuchPath,
    /// Nothing left to pay with.
    #[error("refused because the account has no credit left")]
    NoCredit,
    /// The prompt does not fit the model's window.
    #[error("was given more than fits its window")]
    ContextTooLong,
    /// 429.
    #[error("has been asked too often")]
    RateLimited,
    /// 529, 503: try later.
    #[error("is overloaded")]
    Overloaded,
    /// 500 and its kin.
    #[error("had an error of its own")]
    ServerFault,
    /// The provider will not answer this.
    #[error("refused because of the provider's content rules")]
    Filtered,
    /// The model cannot call tools.
    #[error("cannot use tools")]
    NoTools,
    /// The server did not understand the request.
    #[error("did not accept the request")]
    BadRequest,
    /// No connection could be made.
    #[error("could not be reached: {why}")]
    Unreachable {
        /// Why, without a secret.
        why: String,
    },
    /// The way out is closed by our own rules.
    #[error("may not be reached: {why}")]
    Refused {
        /// Which rule.
        why: String,
    },
    /// The vault has no such key, or is locked.
    #[error("needs the key `{secret}`, which the vault did not give: {why}")]
    NoKey {
        /// The secret's name.
        secret: String,
        /// Why not.
        why: String,
    },
    /// Nothing came for too long.
    #[error("did not answer in time: no {waited_for} within {} seconds", limit.as_secs())]
    TimedOut {
        /// What was waited for.
        waited_for: Wait,
        /// How long.
        limit: Duration,
    },
    /// The answer broke off.
    #[error("broke off in the middle of its answer")]
    Incomplete,
    /// The answer is not what the interface promises.
    #[error("gave an answer that cannot be read: {why}")]
    Malformed {
        /// What is wrong with it, without quoting it at length.
        why: String,
    },
    /// The answer is larger than we take.
    #[error("gave an answer with {what} of more than {max} {unit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The limit.
        max: usize,
        /// Its unit.
        unit: &'static str,
    },
    /// The prompt cannot be written for any model.
    #[error("was not asked: {why}")]
    BadPrompt {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The script has no such line.
    #[error("has no more to say: its script has {lines} answers, and this would be the next")]
    ScriptOver {
        /// How many answers there are.
        lines: usize,
    },
    /// What this prompt carries is above what this model may be shown.
    #[error("may not be shown this: what the session has read is above its clearance")]
    AboveClearance,
    /// No model has that name here.
    #[error("is not configured")]
    NotConfigured,
    /// The owner stopped it.
    #[error("was cancelled")]
    Cancelled,
}

/// What was waited for when time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Anything at all after the request was sent.
    FirstByte,
    /// The next piece of the answer.
    NextByte,
    /// The end of the answer.
    End,
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::FirstByte => "first byte",
            Self::NextByte => "further byte",
            Self::End => "end",
        })
    }
}

impl Trouble {
    /// Whether the same question to the same model may well work a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::RateLimited
            | Self::Overloaded
            | Self::ServerFault
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Incomplete => true,
            Self::WrongKey
            | Self::NotPermitted
            | Self::UnknownModel { .. }
            | Self::NoSuchPath
            | Self::NoCredit
            | Self::ContextTooLong
            | Self::Filtered
            | Self::NoTools
            | Self::BadRequest
            | Self::Refused { .. }
            | Self::NoKey { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::BadPrompt { .. }
            | Self::ScriptOver { .. }
            | Self::AboveClearance
            | Self::NotConfigured
            | Self::Cancelled => false,
        }
    }

    /// Whether another model may be asked instead. Not after a refusal over content (to shop around for a laxer model
    /// is the owner's choice, not ours), a prompt that no model can be given, or a cancel.
    #[must_use]
    pub fn lets_another_try(&self) -> bool {
        match self {
            Self::Filtered | Self::BadPrompt { .. } | Self::Cancelled => false,
            Self::WrongKey
            | Self::NotPermitted
            | Self::UnknownModel { .. }
            | Self::NoSuchPath
            | Self::NoCredit
            | Self::ContextTooLong
            | Self::RateLimited
            | Self::Overloaded
            | Self::ServerFault
            | Self::NoTools
            | Self::BadRequest
            | Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::NoKey { .. }
            | Self::TimedOut { .. }
            | Self::Incomplete
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::ScriptOver { .. }
            | Self::AboveClearance
            | Self::NotConfigured => true,
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::WrongKey
            | Self::NotPermitted
            | Self::UnknownModel { .. }
            | Self::NoSuchPath
            | Self::NoCredit
            | Self::NoTools
            | Self::Refused { .. }
            | Self::NoKey { .. }
            | Self::ScriptOver { .. }
            | Self::AboveClearance
            | Self::NotConfigured
            | Self::Cancelled => Blame::Owner,
            Self::RateLimited
            | Self::Overloaded
            | Self::ServerFault
            | Self::Filtered
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Incomplete
            | Self::Malformed { .. }
            | Self::TooLarge { .. } => Blame::Peer,
            Self::ContextTooLong | Self::BadRequest | Self::BadPrompt { .. } => Blame::Us,
        }
    }
}

impl AskError {
    /// An error about `model` that no other side had a word in.
    #[must_use]
    pub fn new(model: &ModelName, trouble: Trouble) -> Self {
        Self {
            model: model.clone(),
            trouble,
            peer_words: None,
            status: None,
            retry_after: None,
            key_advice: None,
        }
    }

    /// An error of `model`, which knows where its key goes.
    pub(crate) fn of(model: &Model, trouble: Trouble) -> Self {
        Self {
            key_advice: model.key_advice().map(String::into_boxed_str),
            ..Self::new(model.name(), trouble)
        }
    }

    /// What the owner can do, as one sentence; with the command where there is one.
    #[must_use]
    pub fn hint(&self) -> String {
        let model = &self.model;
        match &self.trouble {
            Trouble::WrongKey => {
                let advice =
                    self.key_advice.as_deref().unwrap_or("`hardshell secret list` shows the keys there are");
                format!("put a good key into the vault: {advice}; then ask again")
            }
            Trouble::NotPermitted => {
                "look at the vendor's console which models and projects this key may use".to_string()
            }
            Trouble::UnknownModel { .. } => format!(
                "set `model` of `{model}` in hardshell.toml to a name the vendor lists; with Ollama, pull it first"
            ),
            Trouble::NoSuchPath => format!(
                "check `url` of `{model}` in hardshell.toml; for an OpenAI-compatible server it usually ends in /v1"
            ),
            Trouble::NoCredit => {
                "add credit at the vendor, or name another model under `fallback`".to_string()
            }
            Trouble::ContextTooLong => format!(
                "set `context_tokens` of `{model}` to the window the server really has, so that older turns are shortened in time"
            ),
            Trouble::RateLimited => "wait a little, or name another model under `fallback`".to_string(),
            Trouble::Overloaded | Trouble::ServerFault => {
                "the fault is at the vendor; try again later, or name another model under `fallback`"
                    .to_string()
            }
            Trouble::Filtered => "say it differently, or choose another model".to_string(),
            Trouble::NoTools => "choose a model that supports tool calling".to_string(),
            Trouble::BadRequest => format!(
                "`hardshell model test {model}` shows whether the server works at all; its own words are above"
            ),
            Trouble::Unreachable { .. } => {
                format!("check that the server runs and `url` of `{model}` is right")
            }
            Trouble::Refused { .. } => {
                format!("allow the host of `{model}` in hardshell.toml, if you meant to")
            }
            Trouble::NoKey { .. } => {
                let advice =
                    self.key_advice.as_deref().unwrap_or("`hardshell secret list` shows the keys there are");
                format!("put it there: {advice}")
            }
            Trouble::TimedOut { .. } => {
                "try again; a local model may need longer to load the first time".to_string()
            }
            Trouble::Incomplete => {
                "try again; if it happens often, look at the server or what stands between".to_string()
            }
            Trouble::Malformed { .. } | Trouble::TooLarge { .. } => {
                format!("check that `kind` of `{model}` fits the server at its `url`")
            }
            Trouble::BadPrompt { .. } => "this is a fault of Hardshell; please report it".to_string(),
            Trouble::ScriptOver { .. } => "add lines to the script".to_string(),
            Trouble::AboveClearance => {
                "use a local model for this session, or raise `clearance` if you trust this one with it"
                    .to_string()
            }
            Trouble::NotConfigured => "`hardshell model list` shows the models there are".to_string(),
            Trouble::Cancelled => "send the message again to start over".to_string(),
        }
    }
}

/// The other side's words, fit to be shown: one line, printable, cut, with every key-like run left out.
#[must_use]
pub fn presentable(words: &str) -> Option<String> {
    let mut shown = String::new();
    for (count, c) in words.trim().chars().enumerate() {
        if count >= PEER_WORDS_MAX {
            shown.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => shown.push(' '),
            c if c.is_control() || is_invisible(c) => {
                // Writing to a `String` cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    let shown: Vec<String> = shown.split(' ').filter(|word| !word.is_empty()).map(without_keys).collect();
    (!shown.is_empty()).then(|| shown.join(" "))
}

fn without_keys(word: &str) -> String {
    let is_key_like = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '+' | '/' | '=');
    let core = word.trim_matches(|c: char| !is_key_like(c));
    let long = core.len() >= KEY_LIKE_RUN
        && core.chars().all(is_key_like)
        && core.chars().any(|c| c.is_ascii_digit() || c == '*');
    let prefixed =
        ["sk-", "key-", "hf_", "gsk_", "xai-", "AIza"].iter().any(|prefix| core.starts_with(prefix));
    if !core.is_empty() && (long || prefixed) { word.replace(core, "[left out]") } else { word.to_string() }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_the_vendor_quotes_back_is_left_out() {
        for (words, shown) in [
            ("Incorrect API key provided: sk-proj-abc123.", "Incorrect API key provided: [left out]."),
            ("key \"AIzaSyA0123456789\" is bad", "key \"[left out]\" is bad"),
            ("token aGVsbG8gd29ybGQgaGVsbG8= expired1", "token [left out] expired1"),
            ("model claude-sonnet-4-20250514 unknown", "model [left out] unknown"),
            (
                "This model's maximum context length is 8192 tokens",
                "This model's maximum context length is 8192 tokens",
            ),
            ("a\nb\u{202e}c", "a b\\u{202e}c"),
        ] {
            assert_eq!(presentable(words).as_deref(), Some(shown), "{words}");
        }
        assert_eq!(presentable("  \n "), None);
        assert_eq!(presentable(&"é ".repeat(400)).unwrap().chars().filter(|c| *c == 'é').count(), 150);
    }

    #[test]
    fn an_error_reads_after_could_not() {
        let model: ModelName = "claude".parse().unwrap();
        let limit = Duration::from_secs(60);
        let mut error = AskError::new(&model, Trouble::TimedOut { waited_for: Wait::NextByte, limit });
        assert_eq!(error.to_string(), "`claude` did not answer in time: no further byte within 60 seconds");
        error.trouble = Trouble::RateLimited;
        error.peer_words = Some("slow down".into());
        assert_eq!(error.to_string(), "`claude` has been asked too often; it said: slow down");
        assert!(error.hint().contains("fallback"));
    }
}
