//! Links the program smaller where the system's C library can load it so.

use std::path::PathBuf;

/// The folders that C libraries are in.
const PLACES: [&str; 3] = ["/usr/lib", "/lib64", "/usr/lib64"];
/// The name of the ability, as GNU's C library lists it among its versions since 2.36.
const PACKED: &[u8] = b"GLIBC_ABI_DT_RELR";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_for_here = std::env::var("TARGET").ok() == std::env::var("HOST").ok();
    if is_for_here && c_libraries().iter().any(loads_packed) {
        // The table of relocations shrinks from two megabytes to almost nothing; GNU's linker and LLVM's both know it.
        println!("cargo::rustc-link-arg-bin=hardshell=-Wl,-z,pack-relative-relocs");
    }
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
