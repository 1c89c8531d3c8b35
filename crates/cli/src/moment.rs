//! Times as people type them: a date, a moment, or an age.

use crate::problem::Problem;
use domain::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use std::time::Duration;

/// A moment as screens show it, in UTC; nothing for one that no calendar has.
pub fn shown(milliseconds: u64) -> String {
    let time = i64::try_from(milliseconds).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map(|time| time.strftime("%F %T").to_string()).unwrap_or_default()
}

/// What `text` means at `now`: `2026-11-27`, `2026-11-27 06:05` (by this machine's clock), `2026-11-27T06:05Z`, `24h`.
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let bad = || Problem::Other {
        what: format!("understand the time `{}`", crate::show::printable(text)),
        hint: Some("a date (2026-11-27), a moment (2026-11-27T06:05Z) or an age (90m, 24h, 7d)".to_string()),
    };
    if let Some(age) = age(text) {
        let back = u64::try_from(age.as_millis()).map_err(|_too_long| bad())?;
        return Ok(Timestamp(now.0.saturating_sub(back)));
    }
    let exact = text.parse::<jiff::Timestamp>().ok();
    let local = || {
        let civil = text
            .parse::<DateTime>()
            .ok()
            .or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)))?;
        civil.to_zoned(TimeZone::system()).ok().map(|zoned| zoned.timestamp())
    };
    let found = exact.or_else(local).ok_or_else(bad)?;
    u64::try_from(found.as_millisecond()).map(Timestamp).map_err(|_before_1970| bad())
}

fn age(text: &str) -> Option<Duration> {
    let (number, seconds) = [("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)]
        .into_iter()
        .find_map(|(unit, seconds)| text.strip_suffix(unit).map(|number| (number, seconds)))?;
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// What to add to UTC for this machine's clock, in minutes.
pub fn utc_offset_minutes(now: Timestamp) -> i32 {
    let now = i64::try_from(now.0).ok().and_then(|now| jiff::Timestamp::from_millisecond(now).ok());
    now.map_or(0, |now| TimeZone::system().to_offset(now).seconds() / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_a_moment_or_an_age() {
        let now = Timestamp(1_800_000_000_000);
        for (text, expected) in [
            ("90m", Some(1_800_000_000_000 - 5_400_000)),
            ("7d", Some(1_800_000_000_000 - 604_800_000)),
            ("1970-01-02T00:00Z", Some(86_400_000)),
            ("1970-01-02T01:00:00+01:00", Some(86_400_000)),
            ("yesterday", None),
            ("d", None),
            ("-1d", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(parse(text, now).ok().map(|time| time.0), expected, "{text}");
        }
    }
}
