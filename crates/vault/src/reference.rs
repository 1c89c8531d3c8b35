//! Where a secret is: `secret://name`, or a place outside the vault.

use crate::files;
use crate::{Error, SecretText};
use domain::SecretName;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The longest reference, in bytes.
const REFERENCE_BYTES_MAX: usize = 1024;

/// Where a secret is. It is written in the configuration instead of the secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// `secret://name`: in this vault.
    Vault(SecretName),
    /// `env://NAME`: in the environment Hardshell was started with.
    Environment(String),
    /// `file:///path`: the whole of a file, which must have mode 0600 in a folder of mode 0700.
    File(PathBuf),
    /// `vault://mount/path#field`: in a `HashiCorp` Vault or `OpenBao` KV v2 engine.
    HashicorpVault {
        /// Where the engine is mounted.
        mount: String,
        /// The secret's path in it.
        path: String,
        /// The field of the secret.
        field: String,
    },
    /// `aws-sm://name` or `aws-sm://name#field`: in AWS Secrets Manager.
    AwsSecretsManager {
        /// The secret's name.
        name: String,
        /// A field of it, when its value is a JSON object.
        field: Option<String>,
    },
    /// `exec://name`: what a program prints that the configuration defines under this name.
    Program(String),
}

/// The text is not a reference to a secret. It is not repeated here: it may be the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read a reference to a secret: {reason}")]
pub struct ReferenceError {
    /// What is wrong with it.
    pub reason: &'static str,
}

impl SecretRef {
    /// The part before `://`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Vault(_) => "secret",
            Self::Environment(_) => "env",
            Self::File(_) => "file",
            Self::HashicorpVault { .. } => "vault",
            Self::AwsSecretsManager { .. } => "aws-sm",
            Self::Program(_) => "exec",
        }
    }

    /// Reads what can be read without going out: the environment and files.
    pub(crate) fn read(&self) -> Result<SecretText, Error> {
        match self {
            Self::Environment(name) => match std::env::var(name) {
                Ok(text) => SecretText::new(text),
                Err(std::env::VarError::NotPresent) => self.unreadable("the variable is not set"),
                Err(std::env::VarError::NotUnicode(_)) => self.unreadable("the variable is not UTF-8 text"),
            },
            Self::File(path) => SecretText::from_bytes(files::read_private(path, crate::SECRET_BYTES_MAX)?),
            Self::Vault(_) => self.unreadable("a secret of this vault needs no other name"),
            Self::HashicorpVault { .. } | Self::AwsSecretsManager { .. } | Self::Program(_) => {
                Err(Error::NeedsResolver { reference: self.clone(), scheme: self.scheme() })
            }
        }
    }

    fn unreadable<T>(&self, reason: &'static str) -> Result<T, Error> {
        Err(Error::Reference { reference: self.clone(), reason })
    }
}

impl FromStr for SecretRef {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let bad = |reason| Err(ReferenceError { reason });
        if text.len() > REFERENCE_BYTES_MAX {
            return bad("it is longer than 1024 bytes");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return bad("it has white space or control characters");
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return bad("it starts with secret://, env://, file://, vault://, aws-sm:// or exec://; \
                        a secret itself does not stand in a configuration");
        };
        match scheme {
            "secret" => {
                rest.parse().map(Self::Vault).or_else(|_| bad("after secret:// stands the name of a secret"))
            }
            "env" if is_variable(rest) => Ok(Self::Environment(rest.to_string())),
            "env" => bad("after env:// stands the name of a variable: letters, digits and `_`"),
            "file" => file(rest),
            "vault" => hashicorp(rest),
            "aws-sm" => aws(rest),
            "exec" if rest.parse::<SecretName>().is_ok() => Ok(Self::Program(rest.to_string())),
            "exec" => bad("after exec:// stands the name of a program of the configuration"),
            _ => bad("the kinds are secret, env, file, vault, aws-sm and exec"),
        }
    }
}

fn is_variable(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn file(rest: &str) -> Result<SecretRef, ReferenceError> {
    if !rest.starts_with('/') {
        return Err(ReferenceError { reason: "after file:// stands an absolute path: file:///path" });
    }
    if rest.split('/').any(|part| part == "..") {
        return Err(ReferenceError { reason: "the path has `..` in it" });
    }
    Ok(SecretRef::File(PathBuf::from(rest)))
}

fn hashicorp(rest: &str) -> Result<SecretRef, ReferenceError> {
    let shape = ReferenceError { reason: "it has the form vault://mount/path#field" };
    let (place, field) = rest.split_once('#').ok_or_else(|| shape.clone())?;
    let (mount, path) = place.split_once('/').ok_or_else(|| shape.clone())?;
    if !is_segment(mount) || !path.split('/').all(is_segment) || !is_segment(field) {
        return Err(shape);
    }
    Ok(SecretRef::HashicorpVault {
        mount: mount.to_string(),
        path: path.to_string(),
        field: field.to_string(),
    })
}

fn aws(rest: &str) -> Result<SecretRef, ReferenceError> {
    let (name, field) = rest.split_once('#').map_or((rest, None), |(name, field)| (name, Some(field)));
    if !name.split('/').all(is_segment) || !field.is_none_or(is_segment) {
        return Err(ReferenceError { reason: "it has the form aws-sm://name or aws-sm://name#field" });
    }
    Ok(SecretRef::AwsSecretsManager { name: name.to_string(), field: field.map(str::to_string) })
}

/// A part of a remote path: nothing that a URL or a path would read as more than itself.
fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && text != "."
        && text != ".."
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+=@:".contains(&byte))
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme();
        match self {
            Self::Vault(name) => write!(f, "{scheme}://{name}"),
            Self::Environment(name) | Self::Program(name) => write!(f, "{scheme}://{name}"),
            Self::File(path) => write!(f, "{scheme}://{}", path.display()),
            Self::HashicorpVault { mount, path, field } => write!(f, "{scheme}://{mount}/{path}#{field}"),
            Self::AwsSecretsManager { name, field: None } => write!(f, "{scheme}://{name}"),
            Self::AwsSecretsManager { name, field: Some(field) } => write!(f, "{scheme}://{name}#{field}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reference_is_read_or_refused() {
        for (text, good) in [
            ("secret://openai", true),
            ("secret://OpenAI", false),
            ("secret://", false),
            ("env://OPENAI_API_KEY", true),
            ("env://1ABC", false),
            ("env://A=B", false),
            ("file:///run/secrets/key", true),
            ("file://relative", false),
            ("file:///run/../etc/shadow", false),
            ("vault://kv/apps/mail#password", true),
            ("vault://kv/apps/../root#password", false),
            ("vault://kv/apps", false),
            ("vault://kv#password", false),
            ("vault://kv/a?list=true#password", false),
            ("aws-sm://prod/mail#password", true),
            ("aws-sm://prod/mail", true),
            ("aws-sm://prod//mail", false),
            ("exec://pass", true),
            ("exec:///usr/bin/pass", false),
            ("http://example.org", false),
            ("sk-live-0123456789", false),
            ("secret://a b", false),
        ] {
            assert_eq!(text.parse::<SecretRef>().is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn an_error_never_repeats_what_may_be_the_secret() {
        let error = "sk-live-0123456789".parse::<SecretRef>().unwrap_err();
        assert!(!error.to_string().contains("0123456789"), "{error}");
    }

    proptest! {
        #[test]
        fn what_was_read_is_shown_as_it_was_written(text in "(secret://[a-z][a-z0-9._-]{0,20}|env://[A-Z_]{1,9}|vault://[a-z]{1,5}(/[a-z0-9]{1,5}){1,3}#[a-z]{1,5}|aws-sm://[a-z]{1,4}(#[a-z]{1,4})?)") {
            prop_assert_eq!(text.parse::<SecretRef>().unwrap().to_string(), text);
        }

        #[test]
        fn no_text_makes_it_fall_over(text in ".{0,60}") {
            let _ = text.parse::<SecretRef>();
        }
    }
}
