//! From configuration and rule files to a policy that decides.

use crate::command::{ProgramError, Programs};
use crate::places::{self, Patterns};
use crate::rules::{self, Kind, Rule, Rules, Set};
use crate::settings::Settings;
use cedar_policy::{EntityTypeName, EntityUid, Schema};
use domain::Tier;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where things are on this machine, for the rules that name places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Hardshell's home: everything in it but the workspace is out of every action's reach.
    pub home: PathBuf,
    /// The workspace, canonical.
    pub workspace: PathBuf,
    /// What `~` means in a pattern.
    pub owner_home: PathBuf,
    /// Hardshell's own programs.
    pub programs: Vec<PathBuf>,
}

/// Where something came from, for [`Policy::tier_of`].
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// A mail folder.
    Folder(&'a str),
    /// A sender.
    Sender(&'a domain::Address),
    /// A host.
    Host(&'a domain::Host),
    /// A tool.
    Tool(&'a domain::ToolName),
}

/// One of the owner's `.cedar` files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// Its file name, for errors and `policy show`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The Ed25519 signature of [`signed_bytes`], when there is one. Without it the file can only forbid or ask.
    pub signature: Option<[u8; 64]>,
}

/// The policy could not be loaded; nothing is decided by half a policy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A built-in rule is broken: our fault.
    #[error("the built-in rules do not load: {reason}")]
    BuiltIn {
        /// What Cedar says.
        reason: String,
    },
    /// The built-in list of programs is broken: our fault.
    #[error(transparent)]
    Programs(#[from] ProgramError),
    /// A rule file does not parse or does not fit the schema.
    #[error("rule file `{file}`: {reason}")]
    RuleFile {
        /// The file.
        file: String,
        /// What Cedar says, with the place.
        reason: String,
    },
    /// Two rules have one name, so that a record would not say which decided.
    #[error("rule file `{file}`: the id `{id}` is taken by a rule of `{other}`")]
    Twice {
        /// The file.
        file: String,
        /// The id.
        id: String,
        /// Where it stands too.
        other: String,
    },
    /// A rule file permits something and is not signed by the owner.
    #[error(
        "rule file `{file}` permits something (`{rule}`) and is not signed; rule files of the owner can forbid and ask"
    )]
    Unsigned {
        /// The file.
        file: String,
        /// The permitting rule.
        rule: String,
    },
    /// A signature does not fit.
    #[error("rule file `{file}` has a signature that does not fit its text and this home's key")]
    BadSignature {
        /// The file.
        file: String,
    },
    /// A key of the settings has a value that means nothing.
    #[error("`{key}`: `{value}` {reason}")]
    Setting {
        /// The key, with its section.
        key: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The rules, loaded and checked. Cheap to share behind an `Arc`; never changed in place.
#[derive(Debug)]
pub struct Policy {
    pub(crate) digest: [u8; 32],
    pub(crate) settings: Settings,
    pub(crate) patterns: Patterns,
    pub(crate) programs: Programs,
    pub(crate) rules: Rules,
    pub(crate) names: Names,
}

/// Cedar's names, parsed once.
#[derive(Debug)]
pub(crate) struct Names {
    pub principal: EntityTypeName,
    pub role: EntityTypeName,
    pub tool: EntityTypeName,
    pub actions: Vec<EntityUid>,
}

impl Policy {
    /// Loads the built-in rules, what `settings` mean, and the owner's `files`, checked against the schema.
    /// `signer` is the Ed25519 public key whose signature lets a file permit.
    ///
    /// # Errors
    ///
    /// Any [`Error`]: the first thing found wrong. There is no partial policy.
    pub fn load(
        settings: &Settings,
        files: &[RuleFile],
        places: &Places,
        signer: Option<&[u8; 32]>,
    ) -> Result<Self, Error> {
        let schema =
            Schema::from_str(rules::SCHEMA).map_err(|error| Error::BuiltIn { reason: error.to_string() })?;
        let mut all = Vec::new();
        for (file, kind, text) in rules::BUILT_IN {
            all.extend(rules::parse(file, kind, text, &schema)?);
        }
        for file in files {
            all.extend(owners_rules(file, signer, &schema)?);
        }
        no_id_twice(&all)?;
        Ok(Self {
            digest: digest(settings, files, places, signer),
            patterns: Patterns::compile(settings, places)?,
            settings: settings.clone(),
            programs: Programs::built_in()?,
            rules: Rules::compile(all)?,
            names: Names::parse()?,
        })
    }

    /// BLAKE3 over everything that the policy was loaded from and the built-in rules: two policies of the same digest
    /// decide alike.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The sections it was loaded from.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How confidential what stands at `path` (absolute) is, at least: by `[tiers]` and the built-in places of keys,
    /// finance, medical, legal and tax.
    #[must_use]
    pub fn tier_of_path(&self, path: &Path) -> Tier {
        self.patterns.tier_of_path(path)
    }

    /// How confidential `[tiers]` says that what comes from `origin` is, at least; nothing where it says nothing.
    #[must_use]
    pub fn tier_of(&self, origin: Origin<'_>) -> Option<Tier> {
        let tiers = &self.settings.tiers;
        let named = |list: &std::collections::BTreeMap<String, crate::TierWord>,
                     fits: &dyn Fn(&str) -> bool| {
            list.iter()
                .filter(|(pattern, _word)| fits(pattern))
                .map(|(_pattern, word)| Tier::from(*word))
                .max()
        };
        match origin {
            Origin::Folder(folder) => named(&tiers.folders, &|pattern| pattern == folder),
            Origin::Sender(sender) => {
                named(&tiers.senders, &|pattern| places::recipient_matches(pattern, sender.as_str()))
            }
            Origin::Host(host) => {
                named(&tiers.hosts, &|pattern| places::host_matches(pattern, host.as_str()))
            }
            Origin::Tool(tool) => named(&tiers.tools, &|pattern| pattern == tool.as_str()),
        }
    }

    /// Whether `[sources]` says that the free text of `tool` is written by the owner's own people.
    #[must_use]
    pub fn is_internal(&self, tool: &domain::ToolName) -> bool {
        self.settings.sources.internal_tools.iter().any(|internal| internal == tool.as_str())
    }

    /// The list of programs in use.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }
}

impl Names {
    fn parse() -> Result<Self, Error> {
        let name = |text: &str| {
            EntityTypeName::from_str(text).map_err(|error| Error::BuiltIn { reason: error.to_string() })
        };
        let action = name("Action")?;
        let actions = rules::ACTIONS
            .iter()
            .map(|id| EntityUid::from_type_name_and_id(action.clone(), cedar_policy::EntityId::new(id)))
            .collect();
        Ok(Self { principal: name("Principal")?, role: name("Role")?, tool: name("Tool")?, actions })
    }
}

/// The bytes that a signature of a rule file is made over: a context, the name and the text, each with its length.
#[must_use]
pub fn signed_bytes(name: &str, text: &str) -> Vec<u8> {
    let mut bytes = b"hardshell policy file v1\0".to_vec();
    for part in [name, text] {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

fn owners_rules(file: &RuleFile, signer: Option<&[u8; 32]>, schema: &Schema) -> Result<Vec<Rule>, Error> {
    let found = rules::parse(&file.name, Kind::May, &file.text, schema)?;
    let signed = match &file.signature {
        None => false,
        Some(signature) => {
            let bad = || Error::BadSignature { file: file.name.clone() };
            let key =
                ed25519_dalek::VerifyingKey::from_bytes(signer.ok_or_else(bad)?).map_err(|_error| bad())?;
            let signature = ed25519_dalek::Signature::from_bytes(signature);
            key.verify_strict(&signed_bytes(&file.name, &file.text), &signature).map_err(|_error| bad())?;
            true
        }
    };
    match found.iter().find(|rule| rule.set == Set::Permits) {
        Some(rule) if !signed => Err(Error::Unsigned { file: file.name.clone(), rule: rule.id.clone() }),
        Some(_) | None => Ok(found),
    }
}

fn no_id_twice(rules: &[Rule]) -> Result<(), Error> {
    let mut seen: std::collections::BTreeMap<&str, &str> = std::collections::BTreeMap::new();
    for rule in rules {
        if let Some(other) = seen.insert(&rule.id, &rule.file) {
            return Err(Error::Twice {
                file: rule.file.clone(),
                id: rule.id.clone(),
                other: other.to_string(),
            });
        }
    }
    Ok(())
}

fn digest(settings: &Settings, files: &[RuleFile], places: &Places, signer: Option<&[u8; 32]>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("hardshell policy v1");
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(env!("CARGO_PKG_VERSION").as_bytes());
    part(rules::SCHEMA.as_bytes());
    for (_file, _kind, text) in rules::BUILT_IN {
        part(text.as_bytes());
    }
    for (_file, text) in crate::command::BUILT_IN {
        part(text.as_bytes());
    }
    part(format!("{settings:?}").as_bytes());
    part(format!("{places:?}").as_bytes());
    part(format!("{signer:?}").as_bytes());
    for file in files {
        part(file.name.as_bytes());
        part(file.text.as_bytes());
        part(file.signature.as_ref().map_or(&[], |signature| signature.as_slice()));
    }
    *hasher.finalize().as_bytes()
}
