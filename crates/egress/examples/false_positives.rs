//! How often redaction takes for a key what is none: over the source code below the folders that are named, and over
//! UUIDs, digests and base64 that are made up here. `cargo run --release -p egress --example false_positives -- FOLDER…`
#![expect(clippy::print_stdout, reason = "the numbers are what it is run for")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egress::{Reader, Redactor};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// How many of each made-up kind are looked at.
const MADE_UP: u64 = 100_000;
/// The largest file that is looked at, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// How many of what was found are named.
const SHOWN: usize = 10;
/// What source code ends in.
const ENDINGS: [&str; 16] =
    ["rs", "py", "js", "ts", "tsx", "c", "h", "cpp", "go", "java", "sh", "toml", "json", "md", "yml", "css"];

/// What was looked at.
#[derive(Default)]
struct Count {
    lines: u64,
    bytes: u64,
    found: BTreeMap<String, u64>,
    shown: Vec<String>,
}

impl Count {
    fn look(&mut self, redactor: &Redactor, line: &[u8], place: impl Fn() -> String) {
        self.lines = self.lines.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::try_from(line.len()).unwrap_or(0));
        if let Some(shape) = redactor.find(line, Reader::Anyone) {
            *self.found.entry(shape.clone()).or_default() += 1;
            if self.shown.len() < SHOWN {
                self.shown.push(format!("{}: {shape}", place()));
            }
        }
    }

    fn tell(&self, what: &str) {
        let found: u64 = self.found.values().sum();
        println!("{what:<12} {found:>6} of {:>9} lines, {:>6} MiB", self.lines, self.bytes >> 20);
        self.shown.iter().for_each(|place| println!("    {place}"));
    }
}

fn walk(folder: &Path, see: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if meta.is_dir() && !matches!(name.as_str(), "target" | "node_modules" | ".git") {
            walk(&path, see);
        } else if meta.is_file() && meta.len() <= FILE_BYTES_MAX {
            see(&path);
        }
    }
}

fn main() {
    let redactor = Redactor::shapes_only();
    let mut source = Count::default();
    for folder in std::env::args_os().skip(1) {
        walk(Path::new(&folder), &mut |path| {
            let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned());
            if !ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
                return;
            }
            let bytes = fs::read(path).unwrap_or_default();
            for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
                source.look(&redactor, line, || format!("{}:{number}", path.display()));
            }
        });
    }
    source.tell("source code");
    // xorshift64*: the same numbers at every run.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    };
    let (mut uuids, mut digests, mut images) = (Count::default(), Count::default(), Count::default());
    for _ in 0..MADE_UP {
        let (a, b, c, d) = (next(), next(), next(), next());
        let uuid = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            a & 0xffff,
            b & 0xfff,
            c & 0xfff,
            d & 0xffff_ffff_ffff
        );
        uuids.look(&redactor, format!("id: {uuid}").as_bytes(), || uuid.clone());
        let digest = format!("{a:016x}{b:016x}{c:016x}{d:016x}");
        for length in [32, 40, 64] {
            let line = format!("{}  file.txt", &digest[..length]);
            digests.look(&redactor, line.as_bytes(), || line.clone());
        }
        let bytes: Vec<u8> = (0..7).flat_map(|_| next().to_le_bytes()).collect();
        let line = STANDARD.encode(bytes);
        images.look(&redactor, line.as_bytes(), || line.clone());
    }
    uuids.tell("UUIDs");
    digests.tell("digests");
    images.tell("base64");
}
