//! How many frames a socket may send: so many at once, so many a second for long.

use tokio::time::Instant;

/// A token bucket in thousandths of a frame.
pub(super) struct Bucket {
    per_second: u64,
    burst: u64,
    left: u64,
    filled: Instant,
}

const THOUSAND: u64 = 1000;

impl Bucket {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let burst = u64::from(burst).saturating_mul(THOUSAND);
        Self { per_second: u64::from(per_second), burst, left: burst, filled: Instant::now() }
    }

    /// Takes `count` frames out; false when there are not so many left.
    pub(super) fn take(&mut self, count: u32) -> bool {
        self.take_at(count, Instant::now())
    }

    fn take_at(&mut self, count: u32, now: Instant) -> bool {
        let milliseconds =
            u64::try_from(now.saturating_duration_since(self.filled).as_millis()).unwrap_or(u64::MAX);
        // A frame a second is a thousandth of a frame a millisecond.
        let more = milliseconds.saturating_mul(self.per_second);
        if more > 0 {
            self.left = self.left.saturating_add(more).min(self.burst);
            self.filled = now;
        }
        match self.left.checked_sub(u64::from(count).saturating_mul(THOUSAND)) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_taken_and_then_so_many_a_second() {
        let mut bucket = Bucket::new(20, 5);
        let start = bucket.filled;
        let taken =
            |bucket: &mut Bucket, at: Duration| (0..100).filter(|_| bucket.take_at(1, start + at)).count();
        assert_eq!(taken(&mut bucket, Duration::ZERO), 5);
        assert_eq!(taken(&mut bucket, Duration::from_millis(50)), 1);
        assert_eq!(taken(&mut bucket, Duration::from_millis(150)), 2);
        assert_eq!(taken(&mut bucket, Duration::from_secs(60)), 5, "never more than the burst");
    }
}
