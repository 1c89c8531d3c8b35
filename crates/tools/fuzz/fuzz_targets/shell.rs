//! Any text is a command line or an error, and a plain one, quoted anew, is read as the same words:
//! `cargo +nightly fuzz run --fuzz-dir crates/tools/fuzz shell`.
#![no_main]

use domain::CommandForm;
use libfuzzer_sys::fuzz_target;
use tools::shell;

fuzz_target!(|text: &str| {
    let Ok(line) = shell::parse(text) else { return };
    assert_eq!(line.text, text);
    let CommandForm::Plain(pipelines) = line.form else { return };
    for argv in pipelines.iter().flat_map(|pipeline| &pipeline.commands) {
        let again = shell::parse(&shell::quote(argv)).map(|line| line.form);
        match again {
            Ok(CommandForm::Plain(one)) => assert_eq!(one.first().map(|pipeline| &pipeline.commands), Some(&vec![argv.clone()])),
            other => panic!("{argv:?} is read as {other:?}"),
        }
    }
});
