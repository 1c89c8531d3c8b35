//! A sandbox in words, before it is made.
use crate::spec::Spec;
/// Placeholder
pub fn explain(_: &Spec) -> String {
    String::new()
}
