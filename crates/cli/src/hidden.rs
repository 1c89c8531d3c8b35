//! What is typed and not shown: secrets and passphrases. Never an argument, which others could see.

use crate::show;
use daemon::Asking;
use std::io::{self, IsTerminal as _, Read as _};

/// Reads a secret from a terminal without showing it, or all that is piped in.
pub fn secret(prompt: &str) -> io::Result<String> {
    let stdin = io::stdin();
    let mut text = String::new();
    if stdin.is_terminal() {
        typed(prompt, &mut text)?;
    } else {
        let limit = u64::try_from(vault::SECRET_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
        stdin.lock().take(limit).read_to_string(&mut text)?;
    }
    Ok(without_line_break(text))
}

/// Asks for the vault's passphrase: at a terminal, or as the first line of what is piped in.
pub fn passphrase(asking: Asking) -> io::Result<String> {
    let stdin = io::stdin();
    let mut text = String::new();
    if !stdin.is_terminal() {
        stdin.read_line(&mut text)?;
        return Ok(without_line_break(text));
    }
    match asking {
        Asking::Known => typed("passphrase of the vault (not shown): ", &mut text)?,
        Asking::New => {
            typed("new passphrase of the vault (not shown): ", &mut text)?;
            let mut again = String::new();
            typed("the same again: ", &mut again)?;
            if again != text {
                return Err(io::Error::other("the two are not the same"));
            }
        }
    }
    Ok(without_line_break(text))
}

fn typed(prompt: &str, text: &mut String) -> io::Result<()> {
    let stdin = io::stdin();
    // Stdout is for the answer; a prompt is none.
    eprint!("{prompt}");
    let before = rustix::termios::tcgetattr(&stdin)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(rustix::termios::LocalModes::ECHO);
    rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Flush, &quiet)?;
    let read = stdin.read_line(text);
    let restored = rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Flush, &before);
    show::note("");
    read?;
    Ok(restored?)
}

fn without_line_break(mut text: String) -> String {
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    text
}
