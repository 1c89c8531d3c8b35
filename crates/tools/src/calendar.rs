//! A date and some minutes, by the civil calendar.

use rust_decimal::Decimal;

/// `2024-05-15 10:00` (a `T` between is as good) and so many minutes; the civil calendar, no time zones.
///
/// # Errors
///
/// What is wrong, as a fragment.
pub fn plus_minutes(date: &str, minutes: Decimal) -> Result<String, &'static str> {
    let bad = || Err("a date is written 2024-05-15 10:00");
    let minutes = i64::try_from(minutes).map_err(|_fraction| "minutes are a whole number")?;
    let Some((day, clock)) = date.trim().split_once([' ', 'T']) else { return bad() };
    let day: Vec<i64> = day.split('-').filter_map(|part| part.parse().ok()).collect();
    let clock: Vec<i64> = clock.split(':').filter_map(|part| part.parse().ok()).collect();
    let ([year, month, day], [hour, minute, ..]) = (day.as_slice(), clock.as_slice()) else { return bad() };
    if !(1..=9999).contains(year)
        || !(1..=12).contains(month)
        || !(1..=31).contains(day)
        || *hour > 23
        || *minute > 59
    {
        return bad();
    }
    let total = days_from_civil(*year, *month, *day)
        .checked_mul(1440)
        .and_then(|days| days.checked_add(hour.saturating_mul(60)))
        .and_then(|all| all.checked_add(*minute))
        .and_then(|all| all.checked_add(minutes));
    let Some(total) = total else { return bad() };
    let (year, month, day) = civil_from_days(total.div_euclid(1440));
    let rest = total.rem_euclid(1440);
    Ok(format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", rest.div_euclid(60), rest.rem_euclid(60)))
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = (month.saturating_add(9)).rem_euclid(12);
    let of_year = (153_i64.saturating_mul(shifted).saturating_add(2))
        .div_euclid(5)
        .saturating_add(day)
        .saturating_sub(1);
    let days = of_era
        .saturating_mul(365)
        .saturating_add(of_era.div_euclid(4))
        .saturating_sub(of_era.div_euclid(100));
    era.saturating_mul(146_097).saturating_add(days).saturating_add(of_year).saturating_sub(719_468)
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let leap = of_era
        .saturating_sub(of_era.div_euclid(1460))
        .saturating_add(of_era.div_euclid(36_524))
        .saturating_sub(of_era.div_euclid(146_096));
    let year_of_era = leap.div_euclid(365);
    let before = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era.div_euclid(4))
        .saturating_sub(year_of_era.div_euclid(100));
    let of_year = of_era.saturating_sub(before);
    let shifted = of_year.saturating_mul(5).saturating_add(2).div_euclid(153);
    let day =
        of_year.saturating_sub(shifted.saturating_mul(153).saturating_add(2).div_euclid(5)).saturating_add(1);
    let month = if shifted < 10 { shifted.saturating_add(3) } else { shifted.saturating_sub(9) };
    let year = year_of_era.saturating_add(era.saturating_mul(400));
    (if month <= 2 { year.saturating_add(1) } else { year }, month, day)
}
