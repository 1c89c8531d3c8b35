use super::*;

/// Everything that leads anywhere, but to where the owner named, leads to a stranger.
fn strange(lead: &str) -> bool {
    let leads = ["evil", "://", "data:", "javascript:", "192.0.2.1"].iter().any(|part| lead.contains(part));
    leads && !lead.contains("known.example")
}

fn defanged(text: &str) -> String {
    defang(text, &strange)
}

#[test]
fn nothing_that_a_screen_would_follow_is_left() {
    for (text, shown) in [
        ("see https://evil.example/a?b=c.", "see ⟦stranger: hxxps://evil[.]example/a?b=c⟧."),
        (
            "![x](https://evil.example/p.png?d=secret)",
            "![x](⟦stranger: hxxps://evil[.]example/p.png?d=secret⟧)",
        ),
        ("[bank](HTTP://evil.example)", "[bank](⟦stranger: hxxp://evil[.]example⟧)"),
        ("[a]: https://evil.example \"t\"", "[a]: ⟦stranger: hxxps://evil[.]example⟧ \"t\""),
        ("<https://evil.example/x>", "‹⟦stranger: hxxps://evil[.]example/x⟧›"),
        ("![x](//evil.example/p)", "![x](⟦stranger: hxxps://evil[.]example/p⟧)"),
        ("\\\\evil.example\\share", "⟦stranger: hxxps://evil[.]example\\share⟧"),
        ("www.evil.com/x, evil.com", "⟦stranger: www[.]evil[.]com/x⟧, ⟦stranger: evil[.]com⟧"),
        ("http://10.0.0.7/x 192.0.2.1", "⟦stranger: hxxp://10[.]0[.]0[.]7/x⟧ ⟦stranger: 192[.]0[.]2[.]1⟧"),
        ("<img src=\"https://evil.example/a b\">", "‹img src=\"⟦stranger: hxxps://evil[.]example/a⟧ b\"›"),
        ("<img src=//evil.example>", "‹img src=⟦stranger: hxxps://evil[.]example⟧›"),
        (
            "<a href='&#104;ttps&colon;//evil.example'>x</a>",
            "‹a href='⟦stranger: hxxps://evil[.]example⟧'›x</a>",
        ),
        ("<img src=\"htt\nps://evil.example\">", "‹img src=\"htt\n⟦stranger: ps[:]//evil[.]example⟧\"›"),
        ("[x](https\\:\\/\\/evil.example)", "[x](⟦stranger: hxxps://evil[.]example⟧)"),
        ("[x](data:text/html;base64,AAAA)", "[x](⟦stranger: data[:]text/html⟧;base64,AAAA)"),
        ("[x](javascript:alert(1))", "[x](⟦stranger: javascript[:]alert⟧(1))"),
        (
            "https:/evil.example https:evil.example",
            "⟦stranger: hxxps://evil[.]example⟧ ⟦stranger: hxxps://evil[.]example⟧",
        ),
        ("ｈｔｔｐｓ：／／evil.example", "⟦stranger: hxxps://evil[.]example⟧"),
        ("https://ev\u{200b}il.example", "⟦stranger: hxxps://evil[.]example⟧"),
        ("https://bаnk.example", "⟦stranger: hxxps://bаnk[.]example = xn--bnk-6cd[.]example⟧"),
        ("请看https://evil.example/x，谢谢", "请看⟦stranger: hxxps://evil[.]example/x⟧，谢谢"),
        ("write to mallory@evil.example!", "write to mallory[@]evil[.]example!"),
        ("[mail](mailto:mallory@evil.example)", "[mail](⟦stranger: mailto[:]mallory[@]evil[.]example⟧)"),
    ] {
        assert_eq!(defanged(text), shown, "{text}");
    }
}

#[test]
fn what_leads_nowhere_or_is_known_stays_as_it_is() {
    for text in [
        "",
        "All is well: 3 < 4, a <b>c</b>, e.g. Vec<String> & co.",
        "see https://known.example/a and <https://known.example/b>",
        "ratio 3:4 at 10:30, `let x: u8 = 1;`",
        "⟦stranger: hxxps://evil[.]example/x⟧ and mallory[@]evil[.]example",
        "a && b\\n",
    ] {
        assert_eq!(defanged(text), text);
    }
}

#[test]
fn done_twice_is_done_once_and_in_pieces_is_the_beginning_of_the_whole() {
    let text = "x https://evil.example/a <img src='https://evil.example'> a<b 请看https://evil.example，[x](data:a) \
                &#104;ttps://evil.example <i>ok</i> mallory@evil.example end";
    let whole = defanged(text);
    assert_eq!(defanged(&whole), whole);
    for size in [1, 2, 3, 7, 20] {
        let mut stream = Defanging::default();
        let characters: Vec<char> = text.chars().collect();
        let pieces = characters.chunks(size).map(|piece| piece.iter().collect::<String>());
        let given: String = pieces.map(|piece| stream.push(&piece, &strange)).collect();
        assert!(whole.starts_with(&given), "{size}: {given}");
        assert!(whole.len() - given.len() < 10, "{size}: only the last word is held back: {given}");
        for bad in ["://evil.example/a", "src='https"] {
            assert!(!given.contains(bad), "{given}");
        }
    }
}

#[test]
fn a_hostile_text_costs_no_more_than_a_long_one() {
    for unit in ["<", "<a", "&#", "&", "\\", "(", "https://", "<a href=", "。", "a.b"] {
        let text = unit.repeat(200_000 / unit.len());
        let _ = defanged(&text);
        let mut stream = Defanging::default();
        for piece in text.as_bytes().chunks(1024) {
            let _ = stream.push(&String::from_utf8_lossy(piece), &strange);
        }
    }
}
