//! The walls that can be left out, and what leaves each out: a line of configuration, or the owner's answer.

use broker::Answer;
use serde::Serialize;
use std::collections::BTreeSet;

/// A wall that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wall {
    /// The owner is asked; left out, the owner approves whatever is asked.
    Policy,
    /// Commands and file tools see only named folders; left out, `[files] readable_paths` names the folder with the
    /// credentials.
    Sandbox,
    /// Nothing private is reached; left out, `[network] private_hosts` and `[[sandbox.hosts]]` name the attacker's
    /// server.
    Egress,
}

impl Wall {
    /// Every one, in the order an attack meets them.
    pub const ALL: [Self; 3] = [Self::Policy, Self::Sandbox, Self::Egress];

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Sandbox => "sandbox",
            Self::Egress => "egress",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wall| wall.as_str() == name)
    }

    /// What leaving it out means, in words.
    #[must_use]
    pub fn left_out(self) -> &'static str {
        match self {
            Self::Policy => "the owner approves every question unread",
            Self::Sandbox => {
                "hardshell.toml opens the folder with the credentials to commands and file tools"
            }
            Self::Egress => "hardshell.toml names the attacker's server as one of your own",
        }
    }
}

/// What differs between the variants of an attack: lists of the configuration and the owner's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) readable_paths: Vec<String>,
    pub(crate) open_hosts: Vec<(String, u16)>,
    pub(crate) answer: Answer,
}

impl Variant {
    /// The variant `without` these walls, where the credentials lie in `folder` and the attacker listens at `host`.
    pub(crate) fn of(without: &BTreeSet<Wall>, folder: &str, host: &(String, u16)) -> Self {
        let out = |wall: Wall| without.iter().filter(move |out| **out == wall);
        Self {
            readable_paths: out(Wall::Sandbox).map(|_| folder.to_string()).collect(),
            open_hosts: out(Wall::Egress).map(|_| host.clone()).collect(),
            answer: if without.contains(&Wall::Policy) { Answer::Approve } else { Answer::Deny },
        }
    }
}
