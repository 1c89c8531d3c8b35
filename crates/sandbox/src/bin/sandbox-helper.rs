//! The sandbox helper: a small file of its own, so that it starts quickly and a security profile can name it.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    sandbox::helper_main()
}
