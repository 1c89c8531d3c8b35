//! From a record's fields back to the entry.

use super::{Fields, WireContent, WireRule};
use crate::{
    Answer, BackupAct, Content, Deed, Ending, Entry, Event, Hash, Kind, LockdownAct, Malformed, PolicyAct,
    ProofState, SecretAct, Seq, SettingAct, SignInAct, Subject, Target, TargetKind,
};
use domain::{
    ActionDigest, Blame, Channel, Effect, Label, Principal, Role, RuleHit, Sender, Timestamp, Usage, Verdict,
};
use std::str::FromStr;
use std::time::Duration;

impl Fields {
    /// The typed entry; nothing for the log's own kinds.
    pub(crate) fn entry(self) -> Result<Option<Entry>, Malformed> {
        let kind = Kind::parse(&self.kind).ok_or(Malformed { part: "kind" })?;
        let subject = self.subject()?;
        let event = match kind {
            Kind::Intent => {
                Event::Intent { deed: self.deed()?, rules: self.rules()?, isolation: self.isolation }
            }
            Kind::Outcome => self.outcome()?,
            Kind::Refusal => Event::Refusal { deed: self.deed()?, rules: self.rules()? },
            Kind::Question => Event::Question {
                question: parsed(self.question.as_deref(), "question")?,
                deed: self.deed()?,
                rules: self.rules()?,
                expires: Timestamp(self.expires.ok_or(Malformed { part: "expires" })?),
            },
            Kind::Answer => Event::Answer {
                question: parsed(self.question.as_deref(), "question")?,
                answer: word(self.answer.as_deref(), Answer::parse, "answer")?,
                digest: word(self.digest.as_deref(), ActionDigest::from_hex, "digest")?,
            },
            Kind::Inbound => Event::Inbound {
                message: parsed(self.message.as_deref(), "message")?,
                sender: word(self.sender.as_deref(), sender, "sender")?,
                contents: self.contents()?,
            },
            Kind::SignIn => Event::SignIn {
                act: word(self.act.as_deref(), SignInAct::parse, "act")?,
                from: self.from.ok_or(Malformed { part: "from" })?,
            },
            Kind::Config => Event::Config {
                act: word(self.act.as_deref(), SettingAct::parse, "act")?,
                content: self.content()?,
                path: self.path.ok_or(Malformed { part: "path" })?,
            },
            Kind::Policy => Event::Policy {
                act: word(self.act.as_deref(), PolicyAct::parse, "act")?,
                rule: self.rule.ok_or(Malformed { part: "rule" })?,
                detail: self.detail.ok_or(Malformed { part: "detail" })?,
            },
            Kind::Secret => Event::Secret {
                secret: parsed(self.secret.as_deref(), "secret")?,
                act: word(self.act.as_deref(), SecretAct::parse, "act")?,
                host: self.host.as_deref().map(|host| parsed(Some(host), "host")).transpose()?,
            },
            Kind::Proof => Event::Proof {
                name: self.name.ok_or(Malformed { part: "name" })?,
                state: word(self.state.as_deref(), ProofState::parse, "state")?,
                detail: self.detail.ok_or(Malformed { part: "detail" })?,
            },
            Kind::Lockdown => Event::Lockdown {
                act: word(self.act.as_deref(), LockdownAct::parse, "act")?,
                why: self.detail.ok_or(Malformed { part: "detail" })?,
            },
            Kind::Backup => Event::Backup {
                act: word(self.act.as_deref(), BackupAct::parse, "act")?,
                content: self.content()?,
                path: self.path.ok_or(Malformed { part: "path" })?,
                detail: self.detail.ok_or(Malformed { part: "detail" })?,
            },
            Kind::Connection => self.connection()?,
            Kind::Segment | Kind::Open | Kind::Checkpoint | Kind::Pruned => return Ok(None),
        };
        Ok(Some(Entry { subject, event }))
    }

    fn subject(&self) -> Result<Subject, Malformed> {
        Ok(Subject {
            session: optional(self.session.as_deref(), "session")?,
            task: optional(self.task.as_deref(), "task")?,
            key: optional(self.key.as_deref(), "key")?,
            principal: self
                .principal
                .as_deref()
                .map(|text| word(Some(text), principal, "principal"))
                .transpose()?,
            channel: optional(self.channel.as_deref(), "channel")?,
            label: optional::<Label>(self.label.as_deref(), "label")?,
        })
    }

    fn deed(&self) -> Result<Deed, Malformed> {
        Ok(Deed {
            name: self.name.clone().ok_or(Malformed { part: "name" })?,
            effect: word(self.effect.as_deref(), effect, "effect")?,
            digest: word(self.digest.as_deref(), ActionDigest::from_hex, "digest")?,
            targets: self.targets()?,
            contents: self.contents()?,
        })
    }

    fn outcome(&self) -> Result<Event, Malformed> {
        let blame = || word(self.blame.as_deref(), blame, "blame");
        let ending = match self.ending.as_deref() {
            Some("done") => Ending::Done,
            Some("failed") => Ending::Failed(blame()?),
            Some("may_have_happened") => Ending::MayHaveHappened(blame()?),
            Some("cancelled") => Ending::Cancelled,
            Some("unknown") => Ending::Unknown,
            Some(_) | None => return Err(Malformed { part: "ending" }),
        };
        let usage = self.input_tokens.zip(self.output_tokens);
        Ok(Event::Outcome {
            intent: Seq(self.intent.ok_or(Malformed { part: "intent" })?),
            name: self.name.clone().ok_or(Malformed { part: "name" })?,
            effect: word(self.effect.as_deref(), effect, "effect")?,
            ending,
            targets: self.targets()?,
            contents: self.contents()?,
            took: Duration::from_millis(self.took_ms.ok_or(Malformed { part: "took_ms" })?),
            usage: usage.map(|(input_tokens, output_tokens)| Usage { input_tokens, output_tokens }),
            cost_micros: self.cost_micros,
            detail: self.detail.clone(),
        })
    }

    fn connection(&self) -> Result<Event, Malformed> {
        Ok(Event::Connection {
            // Older records do not say.
            by: self.name.clone().unwrap_or_default(),
            host: self.host.clone().ok_or(Malformed { part: "host" })?,
            port: self.port.ok_or(Malformed { part: "port" })?,
            address: optional(self.address.as_deref(), "address")?,
            verdict: word(self.verdict.as_deref(), verdict, "verdict")?,
            rules: self.rules()?,
            request: self.request.clone(),
            bytes_out: self.bytes_out.ok_or(Malformed { part: "bytes_out" })?,
            bytes_in: self.bytes_in.ok_or(Malformed { part: "bytes_in" })?,
        })
    }

    pub(crate) fn targets(&self) -> Result<Vec<Target>, Malformed> {
        self.targets
            .iter()
            .map(|text| {
                let (kind, value) = text.split_once(':').ok_or(Malformed { part: "targets" })?;
                let kind = TargetKind::parse(kind).ok_or(Malformed { part: "targets" })?;
                Ok(Target::new(kind, value))
            })
            .collect()
    }

    fn contents(&self) -> Result<Vec<Content>, Malformed> {
        self.contents.iter().map(content).collect()
    }

    fn content(&self) -> Result<Content, Malformed> {
        self.contents.first().ok_or(Malformed { part: "contents" }).and_then(content)
    }

    pub(crate) fn rules(&self) -> Result<Vec<RuleHit>, Malformed> {
        self.rules.iter().map(rule).collect()
    }
}

fn content(wire: &WireContent) -> Result<Content, Malformed> {
    let digest = Hash::from_hex(&wire.digest).ok_or(Malformed { part: "contents" })?.0;
    Ok(Content { name: wire.name.clone(), bytes: wire.bytes, digest })
}

fn rule(wire: &WireRule) -> Result<RuleHit, Malformed> {
    let verdict = verdict(&wire.verdict).ok_or(Malformed { part: "rules" })?;
    Ok(RuleHit { verdict, id: wire.id.clone(), why: wire.why.clone() })
}

fn parsed<T: FromStr>(text: Option<&str>, part: &'static str) -> Result<T, Malformed> {
    text.and_then(|text| text.parse().ok()).ok_or(Malformed { part })
}

fn optional<T: FromStr>(text: Option<&str>, part: &'static str) -> Result<Option<T>, Malformed> {
    text.map(|text| parsed(Some(text), part)).transpose()
}

fn word<T>(text: Option<&str>, read: fn(&str) -> Option<T>, part: &'static str) -> Result<T, Malformed> {
    text.and_then(read).ok_or(Malformed { part })
}

fn principal(text: &str) -> Option<Principal> {
    let (role, name) = text.split_once(':')?;
    let role =
        [Role::Owner, Role::Member, Role::Guest, Role::House].into_iter().find(|one| one.as_str() == role)?;
    Some(Principal { role, name: name.to_string() })
}

fn sender(text: &str) -> Option<Sender> {
    let (channel, account) = text.split_once(':')?;
    Some(Sender { channel: channel.parse::<Channel>().ok()?, account: account.to_string() })
}

fn effect(text: &str) -> Option<Effect> {
    Effect::ALL.into_iter().find(|effect| effect.as_str() == text)
}

fn verdict(text: &str) -> Option<Verdict> {
    [Verdict::Allow, Verdict::Ask, Verdict::Deny].into_iter().find(|verdict| verdict.as_str() == text)
}

fn blame(text: &str) -> Option<Blame> {
    let all = [Blame::Owner, Blame::Model, Blame::Tool, Blame::Peer, Blame::Us];
    all.into_iter().find(|blame| blame.as_str() == text)
}
