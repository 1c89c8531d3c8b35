//! The closed lists of words that records are made of.

use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in records, filters and screens.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The one of that word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What kind of event a record is of.
    Kind {
        /// An effect is about to be carried out.
        Intent = "intent",
        /// What became of it.
        Outcome = "outcome",
        /// The policy refused.
        Refusal = "refusal",
        /// The owner is asked.
        Question = "question",
        /// The owner's answer.
        Answer = "answer",
        /// A message came in.
        Inbound = "inbound",
        /// Somebody signed in, or tried to.
        SignIn = "sign_in",
        /// The configuration was read or changed.
        Config = "config",
        /// A rule changed.
        Policy = "policy",
        /// A secret was kept, lent or removed.
        Secret = "secret",
        /// A control was tried.
        Proof = "proof",
        /// The stop switch.
        Lockdown = "lockdown",
        /// A backup was made, checked or restored.
        Backup = "backup",
        /// A connection outwards.
        Connection = "connection",
        /// The log's own: a segment begins.
        Segment = "segment",
        /// The log's own: the log was opened.
        Open = "open",
        /// The log's own: a signature over everything before.
        Checkpoint = "checkpoint",
        /// The log's own: old segments are removed.
        Pruned = "pruned",
    }
}
words! {
    /// What kind of thing an action reaches.
    TargetKind {
        /// A whole command line.
        Command = "command",
        /// A program.
        Program = "program",
        /// A file or folder.
        Path = "path",
        /// A host, with or without a port.
        Host = "host",
        /// A whole URL.
        Url = "url",
        /// A recipient.
        To = "to",
        /// A model.
        Model = "model",
        /// A session.
        Session = "session",
        /// The id of something at a service.
        Id = "id",
        /// Anything else that decides what is affected.
        Other = "other",
    }
}
words! {
    /// An answer to a question.
    Answer {
        /// Do it, this once.
        Approve = "approve",
        /// Do not.
        Deny = "deny",
        /// Do it, and what is like it from now on.
        Always = "always",
        /// Nobody answered in time.
        Expired = "expired",
    }
}
words! {
    /// What happened at the sign-in.
    SignInAct {
        /// A one-time link was made.
        LinkMade = "link_made",
        /// Somebody is in.
        SignedIn = "signed_in",
        /// A wrong or used token.
        Failed = "failed",
        /// Too many tries.
        LockedOut = "locked_out",
        /// Somebody left.
        SignedOut = "signed_out",
        /// A sign-in was taken away.
        Revoked = "revoked",
    }
}
words! {
    /// What happened to the configuration.
    SettingAct {
        /// It was read.
        Loaded = "loaded",
        /// It was changed.
        Changed = "changed",
        /// A bad one was refused.
        Refused = "refused",
    }
}
words! {
    /// What happened to a rule.
    PolicyAct {
        /// The policy was read.
        Loaded = "loaded",
        /// A standing rule was added.
        Added = "added",
        /// A rule was taken away.
        Removed = "removed",
        /// What a session may read was changed.
        Changed = "changed",
        /// A bad policy was refused.
        Refused = "refused",
    }
}
words! {
    /// What happened to a secret.
    SecretAct {
        /// It was kept.
        Set = "set",
        /// It was used for a host.
        Lent = "lent",
        /// It was asked for and not given.
        Refused = "refused",
        /// It was replaced.
        Rotated = "rotated",
        /// It was removed.
        Removed = "removed",
        /// It was seen where it must not be.
        Seen = "seen",
        /// It was taken out of use.
        Revoked = "revoked",
        /// It is in use again as it was.
        Reinstated = "reinstated",
    }
}
words! {
    /// Whether a control holds.
    ProofState {
        /// It was tried, and holds.
        Holds = "holds",
        /// It was tried, and does not hold.
        Failed = "failed",
        /// It is off, or cannot be tried.
        Off = "off",
    }
}
words! {
    /// What happened to the stop switch.
    LockdownAct {
        /// Everything stops.
        On = "on",
        /// It is released.
        Off = "off",
        /// One session or source is suspended.
        Suspended = "suspended",
        /// And let go on.
        Resumed = "resumed",
    }
}
words! {
    /// What happened to a backup.
    BackupAct {
        /// It was made.
        Made = "made",
        /// It was restored into a temporary home, and works.
        Verified = "verified",
        /// It was restored.
        Restored = "restored",
        /// It could not be made, checked or restored.
        Failed = "failed",
    }
}
