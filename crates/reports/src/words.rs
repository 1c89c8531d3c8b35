//! A summary in words, and as JSON.

use crate::escape::plain;
use crate::report::{Counts, Summary, Window};
use domain::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How many of a kind are named; the rest is counted.
const NAMED_MAX: usize = 12;
/// How many unusual things are told one by one.
const UNUSUAL_MAX: usize = 100;

/// A moment by the clock of the reader: `2026-11-27 06:05`.
#[must_use]
pub fn moment(time: Timestamp, utc_offset_minutes: i32) -> String {
    let local = time.0.saturating_add_signed(i64::from(utc_offset_minutes).saturating_mul(60_000));
    let known = i64::try_from(local).ok().and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
    known.map_or_else(|| time.0.to_string(), |time| time.strftime("%F %H:%M").to_string())
}

/// Every list of a summary, with its title.
pub(crate) fn lists(summary: &Summary) -> [(&'static str, &Counts); 15] {
    [
        ("Commands", &summary.commands),
        ("Programs", &summary.programs),
        ("Files read", &summary.files_read),
        ("Files changed", &summary.files_changed),
        ("Hosts reached", &summary.hosts),
        ("Connections refused", &summary.hosts_refused),
        ("Recipients", &summary.recipients),
        ("Messages in", &summary.messages),
        ("Questions", &summary.questions),
        ("Answers", &summary.answers),
        ("Refusals, by rule", &summary.refusals),
        ("How effects ended", &summary.endings),
        ("Secrets used", &summary.secrets),
        ("Sign-ins", &summary.sign_ins),
        ("Models asked", &summary.models),
    ]
}

/// The first sentences: how much there was, and what it cost.
pub(crate) fn overview(summary: &Summary, window: Window) -> Vec<String> {
    let at = |time| moment(time, window.utc_offset_minutes);
    let mut lines = vec![format!(
        "From {} to {}: {} records, {} effects begun, {} messages in, {} questions, {} refusals.",
        at(window.from),
        at(window.until),
        summary.records,
        summary.effects.total(),
        summary.messages.total(),
        summary.questions.total(),
        summary.refusals.total()
    )];
    if summary.models.total() > 0 {
        let micros = summary.cost_micros;
        lines.push(format!(
            "Models were asked {} times: {} tokens in, {} out, {}.{:06} spent.",
            summary.models.total(),
            summary.input_tokens,
            summary.output_tokens,
            micros / 1_000_000,
            micros % 1_000_000
        ));
    }
    lines.push(match summary.unusual.len() {
        0 => "Nothing unusual by any of the rules.".to_string(),
        1 => "One thing is unusual:".to_string(),
        count => format!("{count} things are unusual:"),
    });
    lines
}

/// What was done, in words, for a terminal.
#[must_use]
pub fn in_words(summary: &Summary, window: Window) -> String {
    let mut out = overview(summary, window).join("\n");
    for unusual in summary.unusual.iter().take(UNUSUAL_MAX) {
        let when = moment(unusual.time, window.utc_offset_minutes);
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            out,
            "\n  {when}  {:<14} {} (record {})",
            unusual.rule.as_str(),
            plain(&unusual.why),
            unusual.seq
        );
    }
    if let Some(more) = summary.unusual.len().checked_sub(UNUSUAL_MAX).filter(|more| *more > 0) {
        let _ = write!(out, "\n  … and {more} more; `--json` has them all");
    }
    for (title, counts) in lists(summary) {
        let all = counts.most_first();
        if all.is_empty() {
            continue;
        }
        let _ = write!(out, "\n\n{title}: {}", counts.total());
        for (what, count) in all.iter().take(NAMED_MAX) {
            let _ = write!(out, "\n  {count:>6}  {}", plain(what));
        }
        if let Some(more) = all.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
            let _ = write!(out, "\n          … and {more} more");
        }
    }
    out
}

/// The same for programs: every list whole.
#[must_use]
pub fn json(summary: &Summary, window: Window) -> Value {
    let counts = |counts: &Counts| -> Value {
        Value::Object(
            counts.most_first().into_iter().map(|(what, count)| (what.to_string(), json!(count))).collect(),
        )
    };
    let lists: serde_json::Map<String, Value> = lists(summary)
        .into_iter()
        .map(|(title, list)| (title.to_lowercase().replace([' ', ','], "_").replace("__", "_"), counts(list)))
        .collect();
    let unusual: Vec<Value> = summary
        .unusual
        .iter()
        .map(|one| json!({"rule": one.rule.as_str(), "seq": one.seq.0, "time": one.time.0, "why": one.why}))
        .collect();
    let days: Vec<Value> = summary
        .days
        .iter()
        .map(|(day, (effects, refusals))| json!({"day": day, "effects": effects, "refusals": refusals}))
        .collect();
    json!({
        "from": window.from.0,
        "until": window.until.0,
        "records": summary.records,
        "effects": counts(&summary.effects),
        "lists": lists,
        "tokens": {"input": summary.input_tokens, "output": summary.output_tokens},
        "cost_micros": summary.cost_micros,
        "hours": summary.hours,
        "days": days,
        "unusual": unusual,
    })
}
