//! From an entry to its fields: every free text is redacted, then cut.

use super::{Fields, LIST_MAX, TEXT_BYTES_MAX, TEXTS_BYTES_MAX, WireContent, WireRule};
use crate::{Content, Deed, Ending, Entry, Event, Hash, Redact, Target};
use domain::{Label, RuleHit, Source};

impl Fields {
    /// The fields of `entry`.
    pub(crate) fn of(entry: &Entry, redact: &dyn Redact) -> Self {
        let mut texts = Texts { redact, left: TEXTS_BYTES_MAX, cut: 0 };
        let subject = &entry.subject;
        let mut fields = Self {
            kind: entry.event.kind().as_str().to_string(),
            session: subject.session.as_ref().map(ToString::to_string),
            task: subject.task.as_ref().map(ToString::to_string),
            key: subject.key.as_ref().map(ToString::to_string),
            principal: subject
                .principal
                .as_ref()
                .map(|principal| format!("{}:{}", principal.role.as_str(), texts.text(&principal.name))),
            channel: subject.channel.map(|channel| channel.to_string()),
            label: subject.label.as_ref().map(|label| texts.label(label)),
            ..Self::default()
        };
        fields.put_event(&entry.event, &mut texts);
        fields.cut = Some(texts.cut).filter(|cut| *cut > 0);
        fields
    }

    fn put_event(&mut self, event: &Event, texts: &mut Texts<'_>) {
        match event {
            Event::Intent { deed, rules, isolation } => {
                self.put_deed(deed, texts);
                self.rules = texts.rules(rules);
                self.isolation = isolation.as_deref().map(|text| texts.text(text));
            }
            Event::Outcome { .. } => self.put_outcome(event, texts),
            Event::Refusal { deed, rules } => {
                self.put_deed(deed, texts);
                self.rules = texts.rules(rules);
            }
            Event::Question { question, deed, rules, expires } => {
                self.question = Some(question.to_string());
                self.put_deed(deed, texts);
                self.rules = texts.rules(rules);
                self.expires = Some(expires.0);
            }
            Event::Answer { question, answer, digest } => {
                self.question = Some(question.to_string());
                self.answer = Some(answer.to_string());
                self.digest = Some(digest.to_string());
            }
            Event::Inbound { message, sender, contents } => {
                self.message = Some(message.to_string());
                self.sender = Some(format!("{}:{}", sender.channel, texts.text(&sender.account)));
                self.contents = texts.contents(contents);
            }
            Event::SignIn { act, from } => {
                self.act = Some(act.to_string());
                self.from = Some(texts.text(from));
            }
            Event::Config { act, path, content } => {
                self.act = Some(act.to_string());
                self.path = Some(texts.text(path));
                self.contents = texts.contents(std::slice::from_ref(content));
            }
            Event::Policy { act, rule, detail } => {
                self.act = Some(act.to_string());
                self.rule = Some(texts.text(rule));
                self.detail = Some(texts.text(detail));
            }
            Event::Secret { secret, act, host } => {
                self.secret = Some(secret.to_string());
                self.act = Some(act.to_string());
                self.host = host.as_ref().map(ToString::to_string);
            }
            Event::Proof { name, state, detail } => {
                self.name = Some(texts.text(name));
                self.state = Some(state.to_string());
                self.detail = Some(texts.text(detail));
            }
            Event::Lockdown { act, why } => {
                self.act = Some(act.to_string());
                self.detail = Some(texts.text(why));
            }
            Event::Backup { act, path, content, detail } => {
                self.act = Some(act.to_string());
                self.path = Some(texts.text(path));
                self.contents = texts.contents(std::slice::from_ref(content));
                self.detail = Some(texts.text(detail));
            }
            Event::Connection { .. } => self.put_connection(event, texts),
        }
    }

    fn put_deed(&mut self, deed: &Deed, texts: &mut Texts<'_>) {
        self.name = Some(texts.text(&deed.name));
        self.effect = Some(deed.effect.as_str().to_string());
        self.digest = Some(deed.digest.to_string());
        self.targets = texts.targets(&deed.targets);
        self.contents = texts.contents(&deed.contents);
    }

    fn put_outcome(&mut self, event: &Event, texts: &mut Texts<'_>) {
        let Event::Outcome {
            intent,
            name,
            effect,
            ending,
            targets,
            contents,
            took,
            usage,
            cost_micros,
            detail,
        } = event
        else {
            return;
        };
        self.intent = Some(intent.0);
        self.name = Some(texts.text(name));
        self.effect = Some(effect.as_str().to_string());
        let (ending, blame) = match ending {
            Ending::Done => ("done", None),
            Ending::Failed(blame) => ("failed", Some(*blame)),
            Ending::MayHaveHappened(blame) => ("may_have_happened", Some(*blame)),
            Ending::Cancelled => ("cancelled", None),
            Ending::Unknown => ("unknown", None),
        };
        self.ending = Some(ending.to_string());
        self.blame = blame.map(|blame| blame.as_str().to_string());
        self.targets = texts.targets(targets);
        self.contents = texts.contents(contents);
        self.took_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        self.input_tokens = usage.map(|usage| usage.input_tokens);
        self.output_tokens = usage.map(|usage| usage.output_tokens);
        self.cost_micros = *cost_micros;
        self.detail = detail.as_deref().map(|text| texts.text(text));
    }

    fn put_connection(&mut self, event: &Event, texts: &mut Texts<'_>) {
        let Event::Connection { by, host, port, address, verdict, rules, request, bytes_out, bytes_in } =
            event
        else {
            return;
        };
        self.name = (!by.is_empty()).then(|| texts.text(by));
        self.host = Some(texts.text(host));
        self.port = Some(*port);
        self.address = address.map(|address| address.to_string());
        self.verdict = Some(verdict.as_str().to_string());
        self.rules = texts.rules(rules);
        self.request = request.as_deref().map(|text| texts.text(text));
        self.bytes_out = Some(*bytes_out);
        self.bytes_in = Some(*bytes_in);
    }
}

/// Redacts and cuts, and counts what was cut.
struct Texts<'a> {
    redact: &'a dyn Redact,
    left: usize,
    cut: u64,
}

impl Texts<'_> {
    fn text(&mut self, text: &str) -> String {
        let text = self.redact.redact(text);
        let limit = TEXT_BYTES_MAX.min(self.left);
        let mut taken = 0_usize;
        let mut end = 0;
        for (at, c) in text.char_indices() {
            let cost = escaped_bytes(c);
            if taken.saturating_add(cost) > limit {
                break;
            }
            taken = taken.saturating_add(cost);
            end = at.saturating_add(c.len_utf8());
        }
        self.left = self.left.saturating_sub(taken);
        let kept = text.get(..end).unwrap_or_default();
        self.count(text.len().saturating_sub(kept.len()));
        kept.to_string()
    }

    /// The label with its sources redacted. One too long to keep names its kinds of sources only, which is wider.
    fn label(&mut self, label: &Label) -> String {
        if label.sources().len() == 0 {
            return label.to_string();
        }
        let of = |source| Label::new(label.integrity(), label.tier(), source);
        let text = label
            .sources()
            .map(|source| of(Source::new(source.kind(), &self.redact.redact(source.name()))))
            .fold(Label::nothing(), |all, one| all.join(&one))
            .to_string();
        let short = if text.len() <= TEXT_BYTES_MAX {
            text
        } else {
            let folded = label
                .sources()
                .map(|source| of(Source::new(source.kind(), "*")))
                .fold(Label::nothing(), |all, one| all.join(&one))
                .to_string();
            self.count(text.len().saturating_sub(folded.len()));
            folded
        };
        self.left = self.left.saturating_sub(short.len().saturating_mul(2));
        short
    }

    fn targets(&mut self, targets: &[Target]) -> Vec<String> {
        self.count(targets.len().saturating_sub(LIST_MAX));
        let kept = targets.iter().take(LIST_MAX);
        kept.map(|target| format!("{}:{}", target.kind.as_str(), self.text(&target.value))).collect()
    }

    fn contents(&mut self, contents: &[Content]) -> Vec<WireContent> {
        self.count(contents.len().saturating_sub(LIST_MAX));
        let kept = contents.iter().take(LIST_MAX);
        kept.map(|content| WireContent {
            name: self.text(&content.name),
            bytes: content.bytes,
            digest: Hash(content.digest).to_string(),
        })
        .collect()
    }

    fn rules(&mut self, rules: &[RuleHit]) -> Vec<WireRule> {
        self.count(rules.len().saturating_sub(LIST_MAX));
        let kept = rules.iter().take(LIST_MAX);
        kept.map(|rule| WireRule {
            verdict: rule.verdict.as_str().to_string(),
            id: self.text(&rule.id),
            why: self.text(&rule.why),
        })
        .collect()
    }

    fn count(&mut self, more: usize) {
        self.cut = self.cut.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
    }
}

/// What `c` takes in a JSON string, at most.
fn escaped_bytes(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        c if c.is_ascii_control() => 6,
        c => c.len_utf8(),
    }
}
