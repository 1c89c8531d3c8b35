//! Names carry no meaning: the same tools under random names give the same calls, effects and labels.

use tools::Catalog;

const BANK: &str = include_str!("foreign/bank.toml");

#[test]
fn renamed_tools_and_arguments_behave_the_same() {
    let renames = [
        ("send_money", "qzx"),
        ("recipient", "w7"),
        ("amount", "zebra"),
        ("subject", "k_9"),
        ("get_transactions", "vv"),
    ];
    let renamed = renames.iter().fold(BANK.to_string(), |text, (from, to)| {
        [("name = \"", "\""), ("{", "}"), ("argument ", "\"")].iter().fold(text, |text, (before, after)| {
            text.replace(&format!("{before}{from}{after}"), &format!("{before}{to}{after}"))
        })
    });
    let plain = Catalog::from_toml(BANK).unwrap();
    let other = Catalog::from_toml(&renamed).unwrap();
    let one = plain
        .parse(
            "send_money",
            r#"{"recipient":"CH93","amount":"98.70","subject":"Rent","date":"2024-05-01T00:00:00"}"#,
        )
        .unwrap();
    let two =
        other.parse("qzx", r#"{"w7":"CH93","zebra":98.7,"k_9":"Rent","date":"2024-05-01 00:00"}"#).unwrap();
    let values = |call: &domain::Call| {
        call.arguments.iter().map(|argument| (argument.role, argument.value.clone())).collect::<Vec<_>>()
    };
    assert_eq!((one.effect, values(&one)), (two.effect, values(&two)));
}
