//! The form of addresses and headers.

pub(super) fn is_address(text: &str) -> bool {
    text.is_ascii()
        && text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !text.chars().any(|c| c.is_ascii_control() || matches!(c, ' ' | '<' | '>' | ','))
}

pub(super) fn headers(mail: &str) -> Vec<(String, String)> {
    let head = mail.split("\r\n\r\n").next().unwrap_or_default();
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        match (line.strip_prefix([' ', '\t']), headers.last_mut()) {
            (Some(more), Some((_, value))) => {
                value.push(' ');
                value.push_str(more);
            }
            _other => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                headers.push((name.to_string(), value.trim().to_string()));
            }
        }
    }
    headers
}
