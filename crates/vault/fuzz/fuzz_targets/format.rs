//! Any file in the place of a vault is a vault or an error, and is left as it is:
//! `cargo +nightly fuzz run --fuzz-dir crates/vault/fuzz format`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::os::unix::fs::PermissionsExt;
use vault::{KeySource, Vault};

fuzz_target!(|bytes: &[u8]| {
    let home = std::env::temp_dir().join(format!("vault-fuzz-{}", std::process::id()));
    drop(Vault::open(&home, &KeySource::File).ok());
    let path = home.join("vault.db");
    std::fs::write(&path, bytes).expect("the file can be written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode can be set");
    let opened = Vault::open(&home, &KeySource::File);
    assert_eq!(std::fs::read(&path).expect("the file is there"), bytes);
    drop(opened);
    std::fs::remove_dir_all(&home).expect("the folder can be removed");
});
