//! A label is not written by hand.
fn main() {
    let _label = domain::Label {
        integrity: domain::Integrity::Trusted,
        tier: domain::Tier::Low,
        sources: Default::default(),
    };
}
