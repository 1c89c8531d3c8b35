//! A permit is made by nobody but the policy.
fn main() {
    let _permit = policy::Permit { action: todo!(), expires: todo!(), uses: todo!() };
}
