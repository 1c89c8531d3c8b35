//! The sandbox's helper: a file of its own, so that an AppArmor profile can be attached to it.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    sandbox::helper_main()
}
