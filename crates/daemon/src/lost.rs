//! A home that was used, and whose database or vault is gone: it does not begin as if nothing had been.

use crate::config::Config;
use crate::keys::{Ask, KeyKind};
use crate::start_error::StartError;
use audit::{Entry, Event, Kind, Log, ProofState, Subject};
use audit_query::{Filter, Order};
use domain::{Principal, Timestamp};
use std::path::{Path, PathBuf};
use store::Store;
use vault::Vault;

/// The control that is on record when an owner began anew.
const CONTROL: &str = "home.whole";
/// The file that the vault is in.
const VAULT: &str = "vault.db";
/// What is on record only of a house that had its database: it is made before any of these.
const USED: [Kind; 8] = [
    Kind::Intent,
    Kind::Outcome,
    Kind::Refusal,
    Kind::Question,
    Kind::Answer,
    Kind::Inbound,
    Kind::SignIn,
    Kind::Proof,
];

/// Whether a house goes on from what its home remembers, or an owner said that it begins without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// It goes on; where what it must remember is gone, it does not start.
    #[default]
    GoingOn,
    /// It begins without what is gone.
    Anew,
}

/// What a used home lacks.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is missing or empty, but this home is not new: its audit log has {records} records since {since}", path.display())]
pub struct Lost {
    path: PathBuf,
    records: u64,
    since: String,
    /// The newest backup, and when it was made.
    backup: Option<(PathBuf, String)>,
    backups: PathBuf,
}

impl Lost {
    /// What `path` being gone means for the home at `root`; none where its log does not know it as used.
    fn of(root: &Path, config: &Config, path: PathBuf) -> Result<Option<Box<Self>>, audit::Error> {
        let log = root.join("audit");
        let used = Filter { kinds: USED.to_vec(), ..Filter::default() };
        if !log.is_dir() || audit_query::query(&log, &used, 1)?.records.is_empty() {
            return Ok(None);
        }
        let oldest = Filter { order: Order::OldestFirst, ..Filter::default() };
        let first = audit_query::query(&log, &oldest, 1)?.records.into_iter().next();
        let last = audit_query::query(&log, &Filter::default(), 1)?.records.into_iter().next();
        let backups = config.backup.folder(root);
        // A folder that cannot be read has none to offer.
        let newest = backup::list(&backups).ok().and_then(|all| all.into_iter().next_back());
        Ok(Some(Box::new(Self {
            path,
            records: last.map_or(0, |record| record.seq().0),
            since: first.map_or_else(String::new, |record| moment(record.time())),
            backup: newest.map(|kept| (kept.path, moment(kept.made))),
            backups,
        })))
    }

    /// What is gone.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The commands that help.
    #[must_use]
    pub fn hint(&self) -> String {
        let back = match &self.backup {
            Some((path, made)) => format!(
                "`hardshell backup restore '{}' --identity FILE` brings back the home as it was at {made}, `hardshell backup list` shows all",
                path.display()
            ),
            None => format!(
                "no backup is in {}; `hardshell backup list --folder DIR` looks elsewhere, `hardshell backup restore FILE` brings one back",
                self.backups.display()
            ),
        };
        format!("{back}; {ANEW}")
    }
}

/// The one way on without what is gone.
pub(crate) const ANEW: &str = "`hardshell up --begin-anew` begins without what is gone, on record";

/// Opens the store of the home at `root`, whose log is `log`.
pub(crate) fn open_store(
    root: &Path,
    config: &Config,
    now: Timestamp,
    begin: Begin,
) -> Result<(Store, Option<PathBuf>), StartError> {
    match Store::open_used(root, now) {
        Ok((store, _)) => Ok((store, None)),
        Err(store::Error::Empty { path }) => match (begin, Lost::of(root, config, path.clone())?) {
            (_, None) => Ok((Store::open(root, now)?.0, None)),
            (Begin::Anew, Some(_)) => Ok((Store::begin_anew(root, now)?, Some(path))),
            (Begin::GoingOn, Some(lost)) => Err(StartError::Lost(lost)),
        },
        Err(store::Error::Missing { path, .. }) if begin == Begin::Anew => {
            Ok((Store::begin_anew(root, now)?, Some(path)))
        }
        Err(error) => Err(error.into()),
    }
}

impl Config {
    /// Opens the vault of the home at `root`, making it at the first start and for an owner who begins anew.
    ///
    /// # Errors
    ///
    /// [`StartError::Lost`] when the home was used and its vault is gone while its key stands; [`StartError::Vault`],
    /// [`StartError::VaultKey`], [`StartError::Audit`]: nothing is changed then.
    pub fn open_vault(&self, root: &Path, ask: Ask, begin: Begin) -> Result<Vault, StartError> {
        if begin == Begin::GoingOn
            && let Some(lost) = self.lost_vault(root)?
        {
            return Err(StartError::Lost(lost));
        }
        self.vault.open(root, ask)
    }

    /// What is told of the vault of a used home that is gone.
    pub(crate) fn lost_vault(&self, root: &Path) -> Result<Option<Box<Lost>>, audit::Error> {
        let path = root.join(VAULT);
        // Without its key an owner has put the vault away to begin it anew: nothing in it could be read.
        let has_key = self.vault.key != KeyKind::File || root.join("vault.key").exists();
        if path.exists() || !has_key { Ok(None) } else { Lost::of(root, self, path) }
    }
}

/// Puts on record that the owner began without what is gone.
pub(crate) async fn note_anew(log: &Log, gone: &[PathBuf], now: Timestamp) -> Result<(), audit::Error> {
    for path in gone {
        let detail = format!(
            "`{}` was missing or empty, and the owner began anew without it (`up --begin-anew`)",
            path.display()
        );
        let event = Event::Proof { name: CONTROL.to_string(), state: ProofState::Failed, detail };
        let subject = Subject { principal: Some(Principal::house()), ..Subject::default() };
        log.note(Entry { subject, event }, now).await?;
    }
    Ok(())
}

fn moment(at: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::system();
    let shown = i64::try_from(at.0).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    shown.map_or_else(String::new, |at| at.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string())
}
