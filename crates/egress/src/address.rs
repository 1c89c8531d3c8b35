//! Which addresses may be connected to: the one guard that every way out passes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an address is. Only [`AddressClass::Public`] is open to everyone; [`AddressClass::Loopback`]
/// and [`AddressClass::Private`] are open to a rule that names the host and says so; the rest are open to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressClass {
    /// Anywhere on the Internet.
    Public,
    /// This machine: 127.0.0.0/8, `::1`.
    Loopback,
    /// The networks of a house or company: RFC 1918, fc00::/7, and 100.64.0.0/10 (RFC 6598), which carriers and
    /// overlay networks use.
    Private,
    /// 169.254.0.0/16, fe80::/10, and the old site-local fec0::/10.
    LinkLocal,
    /// Where clouds hand out credentials to whoever asks.
    Metadata,
    /// `0.0.0.0/8` and `::`, which many systems read as this machine.
    Unspecified,
    /// Multicast and broadcast.
    Multicast,
    /// Documentation, benchmarking, protocol assignments, and what is reserved.
    Reserved,
    /// An IPv6 address that carries an IPv4 address: mapped, compatible, NAT64, 6to4, Teredo, ISATAP. Where it
    /// leads is decided by a translator that this guard cannot ask.
    Embedded,
}

/// Addresses that answer with credentials and lie outside the link-local ranges: AWS over IPv6, AWS ECS and EKS,
/// Alibaba, Azure, Oracle. The sources are the providers' pages on instance metadata.
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];
/// Names that lead there.
const METADATA_NAMES: [&str; 7] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.tencentyun.com",
    "metadata.platformequinix.com",
];

impl AddressClass {
    /// What kind of place `address` is.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => of_v6(v6),
        }
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Embedded => "IPv4-in-IPv6",
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a name is one that clouds give their metadata service.
#[must_use]
pub(crate) fn is_metadata_name(name: &str) -> bool {
    METADATA_NAMES.contains(&name)
}

fn of_v4(address: Ipv4Addr) -> AddressClass {
    // IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its updates).
    if METADATA_V4.contains(&address) {
        return AddressClass::Metadata;
    }
    match address.octets() {
        [0, ..] => AddressClass::Unspecified,
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => AddressClass::Private,
        [169, 254, ..] => AddressClass::LinkLocal,
        [192, 0, 0, _] | [192, 0, 2, _] | [192, 31, 196, _] | [192, 52, 193, _] | [192, 88, 99, _] => {
            AddressClass::Reserved
        }
        [192, 175, 48, _] | [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            AddressClass::Reserved
        }
        [224..=239, ..] | [255, 255, 255, 255] => AddressClass::Multicast,
        [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressClass {
    // IANA IPv6 Special-Purpose Address Registry. Only 2000::/3 is handed out (RFC 4291 §2.4): the rest is refused,
    // whatever it comes to mean.
    if METADATA_V6.contains(&address) {
        return AddressClass::Metadata;
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // ISATAP interface identifiers (RFC 5214 §6.1), under any prefix.
        [_, _, _, _, 0 | 0x0200, 0x5efe, _, _] => AddressClass::Embedded,
        // IPv4-mapped, -translated (RFC 2765) and -compatible.
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] | [0, 0, 0, 0, 0, 0, _, _] => {
            AddressClass::Embedded
        }
        // NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380).
        [0x64, 0xff9b, ..] | [0x2002, ..] | [0x2001, 0, ..] => AddressClass::Embedded,
        [0xfc00..=0xfdff, ..] => AddressClass::Private,
        [0xfe80..=0xfeff, ..] => AddressClass::LinkLocal,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        // 2001::/23 protocol assignments (benchmarking and ORCHID among them), documentation 2001:db8::/32 and 3fff::/20.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressClass::Reserved,
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_address_of_the_corpus_has_its_class() {
        for line in include_str!("../corpus/addresses.txt").lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (address, class) = line.split_once(char::is_whitespace).unwrap();
            let found = AddressClass::of(address.parse().unwrap());
            assert_eq!(found.as_str(), class.trim(), "{address}");
        }
    }

    proptest! {
        #[test]
        fn an_ipv6_address_that_ends_in_an_inner_ipv4_one_is_never_public(inner: [u8; 4], which in 0..7_usize) {
            let [a, b] = [u16::from_be_bytes([inner[0], inner[1]]), u16::from_be_bytes([inner[2], inner[3]])];
            let address = match which {
                0 => Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, a, b),
                1 => Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b),
                2 => Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                3 => Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, a, b),
                4 => Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 0),
                5 => Ipv6Addr::new(0x2001, 0, a, b, 0, 0, !a, !b),
                _ => Ipv6Addr::new(0x2a00, 1, 2, 3, 0, 0x5efe, a, b),
            };
            prop_assert_ne!(AddressClass::of(IpAddr::V6(address)), AddressClass::Public);
        }
    }
}
