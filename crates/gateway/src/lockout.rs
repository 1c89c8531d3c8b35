//! Makes guessing slow: whoever tries many different wrong credentials waits, loopback included.

use crate::{CredentialKind, Limits, SecretDigest};
use domain::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many peers are remembered: at most five megabytes with what they tried. Beyond it the one that was quiet longest is forgotten.
const PEERS_MAX: usize = 4096;
/// How many wrong credentials are remembered of a peer, so that a page that repeats a stale cookie counts once.
const REMEMBERED_MAX: usize = 32;

/// Who has tried what.
#[derive(Debug)]
pub(crate) struct Lockouts {
    tries: u32,
    first: Duration,
    longest: Duration,
    peers: Mutex<HashMap<(Network, CredentialKind), Tries>>,
}

/// An IPv4 address, or the /64 that one IPv6 customer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Network(IpAddr);

#[derive(Debug)]
struct Tries {
    count: u32,
    /// A text that cannot be a secret at all has no digest, and counts once like any other.
    remembered: Vec<Option<SecretDigest>>,
    last: Timestamp,
    until: Timestamp,
}

impl Network {
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(IpAddr::V4(ip)),
            IpAddr::V6(ip) => {
                let bits = ip.to_bits() & !u128::from(u64::MAX);
                Self(IpAddr::V6(bits.into()))
            }
        }
    }
}

impl Lockouts {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            tries: limits.wrong_tries,
            first: limits.lockout_first,
            longest: limits.lockout_longest,
            peers: Mutex::new(HashMap::new()),
        }
    }

    /// How long this peer still has to wait before a credential of this kind is looked at.
    pub(crate) fn wait(&self, ip: IpAddr, kind: CredentialKind, now: Timestamp) -> Option<Duration> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = peers.get(&(Network::of(ip), kind))?;
        // A clock that was set back must not lock anyone out for longer than the longest wait.
        let wait = tries.until.since(now).min(self.longest);
        (!wait.is_zero()).then_some(wait)
    }

    /// A wrong credential was tried. Returns the wait that now begins, if one does.
    pub(crate) fn wrong(
        &self,
        ip: IpAddr,
        kind: CredentialKind,
        digest: Option<SecretDigest>,
        now: Timestamp,
    ) -> Option<Duration> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Network::of(ip), kind);
        if peers.len() >= PEERS_MAX && !peers.contains_key(&key) {
            let quietest = peers.iter().min_by_key(|(_, tries)| tries.last).map(|(key, _)| *key);
            quietest.and_then(|key| peers.remove(&key));
        }
        let fresh = Tries { count: 0, remembered: Vec::new(), last: now, until: now };
        let tries = peers.entry(key).or_insert(fresh);
        if now.since(tries.last) > self.longest {
            tries.count = 0;
            tries.remembered.clear();
        }
        tries.last = now;
        if tries.remembered.contains(&digest) {
            return None;
        }
        if tries.remembered.len() >= REMEMBERED_MAX {
            tries.remembered.remove(0);
        }
        tries.remembered.push(digest);
        tries.count = tries.count.saturating_add(1);
        let over = tries.count.checked_sub(self.tries)?;
        let wait = self.first.saturating_mul(2_u32.saturating_pow(over.min(20))).min(self.longest);
        tries.until = now.after(wait);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lockouts() -> Lockouts {
        Lockouts::new(&Limits { wrong_tries: 3, ..Limits::default() })
    }

    fn digest(n: u32) -> Option<SecretDigest> {
        SecretDigest::of(&format!("guess {n}"))
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const KIND: CredentialKind = CredentialKind::Token;

    #[test]
    fn guessing_gets_slower_and_slower_and_loopback_is_no_exception() {
        let lockouts = lockouts();
        let mut now = Timestamp(1_000_000);
        assert_eq!(lockouts.wrong(HERE, KIND, digest(1), now), None);
        assert_eq!(lockouts.wrong(HERE, KIND, digest(2), now), None);
        let mut waits = Vec::new();
        for n in 3..20 {
            let wait = lockouts.wrong(HERE, KIND, digest(n), now).unwrap();
            assert_eq!(lockouts.wait(HERE, KIND, now), Some(wait));
            now = now.after(wait);
            assert_eq!(lockouts.wait(HERE, KIND, now), None, "the wait is over");
            waits.push(wait.as_secs());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900, 900, 900, 900]);
    }

    #[test]
    fn the_same_wrong_credential_again_is_not_a_guess() {
        let lockouts = lockouts();
        for _ in 0..100 {
            assert_eq!(lockouts.wrong(HERE, KIND, digest(1), Timestamp(1)), None);
        }
        assert_eq!(lockouts.wait(HERE, KIND, Timestamp(1)), None);
    }

    #[test]
    fn peers_and_kinds_are_apart_and_a_v6_customer_is_one_peer() {
        let lockouts = lockouts();
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        for n in 0..3 {
            lockouts.wrong(v6(&format!("2001:db8::{n}")), KIND, digest(n), Timestamp(1));
        }
        assert!(lockouts.wait(v6("2001:db8::ffff"), KIND, Timestamp(1)).is_some());
        assert!(lockouts.wait(v6("2001:db8::ffff"), CredentialKind::Link, Timestamp(1)).is_none());
        assert!(lockouts.wait(v6("2001:db8:0:1::1"), KIND, Timestamp(1)).is_none());
        for n in 0..3 {
            lockouts.wrong(v6("::ffff:10.0.0.1"), KIND, digest(n), Timestamp(1));
        }
        assert!(lockouts.wait(v6("10.0.0.1"), KIND, Timestamp(1)).is_some(), "mapped is the same peer");
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out_for_long() {
        let lockouts = lockouts();
        for n in 0..3 {
            lockouts.wrong(HERE, KIND, digest(n), Timestamp(u64::MAX / 2));
        }
        assert_eq!(lockouts.wait(HERE, KIND, Timestamp(1)), Some(Duration::from_secs(900)));
    }

    #[test]
    fn the_table_has_a_limit() {
        let lockouts = lockouts();
        for n in 0..(PEERS_MAX as u32 + 100) {
            lockouts.wrong(IpAddr::V4(n.into()), KIND, digest(n), Timestamp(u64::from(n)));
        }
        assert_eq!(lockouts.peers.lock().unwrap().len(), PEERS_MAX);
    }
}
