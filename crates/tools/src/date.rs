//! Dates in one normal form, so that two that mean the same are equal.

/// Reads `YYYY-MM-DD`, alone or followed by `HH:MM`, `HH:MM:SS` (with a fraction, which is dropped) and a zone (`Z`,
/// `+HH:MM`), and gives `YYYY-MM-DD` or `YYYY-MM-DD HH:MM[:SS][zone]`; seconds that are zero are left out.
pub(crate) fn normal(text: &str) -> Option<String> {
    let text = text.trim();
    let (day, rest) = text.split_at_checked(10)?;
    if !is_day(day) {
        return None;
    }
    if rest.is_empty() {
        return Some(day.to_string());
    }
    let time = rest.strip_prefix(['T', 't', ' '])?.trim_start();
    let (clock, zone) = time.split_at(time.find(['Z', 'z', '+', '-']).unwrap_or(time.len()));
    let zone = zone_of(zone)?;
    let mut parts = clock.trim_end().split(':');
    let hours = two_digits(parts.next()?, 23)?;
    let minutes = two_digits(parts.next()?, 59)?;
    let seconds = match parts.next() {
        None => 0,
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
            if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            two_digits(whole, 60)?
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let seconds = if seconds == 0 { String::new() } else { format!(":{seconds:02}") };
    Some(format!("{day} {hours:02}:{minutes:02}{seconds}{zone}"))
}

fn is_day(day: &str) -> bool {
    let mut parts = day.split('-');
    let (Some(year), Some(month), Some(date), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let (Ok(year), Some(month), Some(date)) =
        (year.parse::<u32>(), two_digits(month, 12), two_digits(date, 31))
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        0 => 0,
        _other => 31,
    };
    date >= 1 && date <= days
}

fn zone_of(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    if text.eq_ignore_ascii_case("z") || text == "+00:00" || text == "-00:00" {
        return Some("Z".to_string());
    }
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    two_digits(hours, 14)?;
    two_digits(minutes, 59)?;
    Some(text.to_string())
}

fn two_digits(text: &str, max: u32) -> Option<u32> {
    if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_mean_the_same_are_written_the_same() {
        for (text, same) in [
            ("2024-05-26", Some("2024-05-26")),
            ("2024-05-26 17:00", Some("2024-05-26 17:00")),
            ("2024-05-26T17:00:00", Some("2024-05-26 17:00")),
            ("2024-05-26T17:00:00.000Z", Some("2024-05-26 17:00Z")),
            ("2024-05-26 17:00:30+02:00", Some("2024-05-26 17:00:30+02:00")),
            ("2024-02-29", Some("2024-02-29")),
            ("2023-02-29", None),
            ("2024-13-01", None),
            ("2024-00-10", None),
            ("2024-04-31", None),
            ("24-05-26", None),
            ("2024-05-26 25:00", None),
            ("2024-05-26 1:00", None),
            ("2024-05-26x", None),
            ("next Monday", None),
            ("２０２４-05-26", None),
        ] {
            assert_eq!(normal(text).as_deref(), same, "{text}");
        }
    }
}
