//! What a call gave back, as `[tiers]` and `[sources]` say of where it came from.

use crate::cases::Cases;
use crate::facts::Facts;
use crate::load::{Origin, Policy};
use domain::{Call, Effect, Field, Integrity, Label, Output, Source, SourceKind, Tier, Value};
use std::collections::BTreeSet;

/// The kind of ids that name a mail: `MAILBOX/FOLDER/UNIQUE`.
const MAIL: &str = "mail";

impl Policy {
    /// The highest tier that a session may read for which nothing else is said.
    #[must_use]
    pub fn ceiling(&self) -> Tier {
        self.settings.tiers.ceiling.map_or(Tier::High, Tier::from)
    }

    /// How confidential what `call` gives back is at least, as far as that is known before it is carried out: as its
    /// manifest says, of every path it names and every place its command sees, and as `[tiers]` says of the tool and of
    /// every folder, sender and host it names.
    pub(crate) fn tier_beforehand(&self, call: &Call, facts: &Facts, cases: &Cases) -> Tier {
        let mut tiers = vec![facts.manifest.as_deref().map_or(Tier::Low, |manifest| manifest.source().tier)];
        tiers.extend(cases.cases.iter().filter_map(|case| Some(case.path.as_ref()?.tier)));
        let hosts = cases.cases.iter().filter_map(|case| case.host.as_ref()?.0.parse().ok());
        tiers.extend(hosts.filter_map(|host| self.tier_of(Origin::Host(&host))));
        tiers.extend(self.tier_of(Origin::Tool(&call.tool)));
        tiers.extend(folders(call, &[]).iter().filter_map(|folder| self.tier_of(Origin::Folder(folder))));
        if call.effect.is_repeatable() {
            tiers.extend(call.recipients().into_iter().filter_map(|who| self.tier_of(Origin::Sender(who))));
        }
        if call.effect == Effect::Execute {
            tiers.push(self.patterns.tier_of_opened());
        }
        tiers.into_iter().max().unwrap_or(Tier::Low)
    }

    /// `output` of `call`, at least as confidential as `[tiers]` says of the tool, of every sender and host it came from,
    /// and of every mail folder and mailbox it was in; a fact where `[sources]` says that the owner's own people wrote it.
    #[must_use]
    pub fn as_configured(&self, call: &Call, mut output: Output) -> Output {
        let tier = self.tier_of_output(call, &output);
        if self.is_internal(&call.tool) {
            output = internal(output);
        }
        output.label = output.label.raised_to(tier);
        output
    }

    fn tier_of_output(&self, call: &Call, output: &Output) -> Tier {
        let tiers = &self.settings.tiers;
        let of_tool = self.tier_of(Origin::Tool(&call.tool));
        let of_sources = output.label.sources().filter_map(|source| match source.kind() {
            // Too many to be named one by one: any of them may be among them.
            SourceKind::Mail if source.name() == "*" => tiers.senders.values().copied().map(Tier::from).max(),
            SourceKind::Web if source.name() == "*" => tiers.hosts.values().copied().map(Tier::from).max(),
            SourceKind::Mail => self.tier_of(Origin::Sender(&source.name().parse().ok()?)),
            SourceKind::Web => self.tier_of(Origin::Host(&source.name().parse().ok()?)),
            SourceKind::Owner
            | SourceKind::Config
            | SourceKind::Person
            | SourceKind::Quote
            | SourceKind::File
            | SourceKind::Command
            | SourceKind::Host
            | SourceKind::Tool
            | SourceKind::Memory
            | SourceKind::Model => None,
        });
        let folders = folders(call, &output.fields);
        let of_folders = folders.iter().filter_map(|folder| self.tier_of(Origin::Folder(folder)));
        of_tool.into_iter().chain(of_sources).chain(of_folders).max().unwrap_or(Tier::Low)
    }
}

/// The mail folders that a call names or that what it gave back was in: as `FOLDER`, `MAILBOX` and `MAILBOX/FOLDER`.
fn folders(call: &Call, fields: &[Field]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut note = |place: &str| {
        found.insert(place.to_string());
        found.extend(place.split('/').map(str::to_string));
    };
    if let Some(folder) = call.text("folder") {
        note(&folder);
    }
    let given = call.arguments.iter().map(|argument| &argument.value);
    for value in given.chain(fields.iter().map(|field| &field.value)) {
        for leaf in value.leaves() {
            if let Value::Id { kind, id } = leaf
                && kind == MAIL
                && let Some((place, _unique)) = id.rsplit_once('/')
            {
                note(place);
            }
        }
    }
    found
}

fn internal(output: Output) -> Output {
    let fields = output
        .fields
        .into_iter()
        .map(|field| Field { integrity: Integrity::Attested.min(field.integrity), ..field });
    let label = output.label.sources().fold(Label::nothing(), |label, source: &Source| {
        label.join(&Label::new(Integrity::Attested, output.label.tier(), source.clone()))
    });
    Output { text: output.text, fields: fields.collect(), label }
}

#[cfg(test)]
mod tests {
    use crate::{Places, Policy, Settings};
    use domain::{Call, Field, Integrity, Label, Output, Source, SourceKind, Tier, Value};
    use tools::Catalog;

    fn policy(settings: &str) -> Policy {
        let places = Places {
            home: "/h".into(),
            workspace: "/h/workspace".into(),
            owner_home: "/home/owner".into(),
            programs: vec![],
        };
        Policy::load(&Settings::from_toml(settings).unwrap(), &[], &places, None).unwrap()
    }

    fn call(tool: &str, arguments: &str) -> Call {
        Catalog::builtin().unwrap().parse(tool, arguments).unwrap()
    }

    fn output(kind: SourceKind, name: &str, fields: Vec<Field>) -> Output {
        let label = Label::new(Integrity::Untrusted, Tier::Low, Source::new(kind, name));
        Output { text: "text".into(), fields, label }
    }

    #[test]
    fn every_table_of_tiers_raises_what_it_names_and_nothing_else() {
        let list = call("mail.list", "{}");
        let read = call("mail.read", r#"{"id": "work/Finance/17"}"#);
        let fetch = call("web.fetch", r#"{"url": "https://bank.example/x"}"#);
        let in_finance = Field {
            path: "mails.0.id".into(),
            value: Value::Id { kind: "mail".into(), id: "home/Finance/3".into() },
            integrity: Integrity::Attested,
        };
        let mail = |name| output(SourceKind::Mail, name, vec![]);
        for (settings, call, output, expected) in [
            ("[tiers.senders]\n\"@bank.example\" = \"high\"", &list, mail("post@bank.example"), Tier::High),
            ("[tiers.senders]\n\"@bank.example\" = \"high\"", &list, mail("a@other.example"), Tier::Low),
            ("[tiers.senders]\n\"@bank.example\" = \"high\"", &list, mail("*"), Tier::High),
            ("[tiers.folders]\nFinance = \"high\"", &read, mail("a@b.example"), Tier::High),
            ("[tiers.folders]\nwork = \"medium\"", &read, mail("a@b.example"), Tier::Medium),
            ("[tiers.folders]\n\"work/Finance\" = \"high\"", &read, mail("a@b.example"), Tier::High),
            ("[tiers.folders]\n\"work/Sent\" = \"high\"", &read, mail("a@b.example"), Tier::Low),
            (
                "[tiers.folders]\nFinance = \"high\"",
                &list,
                output(SourceKind::Mail, "a@b.example", vec![in_finance.clone()]),
                Tier::High,
            ),
            (
                "[tiers.hosts]\n\"bank.example\" = \"medium\"",
                &fetch,
                output(SourceKind::Web, "bank.example", vec![]),
                Tier::Medium,
            ),
            (
                "[tiers.tools]\n\"web.fetch\" = \"high\"",
                &fetch,
                output(SourceKind::Web, "x.example", vec![]),
                Tier::High,
            ),
            ("", &fetch, output(SourceKind::Web, "bank.example", vec![]), Tier::Low),
        ] {
            let found = policy(settings).as_configured(call, output).label;
            assert_eq!((found.tier(), found.integrity()), (expected, Integrity::Untrusted), "{settings}");
        }
    }

    #[test]
    fn an_internal_tool_gives_facts_and_never_orders() {
        let policy = policy("[sources]\ninternal_tools = [\"web.fetch\"]");
        let field =
            Field { path: "text".into(), value: Value::Text("x".into()), integrity: Integrity::Untrusted };
        let given = output(SourceKind::Web, "wiki.example", vec![field]);
        let fetch = call("web.fetch", r#"{"url": "https://wiki.example/"}"#);
        let found = policy.as_configured(&fetch, given.clone());
        assert_eq!(found.label.integrity(), Integrity::Attested);
        assert_eq!(found.fields[0].integrity, Integrity::Attested);
        assert_eq!(found.label.sources().count(), 1);
        let other = policy.as_configured(&call("mail.list", "{}"), given.clone());
        assert_eq!(other, given);
    }
}
