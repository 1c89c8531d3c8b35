//! The content guard, at the door.

/// Looks at what strangers wrote, and at what a model made of it.
pub(crate) struct Guard;

impl broker::Scan for Guard {
    fn is_suspicious(&self, text: &str) -> bool {
        guard::look(text).is_suspicious()
    }

    fn reveal(&self, text: &str) -> String {
        guard::reveal(text)
    }

    fn defang(&self, text: &str, is_strange: &dyn Fn(&str) -> bool) -> String {
        guard::defang(text, is_strange)
    }
}
