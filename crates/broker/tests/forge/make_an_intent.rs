//! Only the broker puts a permit on its way to an executor.
fn forge(permit: policy::Permit) -> broker::Intent {
    broker::Intent::new(permit, audit::Subject::default(), Vec::new(), None, todo!())
}

fn main() {}
