use super::*;
use crate::provenance::{QueryResult, Record, Selection};
use domain::{Argument, ArgumentRole, Effect, Field, Integrity, Label, Value};
use proptest::prelude::*;

fn call() -> Call {
    let start = Argument {
        name: "start".into(),
        role: ArgumentRole::Authority,
        value: Value::Date("2024-06-10 13:00".into()),
    };
    Call {
        tool: "calendar.create".parse().unwrap(),
        effect: Effect::Write,
        arguments: vec![start],
        targets: vec![],
    }
}

fn known() -> Provenance {
    let number = |n: &str| Value::Number(n.parse().unwrap());
    let record = |path: &str, size: &str, owner: Integrity| Record {
        list: "files".into(),
        fields: vec![
            Field { path: "path".into(), value: Value::Text(path.into()), integrity: Integrity::Attested },
            Field { path: "size".into(), value: number(size), integrity: Integrity::Attested },
            Field { path: "owner".into(), value: Value::Text("anna".into()), integrity: owner },
        ],
    };
    let result = QueryResult {
        tool: "files.list".parse().unwrap(),
        arguments: vec![],
        selection: Selection::Grounded,
        records: vec![
            record("a.txt", "10", Integrity::Attested),
            record("b.txt", "300", Integrity::Untrusted),
            record("c.txt", "20.5", Integrity::Attested),
        ],
        label: Label::unknown(),
    };
    Provenance { results: vec![result], ..Provenance::default() }
}

#[test]
fn an_expression_gives_what_it_says_or_nothing() {
    let rows = r#"rows("files.list", "files")"#;
    for (text, expected) in [
        (format!(r#"get(max({rows}, "size"), "path")"#), Some("b.txt")),
        (format!(r#"get(min({rows}, "size"), "path")"#), Some("a.txt")),
        (format!("count({rows})"), Some("3")),
        (format!(r#"sum(column({rows}, "size"))"#), Some("330.5")),
        (format!(r#"get(only(where({rows}, "path", "starts", "c")), "size") * 2"#), Some("41")),
        (format!(r#"get(only({rows}), "path")"#), None),
        (format!(r#"get(max({rows}, "owner"), "path")"#), None),
        (format!(r#"only({rows})"#), None),
        (
            format!(
                r#"count(minus(column({rows}, "path"), column(where({rows}, "size", ">", 15), "path")))"#
            ),
            Some("1"),
        ),
        ("12 / 2 - 2".into(), Some("4")),
        ("2 + 3 * 4".into(), Some("14")),
        ("(2 + 3) * 4".into(), Some("20")),
        ("1 / 0".into(), None),
        ("round(10.005, 2)".into(), Some("10.01")),
        (r#"plus_minutes(argument("start"), 240)"#.into(), Some("2024-06-10 17:00")),
        (r#"plus_minutes("2024-02-28 23:30", 60)"#.into(), Some("2024-02-29 00:30")),
        (r#"plus_minutes("2023-12-31T23:59", 1)"#.into(), Some("2024-01-01 00:00")),
        (r#"argument("end")"#.into(), None),
        (r#"rows("files.read", "files")"#.into(), None),
    ] {
        let found = Expression::parse(&text).unwrap().values(&known(), &call()).ok();
        assert_eq!(found, expected.map(|text| vec![text.to_string()]), "{text}");
    }
}

#[test]
fn a_query_of_the_models_own_is_seen_only_by_its_arguments() {
    let mut known = known();
    known.results[0].selection = Selection::Free;
    let all = Expression::parse(r#"count(rows("files.list", "files"))"#).unwrap();
    assert!(all.values(&known, &call()).is_err());
}

#[test]
fn what_is_not_an_expression_is_refused() {
    for text in [
        "",
        "1 +",
        "foo(1)",
        "max(1)",
        "\"open",
        "1 2",
        "((((((((((((((((((1))))))))))))))))))",
        "rows(\"a\")",
        "é",
    ] {
        assert!(Expression::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn reading_and_evaluating_end(text in "[a-z0-9(),.+*/\" -]{0,80}") {
        if let Ok(expression) = Expression::parse(&text) {
            let _either = expression.values(&known(), &call());
        }
    }
}
