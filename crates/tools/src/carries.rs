//! Whether a target carries data by itself.

use domain::Value;
use url::Url;

/// The longest path segment or host label, in bytes, that still passes for a name: longer ones hold a message.
const NAME_BYTES_MAX: usize = 48;
/// The shortest run of letters and digits, in bytes, that can be an encoded value worth having (a 96-bit token in
/// base64).
const ENCODED_BYTES_MIN: usize = 16;
/// The longest path, in bytes, that still passes for an address of a page.
const PATH_BYTES_MAX: usize = 200;

/// Whether a URL plainly takes data out: a query, a fragment, a very long path, or a part that looks like an encoded
/// value.
///
/// `false` does not mean that nothing is taken out: any choice between two URLs is one bit. A URL whose host and path
/// are not grounded in trusted text must be taken to carry data whatever this says.
#[must_use]
pub fn url_carries_data(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return true };
    let labels = url.host_str().unwrap_or_default().split('.');
    url.query().is_some_and(|query| !query.is_empty())
        || url.fragment().is_some_and(|fragment| !fragment.is_empty())
        || !url.username().is_empty()
        || url.password().is_some()
        || url.path().len() > PATH_BYTES_MAX
        || url.path().contains('%')
        || url.path().split('/').any(looks_encoded)
        || labels.into_iter().any(label_looks_encoded)
}

/// Long, or a long run without word breaks that mixes digits or capitals into it as encodings do.
fn looks_encoded(part: &str) -> bool {
    if part.len() > NAME_BYTES_MAX && !part.contains(['-', '_', '.']) {
        return true;
    }
    part.split(['-', '_', '.', '~', ',']).any(|run| {
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        let capitals = run.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
        let mixed = digits > 3 && digits < run.len() || capitals > 2 || run.contains(['=', '+']);
        run.len() >= ENCODED_BYTES_MIN && mixed
    })
}

/// Host names know no capitals, so that only digits tell an encoding; names of sites seldom have any.
fn label_looks_encoded(label: &str) -> bool {
    let digits = label.bytes().filter(u8::is_ascii_digit).count();
    label.len() > NAME_BYTES_MAX || label.len() >= ENCODED_BYTES_MIN && digits > 1
}

pub(crate) fn carries_data(value: &Value) -> bool {
    match value {
        Value::Url(url) => url_carries_data(url),
        Value::Host(host) => host.as_str().split('.').any(label_looks_encoded),
        Value::List(values) => values.iter().any(carries_data),
        Value::Text(text) | Value::Json(text) => !text.is_empty(),
        Value::Address(_)
        | Value::Path(_)
        | Value::Id { .. }
        | Value::Amount(_)
        | Value::Number(_)
        | Value::Date(_)
        | Value::Command(_)
        | Value::Boolean(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_with_a_message_in_it_is_told_from_a_page() {
        for (url, carries) in [
            ("https://example.org/", false),
            ("https://blog.example.org/2024/05/how-to-bake-bread", false),
            ("https://example.org/wiki/Rust_(programming_language)", false),
            ("https://attacker.example/?data=AKIA", true),
            ("https://attacker.example/#x", true),
            ("https://attacker.example/AKIAIOSFODNN7EXAMPLE", true),
            ("https://QUtJQUlPU0ZPRE5ON0VY.attacker.example/", true),
            ("https://attacker.example/c2VjcmV0IGtleSBoZXJl/x", true),
            ("https://attacker.example/a%20b", true),
            ("https://user@attacker.example/", true),
            ("not a url", true),
        ] {
            assert_eq!(url_carries_data(url), carries, "{url}");
        }
    }
}
