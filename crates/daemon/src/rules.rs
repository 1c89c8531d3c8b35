//! The rules of a home: what its configuration says and the owner's own files, which only a signature lets permit.

use crate::config::{self, Config};
use crate::start_error::StartError;
use ed25519_dalek::{Signer as _, SigningKey};
use policy::{Places, Policy, RuleFile, signed_bytes};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The folder of the owner's rules, below the home.
pub const FOLDER: &str = "policy";
/// The public half of the owner's key, in that folder; the only signer whose files may permit.
const PUBLIC_KEY: &str = "owner.pub";
/// Where the private half is kept unless the owner keeps it elsewhere: in the home, out of every action's reach.
const PRIVATE_KEY: &str = "policy.key";
/// How a signature's file ends, after the whole name of the file that it is for.
const SIGNATURE: &str = "sig";
/// The longest rule file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The policy of the home at `root`; where there is no configuration, the one of a first home.
///
/// # Errors
///
/// [`StartError`]: a configuration, a rule file or a signature that cannot be used.
pub fn policy_of(root: &Path) -> Result<Policy, StartError> {
    let path = root.join(config::FILE);
    let config = if path.exists() { Config::load(&path)? } else { Config::default() };
    load_policy(root, &config)
}

/// The policy of the home at `root` under `config`.
///
/// # Errors
///
/// [`StartError`]: a rule file or a signature that cannot be used.
pub fn load_policy(root: &Path, config: &Config) -> Result<Policy, StartError> {
    let folder = root.join(FOLDER);
    let signer = public_key(&folder)?;
    Ok(Policy::load(&config.policy(), &rule_files(&folder)?, &places(root), signer.as_ref())?)
}

/// Tries to put `file` in force: beside the owner's own files under the owner's key, or alone under `signer`.
pub(crate) fn with_canary(
    root: &Path,
    settings: &policy::Settings,
    file: RuleFile,
    signer: Option<[u8; 32]>,
) -> Result<(), policy::Error> {
    let folder = root.join(FOLDER);
    let own = public_key(&folder).ok().flatten();
    let mut files = if signer.is_some() { Vec::new() } else { rule_files(&folder).unwrap_or_default() };
    files.push(file);
    Policy::load(settings, &files, &places(root), signer.or(own).as_ref()).map(drop)
}

/// Where things are for the policy of the home at `root`.
pub(crate) fn places(root: &Path) -> Places {
    Places {
        home: root.to_path_buf(),
        workspace: root.join("workspace"),
        owner_home: crate::home::own_folder().unwrap_or_else(|| root.to_path_buf()),
        programs: std::env::current_exe().into_iter().collect(),
    }
}

/// Signs the file called `name` in the home's folder of rules with the owner's key, made if this is the first time, and
/// says where the signature is.
///
/// # Errors
///
/// [`StartError::Rules`] when the file or the key cannot be read or written, [`StartError::Key`] when the key is none or
/// is not the one that this home knows.
pub fn sign(root: &Path, name: &str, key: Option<&Path>) -> Result<PathBuf, StartError> {
    let folder = root.join(FOLDER);
    let file = folder.join(name);
    let text = read(&file)?;
    let path = key.map_or_else(|| root.join(PRIVATE_KEY), Path::to_path_buf);
    let key = signing_key(&path)?;
    let public = hex(key.verifying_key().as_bytes());
    match public_key(&folder)? {
        Some(known) if hex(&known) != public => {
            return Err(StartError::Key {
                why: format!("{} is not the key that this home's rules are signed with", path.display()),
            });
        }
        Some(_) => {}
        None => write_new(&folder.join(PUBLIC_KEY), &public)?,
    }
    let signature = signature_of(&file);
    let signed = hex(&key.sign(&signed_bytes(name, &text)).to_bytes());
    match fs::remove_file(&signature) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unreadable(&signature)(error)),
        Ok(()) | Err(_) => {}
    }
    write_new(&signature, &signed)?;
    Ok(signature)
}

pub(crate) fn rule_files(folder: &Path) -> Result<Vec<RuleFile>, StartError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(unreadable(folder))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "cedar") {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let beside = signature_of(&path);
            let signature = if beside.exists() {
                let bad = || policy::Error::BadSignature { file: name.clone() };
                Some(unhex::<64>(&read(&beside)?).ok_or_else(bad)?)
            } else {
                None
            };
            files.push(RuleFile { name, text: read(&path)?, signature });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

pub(crate) fn public_key(folder: &Path) -> Result<Option<[u8; 32]>, StartError> {
    let path = folder.join(PUBLIC_KEY);
    if !path.exists() {
        return Ok(None);
    }
    let bad = || StartError::Key { why: format!("{} holds no public key", path.display()) };
    unhex(&read(&path)?).map(Some).ok_or_else(bad)
}

fn signing_key(path: &Path) -> Result<SigningKey, StartError> {
    if !path.exists() {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(StartError::Random)?;
        write_new(path, &hex(&seed))?;
    }
    let bad = || StartError::Key { why: format!("{} holds no private key", path.display()) };
    Ok(SigningKey::from_bytes(&unhex(&read(path)?).ok_or_else(bad)?))
}

fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_os_string();
    name.push(".");
    name.push(SIGNATURE);
    PathBuf::from(name)
}

fn read(path: &Path) -> Result<String, StartError> {
    let size = fs::metadata(path).map_err(unreadable(path))?.len();
    if size > FILE_BYTES_MAX {
        let long = io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{size} bytes, at most {FILE_BYTES_MAX} are read"),
        );
        return Err(unreadable(path)(long));
    }
    fs::read_to_string(path).map_err(unreadable(path))
}

fn write_new(path: &Path, text: &str) -> Result<(), StartError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| writeln!(file, "{text}").and_then(|()| file.sync_all()))
        .map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> StartError + use<> {
    let path = path.to_path_buf();
    move |source| StartError::Rules { path: path.clone(), source }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let text = text.trim();
    if text.len() != BYTES.checked_mul(2)? || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0_u8; BYTES];
    for (place, byte) in bytes.iter_mut().enumerate() {
        let at = place.checked_mul(2)?;
        *byte = u8::from_str_radix(text.get(at..at.checked_add(2)?)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERMIT: &str = r#"
@id("own.members-read")
@why("my family may read pages")
permit (principal in Role::"member", action == Action::"fetch", resource == Tool::"web.fetch");
"#;

    fn home_with(text: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(FOLDER)).unwrap();
        fs::write(home.path().join("policy/own.cedar"), text).unwrap();
        home
    }

    #[test]
    fn a_permission_is_in_force_only_while_its_signature_fits() {
        let home = home_with(PERMIT);
        let unsigned = policy_of(home.path()).unwrap_err();
        assert!(matches!(&unsigned, StartError::Policy(policy::Error::Unsigned { .. })), "{unsigned}");
        assert_eq!(unsigned.hint().unwrap(), "hardshell policy sign own.cedar");
        sign(home.path(), "own.cedar", None).unwrap();
        let signed = policy_of(home.path()).unwrap();
        assert!(signed.rules_in_force().iter().any(|rule| rule.id == "own.members-read"));
        fs::write(home.path().join("policy/own.cedar"), PERMIT.replace("member", "guest")).unwrap();
        let changed = policy_of(home.path()).unwrap_err();
        assert!(matches!(changed, StartError::Policy(policy::Error::BadSignature { .. })), "{changed}");
        sign(home.path(), "own.cedar", None).unwrap();
        policy_of(home.path()).unwrap();
        fs::rename(home.path().join("policy/own.cedar"), home.path().join("policy/other.cedar")).unwrap();
        fs::rename(home.path().join("policy/own.cedar.sig"), home.path().join("policy/other.cedar.sig"))
            .unwrap();
        let renamed = policy_of(home.path()).unwrap_err();
        assert!(matches!(renamed, StartError::Policy(policy::Error::BadSignature { .. })), "{renamed}");
    }

    #[test]
    fn another_key_signs_nothing_here() {
        let home = home_with(PERMIT);
        sign(home.path(), "own.cedar", None).unwrap();
        let elsewhere = home.path().join("another.key");
        let error = sign(home.path(), "own.cedar", Some(&elsewhere)).unwrap_err();
        assert!(matches!(error, StartError::Key { .. }), "{error}");
        fs::write(&elsewhere, "no key").unwrap();
        assert!(matches!(sign(home.path(), "own.cedar", Some(&elsewhere)), Err(StartError::Key { .. })));
        assert!(matches!(sign(home.path(), "none.cedar", None), Err(StartError::Rules { .. })));
    }

    #[test]
    fn keys_and_signatures_are_private_and_a_broken_one_stops_the_start() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = home_with(PERMIT);
        sign(home.path(), "own.cedar", None).unwrap();
        for file in ["policy.key", "policy/owner.pub", "policy/own.cedar.sig"] {
            let mode = fs::metadata(home.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        fs::write(home.path().join("policy/own.cedar.sig"), "é".repeat(64)).unwrap();
        assert!(matches!(
            policy_of(home.path()),
            Err(StartError::Policy(policy::Error::BadSignature { .. }))
        ));
        fs::write(home.path().join("policy/owner.pub"), "short").unwrap();
        assert!(matches!(policy_of(home.path()), Err(StartError::Key { .. })));
    }
}
