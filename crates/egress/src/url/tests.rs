use super::*;
use proptest::prelude::*;

/// Each line of the corpus: `good` and what the URL comes out as, or `bad` and nothing.
#[test]
fn a_url_means_one_thing_or_is_refused() {
    for line in include_str!("../../corpus/urls.txt").lines() {
        if line.trim().is_empty() || line.starts_with("# ") {
            continue;
        }
        let mut words = line.split('\t');
        let (verdict, text) = (words.next().unwrap(), words.next().unwrap());
        let text = text.replace("\\0", "\0").replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r");
        match (verdict, text.parse::<Url>()) {
            ("good", Ok(url)) => assert_eq!(url.to_string(), words.next().unwrap_or(&text), "{text:?}"),
            ("bad", Err(_)) => {}
            (_, found) => panic!("{text:?} is {verdict}, and was {found:?}"),
        }
    }
}

#[test]
fn a_redirect_leads_where_a_browser_would_go() {
    let base: Url = "https://example.org/a/b/c?d=e".parse().unwrap();
    for (location, to) in [
        ("f", "https://example.org/a/b/f"),
        ("./f", "https://example.org/a/b/f"),
        ("../f", "https://example.org/a/f"),
        ("../../../../f", "https://example.org/f"),
        ("/f", "https://example.org/f"),
        ("?f", "https://example.org/a/b/c?f"),
        ("#f", "https://example.org/a/b/c?d=e"),
        ("", "https://example.org/a/b/c?d=e"),
        ("//other.example/f", "https://other.example/f"),
        ("https://other.example/f#g", "https://other.example/f"),
        ("HTTP://other.example", "http://other.example/"),
        ("f:g", ""),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("ftp://example.org/", ""),
        ("//user@other.example/", ""),
        ("//127.1/", ""),
        ("/\\other.example", ""),
        ("\\\\other.example", ""),
        ("/a/f:g", "https://example.org/a/f:g"),
    ] {
        let found = base.join(location).map(|url| url.to_string()).unwrap_or_default();
        assert_eq!(found, to, "{location:?}");
    }
}

#[test]
fn a_debug_print_has_no_query() {
    let url: Url = "https://example.org/a?key=very-secret".parse().unwrap();
    assert_eq!(format!("{url:?}"), "https://example.org/a?…");
}

proptest! {
    #[test]
    fn no_text_makes_it_fall_over(text in ".{0,80}", location in ".{0,40}") {
        let _ = text.parse::<Url>();
        let base: Url = "https://example.org/a/b".parse().unwrap();
        let _ = base.join(&location);
    }

    #[test]
    fn what_was_read_reads_the_same_again(text in "https?://[a-z0-9.-]{1,12}(:[0-9]{1,5})?(/[a-z0-9.%-]{0,6}){0,4}(\\?[a-z=&]{0,9})?") {
        if let Ok(url) = text.parse::<Url>() {
            prop_assert_eq!(url.to_string().parse::<Url>().unwrap(), url);
        }
    }

    #[test]
    fn no_path_keeps_a_dot_segment(segments in prop::collection::vec("(\\.|%2e|%2E|a){0,3}", 0..6)) {
        if let Ok(url) = format!("https://example.org/{}", segments.join("/")).parse::<Url>() {
            prop_assert!(url.path().split('/').all(|segment| dots(segment).is_none()), "{}", url.path());
        }
    }
}
