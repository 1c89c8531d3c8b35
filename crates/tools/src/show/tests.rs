use super::*;
use crate::Catalog;

fn shown(tool: &str, arguments: &str) -> String {
    let catalog = Catalog::builtin().unwrap();
    let call = catalog.parse(tool, arguments).unwrap();
    catalog.manifest(&call.tool).unwrap().show(&call)
}

#[test]
fn every_argument_is_shown_whole() {
    let text = shown(
        "mail.send",
        r#"{"to":["a@x.org","b@x.org"],"subject":"Hi\u202egnp","body":"one\ntwo\u0007\r three ","reply_to":"m1"}"#,
    );
    let wanted = "Send a mail\nto: a@x.org, b@x.org\nin answer to the mail: m1\nsubject: Hi\\u{202e}gnp\ntext: \n    │ \
                  one\n    │ two\\u{7}␍ three\\u{20}";
    assert_eq!(text, wanted);
}

#[test]
fn a_command_is_shown_as_it_will_run() {
    assert_eq!(
        shown("shell.run", r#"{"command":"echo 'a  b' c\\ d && ls|wc"}"#),
        "Run in the sandbox: echo 'a  b' c\\ d && ls|wc\n    runs echo 'a  b' 'c d'\n    then, if that worked, ls | wc"
    );
    assert!(
        shown("shell.run", r#"{"command":"echo $(id)"}"#)
            .ends_with("runs under sh, because of: command substitution")
    );
}

#[test]
fn no_two_texts_are_shown_alike() {
    let texts = [
        "a\nb",
        "a␊b",
        "a\\nb",
        "a\\u{a}b",
        "a\u{a}b ",
        "a\u{200b}b",
        "ab",
        "a\\u{200b}b",
        "a\\u{5c}u{200b}b",
        "a\tb",
        "a b",
        "a\u{a0}b",
        "a b ",
        "a b  ",
        "a\u{3164}b",
        "a\u{e0041}b",
    ];
    let shown: std::collections::BTreeSet<String> = texts.iter().map(|text| visible(text)).collect();
    assert_eq!(shown.len(), texts.len(), "{shown:#?}");
    assert!(shown.iter().all(|text| !text.contains(hides_but_marks)));
}

fn hides_but_marks(c: char) -> bool {
    hides(c) && !matches!(c, '␊' | '␍' | '␉')
}

proptest::proptest! {
    #[test]
    fn what_is_shown_can_be_told_apart(one in "\\PC{0,8}|[\\x00-\\x20u{}a5c\\\\]{0,12}", two in "\\PC{0,8}|[\\x00-\\x20u{}a5c\\\\]{0,12}") {
        proptest::prop_assert_eq!(one == two, visible(&one) == visible(&two));
    }
}
