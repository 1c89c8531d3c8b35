//! Puts the web page's files into the program: what gzip (RFC 1952) makes smaller is there compressed, and only so.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What `npm run build` makes.
const BUILT: &str = "../../web/dist";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let built = Path::new(BUILT);
    let mut table = String::new();
    if built.exists() {
        // Cargo takes what is missing for changed, each time.
        println!("cargo::rerun-if-changed={BUILT}");
        prepare(built, "", &out, &mut table)?;
    }
    fs::write(out.join("page.rs"), format!("const FILES: &[File] = &[\n{table}];\n"))
}

/// Adds a line to `table` for each file in the folder, whose names begin with `prefix`.
fn prepare(folder: &Path, prefix: &str, out: &Path, table: &mut String) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            prepare(&entry.path(), &format!("{name}/"), out, table)?;
            continue;
        }
        let bytes = fs::read(entry.path())?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        let small = encoder.finish()?;
        // Fonts and pictures are compressed already.
        let is_small = small.len() < bytes.len() * 9 / 10;
        let kept = out.join(name.replace('/', "+"));
        fs::write(&kept, if is_small { small } else { bytes })?;
        let line =
            format!("File {{ name: {name:?}, is_small: {is_small}, bytes: include_bytes!({kept:?}) }},");
        writeln!(table, "    {line}").map_err(io::Error::other)?;
    }
    Ok(())
}
