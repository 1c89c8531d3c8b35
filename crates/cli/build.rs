//! Links the program smaller where the system's C library can load it so.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The folders that C libraries are in.
const PLACES: [&str; 3] = ["/usr/lib", "/lib64", "/usr/lib64"];
/// Has the linker keep functions with the same code once.
const FOLDED: &str = "-Wl,--icf=all";
/// The name of the ability, as GNU's C library lists it among its versions since 2.36.
const PACKED: &[u8] = b"GLIBC_ABI_DT_RELR";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_for_here = std::env::var("TARGET").ok() == std::env::var("HOST").ok();
    if is_for_here && c_libraries().iter().any(loads_packed) {
        // The table of relocations shrinks from two megabytes to almost nothing; GNU's linker and LLVM's both know it.
        println!("cargo::rustc-link-arg-bin=hardshell=-Wl,-z,pack-relative-relocs");
    }
    if is_for_here && links_with(FOLDED) {
        // Functions that came out the same are kept once. LLVM's linker knows how; GNU's refuses to begin.
        println!("cargo::rustc-link-arg-bin=hardshell={FOLDED}");
    }
}

/// Whether the linker that is used here takes `argument`: tried with a program that does nothing.
#[expect(clippy::disallowed_methods, reason = "a build has no sandbox, and starts the compiler alone")]
fn links_with(argument: &str) -> bool {
    let Some(out) = std::env::var_os("OUT_DIR").map(PathBuf::from) else { return false };
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let mut tried = Command::new(compiler);
    tried.args(["--edition", "2024", "-C", &format!("link-arg={argument}"), "-o"]).arg(out.join("nothing"));
    tried.args(flags.split('\x1f').filter(|flag| !flag.is_empty())).arg("-").stdin(Stdio::piped());
    let Ok(mut running) = tried.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else { return false };
    let given = running.stdin.take().is_some_and(|mut stdin| stdin.write_all(b"fn main() {}").is_ok());
    running.wait().is_ok_and(|status| given && status.success())
}

/// The C library in each usual place: Debian keeps it in a folder named after the machine's kind.
fn c_libraries() -> Vec<PathBuf> {
    let kind = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let of_debian = PathBuf::from(PLACES[0]).join(format!("{kind}-linux-gnu"));
    let places = PLACES.iter().map(PathBuf::from).chain([of_debian]);
    places.map(|place| place.join("libc.so.6")).filter(|path| path.is_file()).collect()
}

fn loads_packed(path: &PathBuf) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.windows(PACKED.len()).any(|part| part == PACKED))
}
