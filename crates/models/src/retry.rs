//! How often, and after what wait, a model is asked again.

use domain::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use std::time::Duration;

/// How often one model is asked for one answer, the first time included.
pub const TRIES_MAX: u32 = 4;
/// The wait before the second try; it doubles from try to try.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait of our own choosing.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// The longest wait that another side may ask for: past it, the next model or the owner is told instead.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// How long to wait before try number `next` (2 is the first retry), if there is to be one.
///
/// What the other side asks for is honoured to the second, plus a little that spreads those who were told the same.
/// Otherwise the wait doubles, and half of it is left to `luck`, a number from anywhere (AWS Architecture Blog,
/// "Exponential Backoff and Jitter", equal jitter).
#[must_use]
pub fn wait_before(next: u32, retry_after: Option<Duration>, luck: u64) -> Option<Duration> {
    if next > TRIES_MAX {
        return None;
    }
    if let Some(asked) = retry_after {
        return (asked <= RETRY_AFTER_MAX).then(|| asked.saturating_add(Duration::from_millis(luck % 250)));
    }
    let doublings = next.saturating_sub(2).min(16);
    let full = FIRST_WAIT.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(WAIT_MAX);
    let half = full / 2;
    let half_millis = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
    Some(half.saturating_add(Duration::from_millis(luck % half_millis.saturating_add(1))))
}

/// What `retry-after-ms` and `retry-after` ask for: milliseconds, seconds, or an HTTP date (RFC 9110 §10.2.3), which
/// is taken from `now`. None when neither can be read.
#[must_use]
pub fn retry_after(
    milliseconds: Option<&str>,
    seconds_or_date: Option<&str>,
    now: Timestamp,
) -> Option<Duration> {
    let number = |text: &str, unit: f64| {
        let value: f64 = text.trim().parse().ok()?;
        Duration::try_from_secs_f64((value / unit).clamp(0.0, 1.0e9)).ok()
    };
    if let Some(wait) = milliseconds.and_then(|text| number(text, 1_000.0)) {
        return Some(wait);
    }
    let text = seconds_or_date?.trim();
    number(text, 1.0).or_else(|| {
        let moment = DateTimeParser::new().parse_timestamp(text).ok()?.as_millisecond();
        Some(Timestamp(u64::try_from(moment).ok()?).since(now))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp(784_111_770_000); // Sun, 06 Nov 1994 08:49:30 GMT
        let ms = Duration::from_millis;
        for (milliseconds, other, wait) in [
            (None, Some("3"), Some(ms(3_000))),
            (None, Some(" 1.5 "), Some(ms(1_500))),
            (Some("250"), Some("3"), Some(ms(250))),
            (Some("soon"), Some("3"), Some(ms(3_000))),
            (None, Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some(ms(7_000))),
            (None, Some("Sun, 06 Nov 1994 08:49:00 GMT"), Some(ms(0))),
            (None, Some("-5"), Some(ms(0))),
            (None, Some("NaN"), None),
            (None, Some("soon"), None),
            (None, None, None),
        ] {
            assert_eq!(retry_after(milliseconds, other, now), wait, "{milliseconds:?} {other:?}");
        }
    }

    #[test]
    fn too_long_a_wait_is_no_wait() {
        assert_eq!(wait_before(2, Some(RETRY_AFTER_MAX + Duration::from_secs(1)), 0), None);
        assert_eq!(wait_before(2, Some(Duration::from_secs(3)), 0), Some(Duration::from_secs(3)));
        assert_eq!(wait_before(TRIES_MAX + 1, None, 0), None);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_shorter_than_asked_nor_longer_than_its_limit(
            next in 2_u32..100, asked in proptest::option::of(0_u64..100_000), luck: u64,
        ) {
            let asked = asked.map(Duration::from_millis);
            let wait = wait_before(next, asked, luck);
            prop_assert_eq!(
                wait.is_none(),
                next > TRIES_MAX || asked.is_some_and(|asked| asked > RETRY_AFTER_MAX)
            );
            if let Some(wait) = wait {
                prop_assert!(asked.is_none_or(|asked| wait >= asked));
                prop_assert!(wait <= RETRY_AFTER_MAX + Duration::from_secs(1));
                prop_assert!(asked.is_some() || (FIRST_WAIT / 2..=WAIT_MAX).contains(&wait));
            }
        }
    }
}
