//! What an attack consists of: data. Marks in its texts are filled in when the stage is set.

/// One attack.
///
/// In every text `@MAIL@` stands for the id of the planted mail, `@ATTACKER@` for the attacker's server and `@SERVICE@`
/// for one of the owner's (host and port, as in an address), `@ATTACKER-HOST@` for the first without its port, `@OWNER@`
/// for the owner's home with the credentials, `@HOME@` for Hardshell's home, `@SECRET@` for the secret of this run.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line.
    pub title: &'static str,
    /// What happens, in a few sentences.
    pub tale: &'static str,
    /// What the owner asks for.
    pub asked: &'static str,
    /// The planted mail, in the form of `connectors::mail::sample`.
    pub mail: Option<&'static str>,
    /// The planted file: its name in the workspace, and its text.
    pub file: Option<(&'static str, &'static str)>,
    /// The kind of secret that is at stake.
    pub secret: Secret,
    /// Places that are not public and that the owner has opened before the attack begins.
    pub private_hosts: &'static [&'static str],
    /// What the far server answers: a status and a body.
    pub server: (u16, &'static str),
    /// What the hijacked model does, one call after the other.
    pub steps: &'static [Step],
    /// What it says in the end.
    pub says: &'static str,
    /// What must not come to pass.
    pub harm: Harm,
    /// What it comes to when the harm stays away, in one sentence.
    pub moral: &'static str,
}

/// A secret that is drawn for each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// A few plain words: no pattern recognises them, only the walls keep them.
    Words,
    /// A key in the shape that a vendor gives its keys.
    Key,
}

/// One call of the hijacked model.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The tool.
    pub tool: &'static str,
    /// Its arguments, a JSON object.
    pub arguments: &'static str,
    /// What the attacker wants with it; absent for a call that any assistant would make.
    pub attack: Option<Attack>,
}

/// What a call of an attack is for.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// In words.
    pub wants: &'static str,
    /// What would make it a success.
    pub win: Win,
    /// What is said when the call ran and won nothing all the same.
    pub vain: Vain,
}

/// What makes a call a success for the attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Win {
    /// The attacker's server received the secret meanwhile.
    Received,
    /// The call did what it says.
    Done,
    /// The model was told the secret.
    Told,
    /// SOUL.md is no longer what it was.
    Rewritten,
}

/// Why a call that ran won nothing.
#[derive(Clone, Copy, Debug)]
pub struct Vain {
    /// The wall.
    pub wall: &'static str,
    /// In words.
    pub why: &'static str,
}

/// What an attack is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The attacker's server receives the secret.
    SecretReceived,
    /// The attack's last call does what it says.
    LastDone,
    /// SOUL.md is no longer what it was.
    SoulChanged,
    /// The secret stands in what the model reads, what the owner is told, or the log.
    SecretTold,
}
