//! The mint is the policy's own.
fn main() {
    let _permit = policy::Permit::mint(todo!(), todo!(), todo!());
}
