//! A permit is good for one use.
fn twice(intent: audit::Recorded<broker::Intent>, now: domain::Timestamp) {
    let intent = intent.into_inner();
    let _once = intent.redeem(now);
    let _twice = intent.redeem(now);
}

fn main() {}
