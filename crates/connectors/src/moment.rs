//! Moments as text, in UTC.

use domain::Timestamp;

/// `2024-05-26 17:00:30Z`, the normal form of a `date` in manifests.
#[must_use]
pub(crate) fn of_seconds(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// As [`of_seconds`].
#[must_use]
pub(crate) fn of(time: Timestamp) -> String {
    of_seconds(i64::try_from(time.seconds()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_a_manifest_date() {
        assert_eq!(of(Timestamp(1_716_742_830_123)), "2024-05-26 17:00:30Z");
        assert_eq!(of_seconds(i64::MAX), "1970-01-01 00:00:00Z");
    }
}
