//! Names of things, checked once where they enter.

use std::fmt;
use std::str::FromStr;

/// The text is not a name of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {reason}")]
pub struct IdError {
    /// What was being read: `session id`, `tool name`, …
    pub kind: &'static str,
    /// The text, cut to 80 characters.
    pub text: String,
    /// What a name of this kind looks like.
    pub reason: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $longest:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let reason = concat!("it has 1 to ", $longest, " characters of a-z, 0-9 and `", $extra, "`, and starts with a letter or digit");
                let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || $extra.contains(c);
                let starts_well = text.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
                if starts_well && text.len() <= $longest && text.chars().all(allowed) {
                    Ok(Self(text.to_string()))
                } else {
                    Err(IdError { kind: $kind, text: text.chars().take(80).collect(), reason })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One conversation.
    SessionId, "session id", 64, "-"
);
id!(
    /// From one owner's message, or automation run, to the reply to it.
    TaskId, "task id", 64, "-"
);
id!(
    /// One message that came in; the sender's own id where it has one, so that a message sent twice is taken once.
    MessageId, "message id", 128, "-_."
);
id!(
    /// One question put to the owner.
    QuestionId, "question id", 64, "-"
);
id!(
    /// A tool: a namespace and a verb, `files.read`. Foreign tools: `mcp.SERVER.TOOL` or a bare name.
    ToolName, "tool name", 128, "._-"
);
id!(
    /// A model as the owner named it in the configuration.
    ModelName, "model name", 64, "._-"
);
id!(
    /// A secret in the vault.
    SecretName, "secret name", 64, "._-"
);
id!(
    /// One effect of one task, the same after a restart: task, step and place in the step. An effect is begun at
    /// most once under its key.
    EffectKey, "effect key", 128, "-."
);

impl EffectKey {
    /// The key of the `index`-th action of step `step` of `task`.
    ///
    /// # Errors
    ///
    /// [`IdError`] when the task's name leaves no room for the rest.
    pub fn new(task: &TaskId, step: u32, index: u32) -> Result<Self, IdError> {
        format!("{task}.{step}.{index}").parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_or_refused() {
        for (text, good) in [
            ("files.read", true),
            ("a", true),
            ("", false),
            (".hidden", false),
            ("Files.read", false),
            ("files read", false),
            ("files\u{202e}read", false),
            ("../etc", false),
        ] {
            assert_eq!(text.parse::<ToolName>().is_ok(), good, "{text:?}");
        }
        assert!("a".repeat(129).parse::<ToolName>().is_err());
    }
}
