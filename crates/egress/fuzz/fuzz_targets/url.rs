//! Any text is a URL that reads the same again, or an error; and so is any redirect from it:
//! `cargo +nightly fuzz run --fuzz-dir crates/egress/fuzz url`.
#![no_main]

use egress::Url;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str)| {
    let (text, location) = texts;
    let base: Url = "https://example.org/a/b?c".parse().expect("a URL");
    for url in text.parse::<Url>().into_iter().chain(base.join(location)) {
        let again: Url = url.to_string().parse().expect("what was read can be read again");
        assert_eq!(again, url);
        assert!(url.path().starts_with('/') && !url.path().split('/').any(|segment| segment == ".."));
        assert!(url.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
    }
});
