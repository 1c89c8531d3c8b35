//! A permit cannot be copied.
fn copy(permit: &policy::Permit) -> policy::Permit {
    permit.clone()
}

fn main() {}
