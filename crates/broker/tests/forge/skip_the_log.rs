//! What is not on record is not recorded.
fn forge(permit: policy::Permit) -> audit::Recorded<policy::Permit> {
    audit::Recorded { value: permit, seq: audit::Seq(1) }
}

fn main() {}
