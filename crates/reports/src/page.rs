//! A summary as one HTML page: it loads nothing, runs nothing, and shows texts of others only escaped.

use crate::chart::{Bar, Chart, ChartError};
use crate::escape::escaped;
use crate::report::{Counts, MILLISECONDS_A_DAY, Summary, Window};
use crate::words::{lists, moment, overview};
use domain::Timestamp;
use std::fmt::Write as _;

/// How many bars a chart of a list has.
const BARS: usize = 12;
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}svg{max-width:100%;height:auto}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .5rem;border-bottom:1px solid #ddd}code{overflow-wrap:anywhere}";

/// The page.
///
/// # Errors
///
/// [`ChartError`].
pub fn page(summary: &Summary, window: Window) -> Result<String, ChartError> {
    let title = format!(
        "What Hardshell did, {} to {}",
        moment(window.from, window.utc_offset_minutes),
        moment(window.until, window.utc_offset_minutes)
    );
    let mut out = head(&title);
    for line in overview(summary, window) {
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, "<p>{}</p>", escaped(&line));
    }
    if !summary.unusual.is_empty() {
        out.push_str("<table><tr><th>When</th><th>Rule</th><th>Why</th><th>Record</th></tr>");
        for one in &summary.unusual {
            let when = moment(one.time, window.utc_offset_minutes);
            let _ = write!(
                out,
                "<tr><td>{when}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                one.rule.as_str(),
                escaped(&one.why),
                one.seq
            );
        }
        out.push_str("</table>");
    }
    for (name, chart) in charts(summary) {
        let _ = write!(out, "<h2>{name}</h2>{}", chart.svg()?);
    }
    out.push_str("</body></html>\n");
    Ok(out)
}

/// The head of a page that loads nothing and runs nothing.
pub(crate) fn head(title: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"><meta name=\"viewport\" content=\"width=device-width\"><title>{0}</title><style>{STYLE}</style></head><body><h1>{0}</h1>",
        escaped(title)
    )
}

/// Every chart of a summary with a name that can be that of a file.
#[must_use]
pub fn charts(summary: &Summary) -> Vec<(String, Chart)> {
    let mut charts = Vec::new();
    let mut add = |name: &str, title: &str, bars: Vec<Bar>| {
        charts.push((name.to_string(), Chart { title: title.to_string(), bars }));
    };
    let days: Vec<Bar> = summary
        .days
        .iter()
        .map(|(day, (effects, refusals))| {
            let start = Timestamp(day.saturating_mul(MILLISECONDS_A_DAY));
            let name = moment(start, 0).chars().take("2026-01-01".len()).collect();
            Bar { name, count: *effects, marked: *refusals }
        })
        .collect();
    add("days", "Effects, and refusals in red, by day", days);
    let hours: Vec<Bar> = (0..)
        .zip(&summary.hours)
        .map(|(hour, count)| Bar { name: format!("{hour:02}:00"), count: *count, marked: 0 })
        .collect();
    add("hours", "Effects by hour of the day", hours);
    add("effects", "Effects by kind", of(&summary.effects));
    for (title, counts) in lists(summary) {
        if counts.total() > 0 {
            let name = title.to_lowercase().replace([' ', ','], "-").replace("--", "-");
            add(&name, title, of(counts));
        }
    }
    charts
}

fn of(counts: &Counts) -> Vec<Bar> {
    let named = counts.most_first().into_iter().take(BARS);
    named.map(|(name, count)| Bar { name: name.to_string(), count, marked: 0 }).collect()
}
