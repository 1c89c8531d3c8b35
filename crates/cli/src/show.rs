//! What is printed: answers on stdout, everything else on stderr.

use crate::arguments::Common;
use crate::problem::Problem;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// The home of the system user that the assistant runs as when root starts it.
pub const SERVICE_HOME: &str = "/var/lib/hardshell";
/// That user.
pub const SERVICE_USER: &str = "hardshell";

/// Prints a line of the answer.
pub fn line(text: &str) {
    write(&format!("{text}\n"));
}

/// Prints a piece of the answer, at once.
pub fn piece(text: &str) {
    write(text);
}

/// The exit code when nobody takes the output any more: what a shell shows for `SIGPIPE`.
pub const OUTPUT_GONE: u8 = 141;

/// A reader that went away (`| head`) has what it wanted: the command ends, as a program that gets SIGPIPE does.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(OUTPUT_GONE.into());
        }
        note(&format!("could not print the answer: {error}"));
        std::process::exit(1);
    }
}

/// Whether a JSON document has been printed: the answer is that one, and a second would make stdout no JSON.
static ANSWERED: AtomicBool = AtomicBool::new(false);

/// Prints one JSON document.
pub fn json(value: &impl Serialize) {
    ANSWERED.store(true, Ordering::Relaxed);
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(&in_json(&text)),
        Err(error) => note(&format!("could not write the answer as JSON: {error}")),
    }
}

/// Prints one line of a JSON stream.
pub fn json_line(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(&in_json(&text)),
        Err(error) => note(&format!("could not write the answer as JSON: {error}")),
    }
}

/// The same JSON, where no character does anything to a terminal or changes how the others show. Such a character can
/// only stand in a string, where JSON has another way to write it (RFC 8259, section 7).
fn in_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !(c.is_control() || misleads(c)) {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]).iter() {
            // Writing to a `String` cannot fail.
            let _written = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

/// Whether `c` reorders, separates or hides what stands around it: bidirectional controls, line and paragraph
/// separators, characters without a width that no script needs, tags.
pub fn misleads(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Says something that is not the answer.
pub fn note(text: &str) {
    // Where nothing can be written there is nobody to tell, and the work goes on.
    let _nobody = writeln!(std::io::stderr(), "{text}");
}

/// Says what went wrong, why, and what helps.
pub fn problem(problem: &Problem) {
    let text = in_words(problem);
    // A path is any bytes: it stays on its line.
    let names_a_path = matches!(problem, Problem::Sandbox(_) | Problem::Io { .. });
    note(&if names_a_path { tools::visible(&text) } else { printable(&text) });
    if let Some(hint) = problem.hint() {
        note(&printable(&format!("hint: {hint}")));
    }
}

/// The same for a program, which reads stdout; where a document stands there already, that is the answer.
pub fn problem_in_json(problem: &Problem) {
    if ANSWERED.load(Ordering::Relaxed) {
        return;
    }
    json(&serde_json::json!({
        "error": {"what": in_words(problem), "hint": problem.hint(), "exit": problem.exit().code()}
    }));
}

fn in_words(problem: &Problem) -> String {
    let mut text = format!("could not {problem}");
    let mut source = std::error::Error::source(problem);
    while let Some(cause) = source {
        // Some errors say their cause themselves.
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

/// `text` with control and invisible characters written out, so that it cannot move the cursor or hide.
pub fn printable(text: &str) -> String {
    daemon::printable(text)
}

/// As [`printable`], line by line.
pub fn printable_lines(text: &str) -> String {
    text.lines().flat_map(|line| [printable(line), "\n".to_string()]).collect()
}

/// The home that is meant: root means the service's, since the assistant never runs as root.
pub fn home(common: &Common) -> Result<PathBuf, Problem> {
    if let Some(home) = &common.home {
        return Ok(home.clone());
    }
    if sandbox::is_root() && std::env::var_os("HARDSHELL_HOME").is_none() {
        return Ok(PathBuf::from(SERVICE_HOME));
    }
    Ok(daemon::Home::default_path()?)
}
