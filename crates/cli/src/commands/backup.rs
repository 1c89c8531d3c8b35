//! `hardshell backup`: a copy that only its owner opens, and back.

use crate::arguments::Common;
use crate::arguments::keeping::{BackupCommand, Create, OpenedWith, Restore};
use crate::client::Client;
use crate::commands::audit::{create as new_file, unwritten};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::scratch::Scratch;
use crate::stopping::{self, Unfinished};
use crate::{hidden, moment, root, show};
use audit::BackupAct;
use backup::{Lock, Opener, Progress};
use daemon::config::{Config, FILE};
use daemon::{BackupNote, KeyKind, VaultKey};
use gateway::wire::ProofState;
use std::io::IsTerminal as _;
use std::path::Path;

/// The longest key file that is read, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 1 << 20;
/// The shortest passphrase that a backup is locked with, in characters.
const PASSPHRASE_CHARS_MIN: usize = 12;

/// Does it.
pub async fn run(common: &Common, command: &BackupCommand) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    match command {
        BackupCommand::Key { out } => key(common, out),
        BackupCommand::Create(wanted) => create(common, &home, wanted).await,
        BackupCommand::Verify { file, opened_with } => verify(common, &home, file, opened_with).await,
        BackupCommand::Restore(wanted) => restore(common, &home, wanted).await,
        BackupCommand::List { folder } => list(common, &home, folder.as_deref()),
    }
}

fn key(common: &Common, out: &Path) -> Result<Exit, Problem> {
    let mut file = new_file(out)?;
    let made = backup::generate(&mut file).and_then(|recipient| file.sync_all().map(|()| recipient));
    let recipient = made.map_err(|source| unwritten(out, source))?;
    if common.json {
        show::json(&serde_json::json!({"recipient": recipient, "file": out}));
        return Ok(Exit::Done);
    }
    show::line(&recipient);
    show::note(&format!(
        "The key is in {}. Without it no backup opens: keep it away from this machine.",
        out.display()
    ));
    show::note(&format!(
        "Daily backups: write `[backup]` and `recipients = [\"{recipient}\"]` into the configuration."
    ));
    Ok(Exit::Done)
}

fn settings(home: &Path) -> Result<Config, Problem> {
    let file = home.join(FILE);
    Ok(if file.exists() { Config::load(&file)? } else { Config::default() })
}

async fn create(common: &Common, home: &Path, wanted: &Create) -> Result<Exit, Problem> {
    root::enter(home)?;
    let config = settings(home)?;
    let now = daemon::now();
    let lock = if wanted.passphrase {
        Lock::with_passphrase(long_enough(passphrase("a new passphrase for the backup")?)?)
    } else if wanted.recipient.is_empty() {
        Lock::for_recipients(config.backup.recipients.iter().map(String::as_str)).map_err(failed)?
    } else {
        Lock::for_recipients(wanted.recipient.iter().map(String::as_str)).map_err(failed)?
    };
    let to = match &wanted.to {
        Some(file) if !file.is_dir() => file.clone(),
        Some(folder) => folder.join(backup::file_name(now)),
        None => config.backup.folder(home).join(backup::file_name(now)),
    };
    let checkpoint = daemon::last_checkpoint(home)?.map(|checkpoint| checkpoint.to_string());
    stopping::watch()?;
    let (mut begun, mut tell) = (Vec::new(), telling());
    let mut progress = |progress: &Progress| {
        if begun.is_empty() {
            // It is this process's turn, so what has these names is its own; `to` while it is read once more, too.
            let own = backup::unfinished(home, &to);
            begun = own.iter().chain(Some(&to)).map(|path| Unfinished::of(path)).collect();
        }
        tell(progress);
    };
    let made = match backup::create(home, &to, &lock, checkpoint, now, &mut progress) {
        Ok(made) => {
            begun.into_iter().for_each(Unfinished::keep);
            made
        }
        Err(error) => {
            let note = BackupNote::new(BackupAct::Failed, &to, "", daemon::chain(&error));
            if let Err(unrecorded) = note.keep(home).await {
                show::note(&format!("this could not be put on record: {}", daemon::chain(&unrecorded)));
            }
            return Err(failed(error));
        }
    };
    let detail = format!("{} files, at the command line", made.manifest.files.len());
    BackupNote::new(BackupAct::Made, &made.path, &made.digest, detail).keep(home).await?;
    show::note("");
    if common.json {
        show::json(&serde_json::json!({"file": made.path, "bytes": made.bytes, "digest": made.digest,
            "files": made.manifest.files.len(), "left_out": made.manifest.left_out}));
        return Ok(Exit::Done);
    }
    show::line(&format!(
        "{}: {} files, {} bytes",
        made.path.display(),
        made.manifest.files.len(),
        made.bytes
    ));
    for left in &made.manifest.left_out {
        show::line(&show::printable(&format!("  without {left}")));
    }
    show::note(&format!(
        "hint: `hardshell backup verify {}` restores it into a temporary home",
        made.path.display()
    ));
    Ok(Exit::Done)
}

async fn verify(common: &Common, home: &Path, file: &Path, with: &OpenedWith) -> Result<Exit, Problem> {
    is_there(file)?;
    let opener = opener(with)?;
    root::leave(home)?;
    let scratch = Scratch::make()?;
    let to = scratch.path().join("home");
    stopping::watch()?;
    let _begun = Unfinished::of(scratch.path());
    let restored = backup::restore(file, &opener, &to, &mut telling()).map_err(failed)?;
    show::note("");
    // The vault's key is not in it: that of this machine opens the vault, where it is the same house.
    let key = home.join("vault.key");
    let has_file = key.exists();
    if has_file {
        std::fs::copy(&key, to.join("vault.key")).map_err(|source| Problem::Io {
            step: "use the vault's key of this machine".to_string(),
            source,
        })?;
    }
    // A vault with a passphrase needs nothing but that; one with a credential is opened where the service runs.
    let has_key = match settings(&to)?.vault.key {
        KeyKind::File => has_file,
        KeyKind::Passphrase => true,
        KeyKind::Credential => std::env::var_os("CREDENTIALS_DIRECTORY").is_some(),
    };
    let vault = if has_key { VaultKey::With(hidden::passphrase) } else { VaultKey::IsMissing };
    let checked = daemon::check_restored(&to, restored.manifest.checkpoint.as_deref(), vault).await;
    let checked = checked.map_err(Box::new)?;
    let proofs_hold = checked.proofs.iter().all(|proof| proof.state != ProofState::Failed);
    let holds = checked.log.holds() && proofs_hold;
    if common.json {
        show::json(
            &serde_json::json!({"holds": holds, "files": restored.manifest.files.len(), "made": restored.manifest.made,
            "log": checked.log, "sessions": checked.sessions, "proofs": checked.proofs, "vault_opened": has_key}),
        );
        return Ok(if holds { Exit::Done } else { Exit::ProofFailed });
    }
    show::line(&format!(
        "Restored into a temporary home: {} files, {} sessions.",
        restored.manifest.files.len(),
        checked.sessions
    ));
    show::line(&checked.log.in_words());
    if has_key {
        crate::commands::prove::table(&checked.proofs);
    } else {
        show::line(
            "The vault's key is not on this machine, so the vault was not opened and nothing was proved.",
        );
    }
    show::line(if holds { "The backup is good." } else { "The backup is NOT good." });
    Ok(if holds { Exit::Done } else { Exit::ProofFailed })
}

async fn restore(common: &Common, home: &Path, wanted: &Restore) -> Result<Exit, Problem> {
    wanted.file.as_deref().map(is_there).transpose()?;
    let opener = opener(&wanted.opened_with)?;
    root::leave(home)?;
    let now = daemon::now();
    let folder =
        settings(home).map_or_else(|_unreadable| home.join("backups"), |config| config.backup.folder(home));
    let file = match (&wanted.file, &wanted.before) {
        (Some(file), _) => file.clone(),
        (None, before) => {
            let before = before.as_deref().map(|text| moment::parse(text, now)).transpose()?;
            let moment = before.unwrap_or(domain::Timestamp(u64::MAX));
            let found = backup::newest_before(&folder, moment).map_err(failed)?;
            found.map(|kept| kept.path).ok_or_else(|| Problem::Other {
                what: format!("find a backup from before then in {}", folder.display()),
                hint: Some("hardshell backup list".to_string()),
            })?
        }
    };
    if Client::of(home).is_there().await {
        return Err(Problem::Other {
            what: "restore while Hardshell runs on this home".to_string(),
            hint: Some("stop it first: Ctrl-C, or `systemctl stop hardshell`".to_string()),
        });
    }
    std::os::unix::fs::DirBuilderExt::mode(std::fs::DirBuilder::new().recursive(true), 0o700)
        .create(home)
        .map_err(|source| unwritten(home, source))?;
    backup::sweep(home).map_err(failed)?;
    let staging = backup::staging(home, now);
    stopping::watch()?;
    let begun = Unfinished::of(&staging);
    let restored = backup::restore(&file, &opener, &staging, &mut telling()).map_err(failed)?;
    show::note("");
    // What a journal names by now is not removed, whatever comes of it.
    let aside = match begun.placed_by(|| backup::put_in_place(home, now)) {
        Ok(aside) => aside,
        Err(error) => {
            // What a journal still names stays; the error that is told is the one that came first.
            let _ = backup::sweep(home);
            return Err(failed(error));
        }
    };
    let made = reports::moment(domain::Timestamp(restored.manifest.made), moment::utc_offset_minutes(now));
    let detail = format!(
        "the home is as it was at {made}, {} files; what stood there is in {}",
        restored.manifest.files.len(),
        aside.display()
    );
    BackupNote::new(BackupAct::Restored, &file, "", detail).keep(home).await?;
    let has_key = home.join("vault.key").exists();
    if common.json {
        show::json(
            &serde_json::json!({"home": home, "from": file, "made": restored.manifest.made, "set_aside": aside,
            "left_out": restored.manifest.left_out, "vault_key": has_key}),
        );
        return Ok(Exit::Done);
    }
    show::line(&format!(
        "{} is as it was at {made}: {} files.",
        home.display(),
        restored.manifest.files.len()
    ));
    show::line(&format!("What stood there is in {}.", aside.display()));
    for left in &restored.manifest.left_out {
        show::line(&show::printable(&format!("  did not come along: {left}")));
    }
    if !has_key && home.join("vault.db").exists() {
        show::line(&format!(
            "The vault needs its key: put the old machine's vault.key to {} (mode 0600). Without it, move vault.db away and set each secret anew with `hardshell secret set NAME --host HOST`.",
            home.join("vault.key").display()
        ));
    }
    show::note(
        "hint: `hardshell up`; every sign-in of before then is as it was, so `hardshell sign-in` anew after an incident",
    );
    Ok(Exit::Done)
}

fn list(common: &Common, home: &Path, folder: Option<&Path>) -> Result<Exit, Problem> {
    root::enter(home)?;
    let folder = match folder {
        Some(folder) => folder.to_path_buf(),
        None => settings(home)?.backup.folder(home),
    };
    let all = backup::list(&folder).map_err(failed)?;
    if common.json {
        let shown: Vec<_> = all
            .iter()
            .map(|kept| serde_json::json!({"file": kept.path, "made": kept.made.0, "bytes": kept.bytes}))
            .collect();
        show::json(&shown);
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        show::line(&format!("No backup in {}. `hardshell backup create` makes one.", folder.display()));
    }
    let offset = moment::utc_offset_minutes(daemon::now());
    for kept in all {
        show::line(&format!(
            "{}  {:>12}  {}",
            reports::moment(kept.made, offset),
            kept.bytes,
            kept.path.display()
        ));
    }
    Ok(Exit::Done)
}

/// Nobody types a passphrase for a file that is not there.
fn is_there(file: &Path) -> Result<(), Problem> {
    let why = match std::fs::metadata(file) {
        Ok(found) if found.is_file() => return Ok(()),
        Ok(_) => "it is no file".to_string(),
        Err(error) => error.to_string(),
    };
    Err(Problem::Other {
        what: format!("open the backup {}: {why}", file.display()),
        hint: Some("hardshell backup list".to_string()),
    })
}

fn opener(with: &OpenedWith) -> Result<Opener, Problem> {
    let Some(path) = &with.identity else {
        return Ok(Opener::with_passphrase(passphrase("the backup's passphrase")?));
    };
    use std::io::Read as _;
    let mut text = String::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|source| Problem::Io { step: format!("read the key file {}", path.display()), source })?;
    Opener::from_key_file(&text).map_err(failed)
}

fn passphrase(what: &str) -> Result<String, Problem> {
    let text = crate::hidden::secret(&format!("{what} (not shown): "))
        .map_err(|source| Problem::Io { step: format!("read {what}"), source })?;
    if text.is_empty() {
        return Err(Problem::Other {
            what: "use an empty passphrase".to_string(),
            hint: Some("type one at the prompt, or pipe it in".to_string()),
        });
    }
    Ok(text)
}

/// A passphrase that a backup may be locked with. Its length alone counts: whoever has the file can try as many as they
/// like, and rules about signs make none harder to guess than another word does.
fn long_enough(text: String) -> Result<String, Problem> {
    if text.chars().count() >= PASSPHRASE_CHARS_MIN {
        return Ok(text);
    }
    Err(Problem::Other {
        what: format!("use that passphrase: it has fewer than {PASSPHRASE_CHARS_MIN} characters"),
        hint: Some("a few words that nobody would guess together; or `hardshell backup key`".to_string()),
    })
}

/// Says how far it is, on one line of a terminal.
fn telling() -> impl FnMut(&Progress) {
    let shown = std::io::stderr().is_terminal();
    move |progress| {
        if shown && progress.files % 100 == 0 {
            eprint!("\r{} files, {} MB", progress.files, progress.bytes >> 20);
        }
    }
}

fn failed(error: backup::Error) -> Problem {
    let mut what = format!("do that with the backup: {error}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        what = format!("{what}: {cause}");
        source = cause.source();
    }
    Problem::Other { what, hint: error.hint() }
}
