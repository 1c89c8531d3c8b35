//! How fast secrets are taken out of text, with 1,000 secrets in all their forms: `cargo bench -p egress`.
#![expect(clippy::print_stdout, reason = "what it measures is its output")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has nothing to say")]

use domain::SecretName;
use egress::{Reader, Redactor};
use std::time::Instant;
use vault::{About, KeySource, SecretText, Vault};

const SECRETS: usize = 1000;
const TEXT_BYTES: usize = 32 * 1024 * 1024;
const PIECE_BYTES: usize = 16 * 1024;

fn main() {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let vault = Vault::open(home.path(), &KeySource::File).unwrap();
    let mut numbers = Numbers(1);
    for number in 0..SECRETS {
        let name: SecretName = format!("secret-{number}").parse().unwrap();
        let about = About { hosts: vec!["example.org".parse().unwrap()], ..About::default() };
        let length = 12 + number % 40;
        let reference = "env://BENCH".parse().unwrap();
        vault
            .attach_fetched(&name, &reference, SecretText::new(numbers.word(length)).unwrap(), about)
            .unwrap();
    }
    let before = resident_kib();
    let started = Instant::now();
    let redactor = Redactor::of_vault(&vault).unwrap();
    println!(
        "{SECRETS} secrets: built in {:.1} ms, {} KiB more memory",
        started.elapsed().as_secs_f64() * 1e3,
        resident_kib() - before
    );
    for (name, text) in [
        ("source code", source()),
        ("base64", numbers.word(TEXT_BYTES).into_bytes()),
        ("hexadecimal", numbers.hex(TEXT_BYTES)),
    ] {
        let started = Instant::now();
        let out = redactor.redact_bytes(&text, Reader::Anyone);
        let whole = rate(text.len(), started);
        let changed = out != text;
        let started = Instant::now();
        let mut stream = redactor.stream();
        let streamed: usize = text.chunks(PIECE_BYTES).map(|piece| stream.push(piece).len()).sum();
        let pieces = rate(text.len(), started);
        let started = Instant::now();
        let shapes = Redactor::shapes_only().find(&text, Reader::Anyone);
        let shapes_only = rate(text.len(), started);
        println!("{name}: shapes alone {shapes_only:.0} MB/s (found: {shapes:?})");
        println!(
            "{name}: {whole:.0} MB/s whole, {pieces:.0} MB/s in pieces of 16 KiB ({streamed} bytes out, changed: {changed})"
        );
    }
}

fn rate(bytes: usize, started: Instant) -> f64 {
    f64::from(u32::try_from(bytes).unwrap()) / 1e6 / started.elapsed().as_secs_f64()
}

/// This crate's own source, over and over.
fn source() -> Vec<u8> {
    let text =
        [include_str!("../src/client.rs"), include_str!("../src/url.rs"), include_str!("../src/redact.rs")]
            .concat();
    text.bytes().cycle().take(TEXT_BYTES).collect()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Numbers without pattern, the same in every run (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap()
    }

    fn of(&mut self, letters: &[u8]) -> u8 {
        letters.get(self.next() % letters.len()).copied().unwrap()
    }

    fn word(&mut self, length: usize) -> String {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..length).map(|_| char::from(self.of(letters))).collect()
    }

    fn hex(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.of(b"0123456789abcdef")).collect()
    }
}
