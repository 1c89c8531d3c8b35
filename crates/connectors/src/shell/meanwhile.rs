//! What a command prints, on its way to the screens while it runs: little enough and seldom enough that none of them
//! falls behind. The whole of it, up to its own limit, is in the result.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// How much of a line's output is shown while it runs, in bytes: more than anybody reads meanwhile.
const SHOWN_BYTES_MAX: usize = 256 << 10;

/// How often it is shown. A screen follows ten pieces a second; a program may print a million.
const EVERY: Duration = Duration::from_millis(100);

/// Said once, in the place of the rest.
const NO_MORE: &str = "\n… it prints more than is shown while it runs …\n";

/// Takes what is printed, from any thread.
pub(crate) struct Meanwhile {
    room: Mutex<usize>,
    said: mpsc::UnboundedSender<String>,
}

/// Hands it on.
pub(crate) struct Hears {
    // Without a bound of its own: no more than SHOWN_BYTES_MAX is ever sent.
    said: mpsc::UnboundedReceiver<String>,
}

impl Meanwhile {
    pub(crate) fn new() -> (Self, Hears) {
        let (sender, said) = mpsc::unbounded_channel();
        (Self { room: Mutex::new(SHOWN_BYTES_MAX), said: sender }, Hears { said })
    }

    /// Takes the next piece, for as long as there is room.
    pub(crate) fn hear(&self, text: &str) {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if *room == 0 || text.is_empty() {
            return;
        }
        let text = match room.checked_sub(text.len()).filter(|left| *left > 0) {
            Some(left) => {
                *room = left;
                text.to_string()
            }
            None => {
                let cut = (0..=*room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                *room = 0;
                format!("{}{NO_MORE}", text.get(..cut).unwrap_or(""))
            }
        };
        // Nobody hearing it any more is no reason to stop.
        let _gone = self.said.send(text);
    }
}

impl Hears {
    /// What came since the last time, not too soon after it; never returns when nothing more can come. Safe to cancel:
    /// nothing is taken before the wait is over.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Some(text) = self.rest() {
                return text;
            }
        }
    }

    /// What came since the last time, if anything did.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let mut text = String::new();
        while let Ok(piece) = self.said.try_recv() {
            text.push_str(&piece);
        }
        Some(text).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_while_it_runs_has_an_end_and_says_so_once() {
        let (meanwhile, mut hears) = Meanwhile::new();
        meanwhile.hear("first\n");
        assert_eq!(hears.rest().as_deref(), Some("first\n"));
        let piece = "ü".repeat(10_000);
        (0..100).for_each(|_| meanwhile.hear(&piece));
        let rest = hears.rest().unwrap();
        assert!(rest.len() <= SHOWN_BYTES_MAX + NO_MORE.len(), "{}", rest.len());
        assert!(rest.ends_with(NO_MORE) && rest.matches("it prints more").count() == 1);
        meanwhile.hear("late");
        assert_eq!(hears.rest(), None);
    }
}
