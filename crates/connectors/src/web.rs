//! The web, read only: a page as readable text, and whether an address answers.

use crate::Finding;
use crate::finding::bytes_in_words;
use crate::html;
use egress::{Body, Egress, Error, HeaderMap, Limits, Request, Response, Rules, Scope, Url, header};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The largest page that is read, in bytes.
const PAGE_BYTES_MAX: u64 = 6 * 1024 * 1024;
/// The most text that one page gives, in bytes.
const TEXT_BYTES_MAX: usize = 256 * 1024;
/// The most links that are listed.
const LINKS_MAX: usize = 200;
/// How much of a page is looked at for what it says of its charset, in bytes (HTML standard, §4.2.5.4: 1024).
const SNIFF_BYTES: usize = 1024;
/// How long an address may take to answer before it counts as down.
const UPTIME_PATIENCE: Duration = Duration::from_secs(15);

/// Why a page was not read.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The way out refused or failed.
    #[error("{}", chain(.0))]
    Egress(#[from] Error),
    /// The server answered that there is no such page, or worse.
    #[error("{url} answered {status}{}", if .text.is_empty() { String::new() } else { format!(": {}", .text) })]
    Status {
        /// The URL.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of what it said.
        text: String,
    },
}

/// The web, within rules.
#[derive(Debug)]
pub struct Web {
    egress: Arc<Egress>,
    rules: Arc<Rules>,
}

impl Web {
    /// The web through `egress`, as far as `rules` open it.
    #[must_use]
    pub fn new(egress: Arc<Egress>, rules: Arc<Rules>) -> Self {
        Self { egress, rules }
    }

    fn scope(&self, who: &str, limits: Limits) -> Scope {
        Scope { who: who.to_string(), rules: Arc::clone(&self.rules), limits }
    }

    /// Fetches a page and gives its readable text.
    ///
    /// # Errors
    ///
    /// [`WebError`] when the rules do not open it, it does not answer, or it answers with an error.
    pub async fn fetch(&self, url: &str) -> Result<Finding, WebError> {
        let url: Url = url.parse().map_err(Error::from)?;
        let limits = Limits {
            body_bytes_max: PAGE_BYTES_MAX,
            total_timeout: Duration::from_secs(60),
            ..Limits::default()
        };
        let accept =
            header::HeaderValue::from_static("text/html,application/xhtml+xml,text/*;q=0.9,*/*;q=0.5");
        let request = Request::get(url).header(header::ACCEPT, accept);
        let Response { status, headers, url, body } =
            self.egress.request(request, &self.scope("web.fetch", limits)).await?;
        let kind = kind(&headers);
        if !status.is_success() {
            let text = if is_text(&kind.0) {
                beginning(&page(&read(body).await?, &kind).text)
            } else {
                String::new()
            };
            return Err(WebError::Status { url: url.to_string(), status: status.as_u16(), text });
        }
        if !is_text(&kind.0) {
            let bytes = read(body).await?.len();
            let size = bytes_in_words(u64::try_from(bytes).unwrap_or(u64::MAX));
            let text = format!(
                "{} is not a page but {} of {size}; it is not shown.",
                html::defang(&url.to_string()),
                kind.0
            );
            let fields = json!({"url": url.to_string(), "status": status.as_u16(), "bytes": bytes});
            return Ok(Finding { fields, text });
        }
        let bytes = read(body).await?;
        Ok(found(&url, status.as_u16(), bytes.len(), page(&bytes, &kind)))
    }

    /// Whether an address answers, and how fast.
    ///
    /// # Errors
    ///
    /// [`WebError::Egress`] when the rules do not open it: then nothing was asked.
    pub async fn uptime(&self, url: &str) -> Result<Finding, WebError> {
        let parsed: Url = url.parse().map_err(Error::from)?;
        let limits = Limits {
            body_bytes_max: PAGE_BYTES_MAX,
            head_timeout: UPTIME_PATIENCE,
            total_timeout: UPTIME_PATIENCE,
            ..Limits::default()
        };
        let started = Instant::now();
        let answered = self.egress.request(Request::get(parsed), &self.scope("host.uptime", limits)).await;
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let shown = html::defang(url);
        match answered {
            Ok(response) => {
                let status = response.status.as_u16();
                let up = status < 500;
                let how = if up { "is up" } else { "answers, and says that it is broken" };
                Ok(Finding {
                    fields: json!({"up": up, "status": status, "milliseconds": milliseconds}),
                    text: format!("{shown} {how}: status {status} after {milliseconds} ms."),
                })
            }
            Err(
                error @ (Error::Refused(_)
                | Error::Url(_)
                | Error::Secret(_)
                | Error::Setup { .. }
                | Error::Request { .. }),
            ) => Err(error.into()),
            Err(error) => {
                let why = chain(&error);
                Ok(Finding {
                    text: format!("{shown} is down: could not {why}."),
                    fields: json!({"up": false, "milliseconds": milliseconds, "why": why}),
                })
            }
        }
    }
}

async fn read(body: Body) -> Result<Vec<u8>, WebError> {
    Ok(body.collect().await?.to_vec())
}

/// The error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some errors say their cause themselves.
        let said = error.to_string();
        if !text.ends_with(&said) {
            let _ = write!(text, ": {said}");
        }
        cause = error.source();
    }
    tools::visible(&text)
}

/// The media type and the charset that the server says.
fn kind(headers: &HeaderMap) -> (String, Option<String>) {
    let value =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/html");
    let mut parts = value.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_string())
    });
    (kind.chars().filter(|c| c.is_ascii_graphic()).take(100).collect(), charset)
}

fn is_text(kind: &str) -> bool {
    kind.starts_with("text/")
        || ["json", "xml", "javascript", "yaml", "toml"].iter().any(|word| kind.contains(word))
            && !kind.starts_with("image/")
}

fn page(bytes: &[u8], (kind, charset): &(String, Option<String>)) -> html::Page {
    let is_html = kind == "text/html" || kind == "application/xhtml+xml";
    let text = decoded(bytes, charset.as_deref(), is_html);
    if is_html { html::read(&text) } else { html::Page { text, ..html::Page::default() } }
}

/// A mark at the beginning counts most, then what the server says, then what the page says (HTML standard, §13.2.3.2).
fn decoded(bytes: &[u8], charset: Option<&str>, is_html: bool) -> String {
    let told = charset.and_then(|name| Encoding::for_label(name.as_bytes()));
    let encoding = told.or_else(|| if is_html { said_by_page(bytes) } else { None });
    let encoding = encoding.unwrap_or(if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 });
    encoding.decode(bytes).0.into_owned()
}

fn said_by_page(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = String::from_utf8_lossy(bytes.get(..SNIFF_BYTES).unwrap_or(bytes)).to_ascii_lowercase();
    let after = start.split_once("charset=")?.1.trim_start_matches(['"', '\'']);
    let name: String =
        after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect();
    Encoding::for_label(name.as_bytes())
}

fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    tools::visible(&line.chars().take(200).collect::<String>())
}

fn found(url: &Url, status: u16, bytes: usize, page: html::Page) -> Finding {
    let cut = (0..=TEXT_BYTES_MAX.min(page.text.len()))
        .rev()
        .find(|at| page.text.is_char_boundary(*at))
        .unwrap_or(0);
    let text = page.text.get(..cut).unwrap_or_default().replace('\0', "\u{fffd}");
    let links: Vec<String> = page
        .links
        .iter()
        .take(LINKS_MAX)
        .map(|link| url.join(link).map_or_else(|_not_web| link.clone(), |url| url.to_string()))
        .collect();
    let mut said = format!("{}\n", html::defang(&url.to_string()));
    if !page.title.is_empty() {
        let _ = writeln!(said, "Title: {}", page.title);
    }
    let _ = write!(said, "\n{text}\n");
    if cut < page.text.len() {
        let _ = writeln!(said, "… the page is longer.");
    }
    said.push_str(&html::concealed_in_words(&page.concealed));
    if !links.is_empty() {
        let _ = writeln!(said, "\nLinks (not followed):");
        for (number, link) in (1..).zip(&links) {
            let _ = writeln!(said, "⟦{number}⟧ {}", html::defang(link));
        }
    }
    let fields = json!({
        "url": url.to_string(), "status": status, "bytes": bytes, "title": page.title, "text": text, "links": links,
    });
    Finding { fields, text: said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_as_it_is_marked() {
        for (bytes, charset, is_html, text) in [
            (&b"Gr\xc3\xbc\xc3\x9fe"[..], None, false, "Grüße"),
            (b"Gr\xfc\xdfe", None, false, "Grüße"),
            (b"Gr\xfc\xdfe", Some("iso-8859-1"), false, "Grüße"),
            (b"\xef\xbb\xbfGr\xc3\xbc", Some("iso-8859-1"), false, "Grü"),
            (b"<meta charset='windows-1251'>\xcf", None, true, "<meta charset='windows-1251'>П"),
            (b"<meta charset='windows-1251'>\xcf", None, false, "<meta charset='windows-1251'>Ï"),
            (b"abc", Some("no-such-charset"), false, "abc"),
        ] {
            assert_eq!(decoded(bytes, charset, is_html), text);
        }
    }

    #[test]
    fn what_can_be_shown_is_told_by_its_type() {
        for (kind, text) in [
            ("text/html", true),
            ("text/plain", true),
            ("application/json", true),
            ("application/rss+xml", true),
            ("image/svg+xml", false),
            ("application/pdf", false),
            ("application/octet-stream", false),
        ] {
            assert_eq!(is_text(kind), text, "{kind}");
        }
    }
}
