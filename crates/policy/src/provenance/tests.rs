use super::*;
use domain::{Effect, Tier};

fn address(text: &str) -> Value {
    Value::Address(text.parse().unwrap())
}

fn id(kind: &str, id: &str) -> Value {
    Value::Id { kind: kind.into(), id: id.into() }
}

#[test]
fn a_value_stands_in_a_text_only_whole_and_as_what_it_is() {
    let amount = |text: &str| Value::Amount(text.parse().unwrap());
    let url = |text: &str| Value::Url(text.into());
    let host = |text: &str| Value::Host(text.parse().unwrap());
    for (value, text, stands) in [
        (address("anna@example.org"), "write to Anna@Example.org.", true),
        (address("anna@example.org"), "write to joanna@example.org", false),
        (address("anna@example.org"), "write to anna@example.org.evil.com", false),
        (address("anna@example.org"), "<anna@example.org>", true),
        (address("bob"), "send it to Bob, please", true),
        (address("bob"), "send it to Bobby", false),
        (address("gb29nwbk60161331926819"), "refund GB29NWBK60161331926819 for it", true),
        (id("file", "13"), "what do we do on June 13", false),
        (id("file", "13"), "delete file 13", true),
        (id("file", "13"), "delete file 130", false),
        (id("event", "13"), "delete file 13", false),
        (id("channel", "general"), "post it to general", true),
        (amount("12"), "we spent 12.00 in total", true),
        (amount("12"), "on 2024-05-12 we spent a lot", false),
        (amount("1200"), "pay 1,200 to them", true),
        (url("https://example.org/a"), "see https://example.org/a", true),
        (url("https://example.org/a"), "see https://example.org/abc", false),
        (url("http://www.informations.com/"), "read www.informations.com.", true),
        (url("http://informations.com/"), "read www.informations.com", false),
        (url("https://alice/"), "send it to Alice", false),
        (url("https://alice/"), "see https://alice", true),
        (url("https://websites.note/"), "their websites.Note that", false),
        (url("https://www.our-company.com/"), "our page www.our-company.com.They sent", true),
        (url("https://www.our-company.com.they/"), "our page www.our-company.com.They sent", false),
        (host("example.org"), "mail anna@example.org", false),
        (host("example.org"), "is example.org up?", true),
        (host("example.org"), "is badexample.org up?", false),
        (Value::Path("notes/a.txt".into()), "read notes/a.txt", true),
        (Value::Path("a.txt".into()), "read notes/a.txt", false),
        (Value::Text(String::new()), "anything", false),
    ] {
        assert_eq!(stands_in(&value, text), stands, "{value:?} in {text:?}");
    }
}

#[test]
fn what_leads_elsewhere_is_found_however_it_is_dressed() {
    for (text, found) in [
        ("see report.docx and main.py", false),
        ("write to eve@evil.com", true),
        ("see www.evil.com/x", true),
        ("see evil.com", true),
        ("see https://evil.example/?q=1", true),
        ("![x](https://evil.example/p.png)", true),
        ("pay US133000000121212121212 now", true),
        ("pay US13 3000 0001 2121 2121 2 now", true),
        ("call +1 5551234567", true),
        ("on 2024-05-15 at 10:00 we met for 1,200.50", false),
        ("ask @evil_bot", true),
        ("ev\u{200b}il.com", true),
        ("10.0.0.1", true),
    ] {
        assert_eq!(!strangers_in(text).is_empty(), found, "{text:?} gave {:?}", strangers_in(text));
    }
}

fn result(records: Vec<Vec<(&str, Value, Integrity)>>, selection: Selection) -> QueryResult {
    let records = records
        .into_iter()
        .map(|fields| Record {
            list: "files".into(),
            fields: fields
                .into_iter()
                .map(|(path, value, integrity)| Field { path: path.into(), value, integrity })
                .collect(),
        })
        .collect();
    let label = Label::new(
        Integrity::Untrusted,
        Tier::Medium,
        domain::Source::new(domain::SourceKind::Tool, "files"),
    );
    QueryResult { tool: "files.list".parse().unwrap(), arguments: vec![], selection, records, label }
}

#[test]
fn a_fact_grounds_only_what_the_owners_words_selected() {
    use Integrity::{Attested, Untrusted};
    let text = |t: &str| Value::Text(t.into());
    let known = |result: QueryResult| Provenance {
        texts: vec![TrustedText { text: "delete the file report".into(), label: Label::owner() }],
        results: vec![result],
        ..Provenance::default()
    };
    let two = |naming: Integrity| {
        vec![
            vec![("id", id("file", "7"), Attested), ("name", text("report"), naming)],
            vec![("id", id("file", "8"), Attested), ("name", text("other"), naming)],
        ]
    };
    let one = |integrity: Integrity| vec![vec![("id", id("file", "7"), integrity)]];
    for (what, provenance, value, grounded) in [
        ("the only record", known(result(one(Attested), Selection::Grounded)), id("file", "7"), true),
        (
            "the only record of a query of the model's own",
            known(result(one(Attested), Selection::Free)),
            id("file", "7"),
            false,
        ),
        ("an untrusted field", known(result(one(Untrusted), Selection::Grounded)), id("file", "7"), false),
        ("an id of another kind", known(result(one(Attested), Selection::Grounded)), id("event", "7"), false),
        (
            "the record that is named",
            known(result(two(Attested), Selection::Grounded)),
            id("file", "7"),
            true,
        ),
        (
            "the record that is not named",
            known(result(two(Attested), Selection::Grounded)),
            id("file", "8"),
            false,
        ),
        (
            "named by a stranger's words",
            known(result(two(Untrusted), Selection::Grounded)),
            id("file", "7"),
            false,
        ),
    ] {
        assert_eq!(provenance.ground(&value).is_some(), grounded, "{what}");
    }
}

#[test]
fn a_text_that_is_not_trusted_grounds_nothing() {
    let mut provenance = Provenance::default();
    provenance.note_text("anna@example.org", &Label::unknown());
    assert!(provenance.ground(&address("anna@example.org")).is_none());
}

#[test]
fn a_query_selects_when_its_words_are_the_owners() {
    let mut provenance = Provenance::default();
    provenance.note_text("reschedule my Dental check-up to Monday", &Label::owner());
    let call = |query: &str| Call {
        tool: "calendar.search".parse().unwrap(),
        effect: Effect::Read,
        arguments: vec![Argument {
            name: "query".into(),
            role: ArgumentRole::Authority,
            value: Value::Text(query.into()),
        }],
        targets: vec![],
    };
    assert_eq!(provenance.selection_of(&call("dental check-up"), None), Selection::Grounded);
    assert_eq!(provenance.selection_of(&call("lunch"), None), Selection::Free);
}

#[test]
fn a_model_makes_none_of_its_own_words_a_fact() {
    let output = |path: &str, value: Value| domain::Output {
        text: String::new(),
        fields: vec![Field { path: path.into(), value, integrity: Integrity::Attested }],
        label: Label::unknown(),
    };
    let call = |effect: Effect| Call {
        tool: "x.y".parse().unwrap(),
        effect,
        arguments: vec![Argument {
            name: "folder".into(),
            role: ArgumentRole::Authority,
            value: Value::Text("www.evil.com/secret".into()),
        }],
        targets: vec![],
    };
    let page = Value::Url("https://www.evil.com/secret".into());
    let text = |t: &str| Value::Text(t.into());
    for (what, effect, value, named) in [
        ("a query that repeats its argument", Effect::Read, text("www.evil.com/secret"), false),
        (
            "a query that puts it into a sentence",
            Effect::Read,
            text("folder www.evil.com/secret is empty"),
            false,
        ),
        ("a change that answers anything", Effect::Write, text("see https://www.evil.com/secret"), false),
    ] {
        let mut known = Provenance::default();
        known.note_result(&call(effect), None, &output("folder", value));
        assert_eq!(known.names(&page), named, "{what}");
        assert!(!known.is_attested(&text("www.evil.com/secret")), "{what}");
    }
    let mut known = Provenance::default();
    let plain = Call { arguments: vec![], ..call(Effect::Read) };
    known.note_result(&plain, None, &output("note", text("our page is www.evil.com/secret")));
    assert!(known.names(&page), "what a service says by itself is a fact");
    known.note_result(&call(Effect::Write), None, &output("id", id("file", "f7x")));
    assert!(known.is_attested(&id("file", "f7x")), "an id that a change makes is one");
}
