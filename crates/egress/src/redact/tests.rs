use super::*;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

const SECRETS: [(&str, &str); 6] = [
    ("plain", "correct-horse-battery-staple"),
    ("short", "Zq9!x7Lm"),
    ("json", "quo\"te\\and/slash\tand tab"),
    ("letters", "päßwörd-with-ünïcode-läters"),
    ("symbols", "a+b=c&d?e#f/g h%i"),
    ("again", "battery-staple-battery-staple"),
];

fn redactor_of(secrets: &[(&str, &str)]) -> Redactor {
    let mut set = PatternSet::default();
    let mut owners = Vec::new();
    for (index, (name, value)) in secrets.iter().enumerate() {
        encode::for_each_form(value, |form| set.add(form, u32::try_from(index).unwrap()));
        let hosts = vec![format!("{name}.example.org").parse().unwrap()];
        owners.push(Owner { name: name.parse().unwrap(), hosts });
    }
    Redactor::build(set, owners)
}

fn redactor() -> Redactor {
    redactor_of(&SECRETS)
}

fn in_pieces(redactor: &Redactor, bytes: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut stream = redactor.stream();
    let mut out = Vec::new();
    let mut rest = bytes;
    for cut in cuts {
        let (piece, tail) = rest.split_at(cut % (rest.len() + 1));
        out.extend(stream.push(piece));
        rest = tail;
    }
    out.extend(stream.push(rest));
    out.extend(stream.finish());
    out
}

/// Every way a program commonly writes `secret`, with what stands before and behind it.
fn written_forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        bytes.to_vec(),
        secret.chars().rev().collect::<String>().into_bytes(),
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes(),
        bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>().into_bytes(),
        bytes.iter().map(|byte| format!("%{byte:02x}")).collect::<String>().into_bytes(),
        serde_json::to_vec(secret).unwrap(),
    ];
    let mut encoded = String::new();
    crate::url::percent_encode(secret, &mut encoded);
    forms.push(encoded.into_bytes());
    for before in ["", "x", "xy"] {
        for behind in ["", "z", "zz"] {
            let whole = format!("{before}{secret}{behind}");
            forms.push(STANDARD.encode(&whole).into_bytes());
            forms.push(URL_SAFE_NO_PAD.encode(&whole).into_bytes());
        }
    }
    forms
}

#[test]
fn every_secret_is_found_in_every_form() {
    let redactor = redactor();
    for (name, secret) in SECRETS {
        for form in written_forms(secret) {
            let text = [b"before ", form.as_slice(), b" behind"].concat();
            let out = redactor.redact_bytes(&text, Reader::Anyone);
            let shown = String::from_utf8_lossy(&out);
            assert!(shown.contains("[redacted:"), "{name} as {:?}: {shown}", String::from_utf8_lossy(&form));
            assert!(shown.starts_with("before ") && shown.ends_with(" behind"), "{shown}");
        }
    }
}

#[test]
fn a_host_may_see_its_own_secrets_and_no_others() {
    let redactor = redactor();
    let text = format!("{} and {}", SECRETS[0].1, SECRETS[1].1);
    let host = "plain.example.org".parse().unwrap();
    let out = redactor.redact_bytes(text.as_bytes(), Reader::Host(&host));
    assert_eq!(String::from_utf8_lossy(&out), format!("{} and [redacted:short]", SECRETS[0].1));
    assert_eq!(redactor.find(text.as_bytes(), Reader::Host(&host)).as_deref(), Some("short"));
}

#[test]
fn overlapping_secrets_leave_nothing_behind() {
    let redactor =
        redactor_of(&[("one", "abcdefghij"), ("two", "ghijklmnop"), ("all", "xxabcdefghijklmnopyy")]);
    for (text, out) in [
        ("-abcdefghijklmnop-", "-[redacted:one]-"),
        ("-xxabcdefghijklmnopyy-", "-[redacted:all]-"),
        ("-abcdefghijabcdefghij-", "-[redacted:one][redacted:one]-"),
        ("-ghijklmnop-", "-[redacted:two]-"),
    ] {
        assert_eq!(redactor.redact(text), out);
        for cut in 0..text.len() {
            assert_eq!(
                String::from_utf8(in_pieces(&redactor, text.as_bytes(), &[cut])).unwrap(),
                out,
                "cut at {cut}"
            );
        }
    }
}

#[test]
fn each_shape_replaces_what_it_should_and_nothing_else() {
    let redactor = Redactor::shapes_only();
    for shape in shapes().unwrap() {
        for text in &shape.yes {
            let out = redactor.redact(text);
            assert!(
                out.contains(&format!("[redacted:{}]", shape.name)),
                "{}: `{text}` became `{out}`",
                shape.name
            );
        }
        for text in &shape.no {
            assert_eq!(redactor.redact(text), text.as_str(), "{}", shape.name);
        }
        assert!(!shape.yes.is_empty() && !shape.no.is_empty() && !shape.why.is_empty(), "{}", shape.name);
    }
}

#[test]
fn ordinary_text_passes_unchanged_and_at_once() {
    let redactor = redactor();
    let texts = [
        "550e8400-e29b-41d4-a716-446655440000",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        "the desk-lamp, the task-force and a risk-benefit analysis: https://example.org:443/a/b?c=d#e",
        "fn main() { let skip_list = disk_usage(); println!(\"{}\", eye.join(\"://\")); }",
    ];
    for text in texts {
        assert!(matches!(redactor.redact(text), Cow::Borrowed(_)), "{text}");
        assert_eq!(in_pieces(&redactor, text.as_bytes(), &[3, 5, 1, 0, 9]), text.as_bytes());
    }
    let mut stream = redactor.stream();
    assert_eq!(
        stream.push(b"Nothing here looks like the beginning of "),
        b"Nothing here looks like the beginning of "
    );
}

#[test]
fn no_more_is_held_back_than_a_secret_is_long() {
    let redactor = redactor_of(&[("again", "aaaaaaaaaaaa")]);
    let mut stream = redactor.stream();
    let mut given = 0;
    for round in 0..1000 {
        given += stream.push(b"aaaaaaa").len();
        assert!(stream.held.len() < 12, "{} bytes held in round {round}", stream.held.len());
    }
    assert_eq!(given, "[redacted:again]".len());
}

fn any_text_with_secrets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[a-z -]{0,12}".prop_map(String::into_bytes),
        (0..SECRETS.len(), any::<prop::sample::Index>()).prop_map(|(which, form)| {
            let forms = written_forms(SECRETS[which].1);
            forms[form.index(forms.len())].clone()
        }),
        (0..SECRETS.len(), 1..9_usize).prop_map(|(which, length)| SECRETS[which].1.as_bytes()[..length.min(8)].to_vec()),
        Just(b"AKIAIOSFODNN7EXAMPLE".to_vec()),
        Just(b"sk-ant-api03-abcDEF0123456789abcdefghijklmnopqrstuv".to_vec()),
        Just(b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJp\n-----END PRIVATE KEY-----".to_vec()),
        Just(b"postgres://app:hunter22@db/app".to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn however_it_is_cut_the_result_is_the_same(
        bytes in any_text_with_secrets(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let redactor = redactor();
        let whole = redactor.redact_bytes(&bytes, Reader::Anyone).into_owned();
        let pieces = in_pieces(&redactor, &bytes, &cuts);
        prop_assert_eq!(String::from_utf8_lossy(&pieces), String::from_utf8_lossy(&whole));
    }

    #[test]
    fn no_plain_secret_survives(bytes in any_text_with_secrets()) {
        let out = redactor().redact_bytes(&bytes, Reader::Anyone).into_owned();
        for (name, secret) in SECRETS {
            prop_assert!(!out.windows(secret.len()).any(|window| window == secret.as_bytes()), "{} survived", name);
        }
    }

    #[test]
    fn text_without_secrets_is_unchanged(text in "[ -9;-~äöü\n]{0,400}") {
        let redactor = redactor();
        prop_assume!(redactor.find(text.as_bytes(), Reader::Anyone).is_none());
        prop_assert_eq!(in_pieces(&redactor, text.as_bytes(), &[7, 13, 1]), text.as_bytes());
    }

    #[test]
    fn a_random_secret_is_found_by_the_window_scan_wherever_a_plain_search_finds_it(
        secrets in prop::collection::vec("[ab]{8,11}", 1..6),
        text in "[ab]{0,300}",
    ) {
        let mut set = PatternSet::default();
        secrets.iter().enumerate().for_each(|(index, secret)| set.add(secret.as_bytes(), u32::try_from(index).unwrap()));
        let mut found = Vec::new();
        set.finish().find(text.as_bytes(), |start, end, secret| found.push((start, end, secret)));
        let mut wanted = Vec::new();
        for start in 0..text.len() {
            for (index, secret) in secrets.iter().enumerate() {
                if text[start..].starts_with(secret.as_str()) {
                    wanted.push((start, start + secret.len(), u32::try_from(index).unwrap()));
                }
            }
        }
        found.sort_unstable();
        wanted.sort_unstable();
        prop_assert_eq!(found, wanted);
    }
}
