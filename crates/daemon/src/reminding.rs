//! Reminds the owner of secrets that are due: a message in a session of the house's own, through the door like every
//! other. It comes when a secret becomes due, and again when it still is after a month; never once more for a restart.

use crate::lockdown::Switch;
use broker::{Broker, Cancel, Speaker};
use domain::{Channel, Inbound, Principal, Sender, SessionId, TaskId, TaskState, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use vault::{Entry, Vault, Warning};

/// How often it is looked what is due.
const EVERY: Duration = Duration::from_secs(3600);
/// A secret that is still due after so many days is told again.
const AGAIN_DAYS: u64 = 30;
/// How many secrets a message names; the rest is counted.
const NAMED_MAX: usize = 20;
/// The session of the house's own.
const SESSION: &str = "s-house-reminders";

/// What reminders are made of.
pub(crate) struct Reminding {
    pub(crate) vault: Arc<Vault>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) draw: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) switch: Switch,
}

/// A reminder that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reminder {
    /// The same for the same secrets in the same month: told once.
    id: String,
    text: String,
}

impl Reminding {
    /// For as long as the house stands.
    pub(crate) async fn keep(self) {
        loop {
            if !self.switch.is_on()
                && let Err(error) = self.remind(crate::now()).await
            {
                tracing::error!("could not remind of secrets that are due: {}", crate::chain(error.as_ref()));
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn remind(&self, now: Timestamp) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Some(reminder) = reminder(&self.vault.list()?, now) else { return Ok(()) };
        let session: SessionId = SESSION.parse()?;
        let inbound = Inbound {
            id: reminder.id.parse()?,
            session: session.clone(),
            sender: Sender { channel: Channel::Clock, account: "reminders".to_string() },
            principal: Principal::house(),
            text: "Secrets that are due".to_string(),
            quoted: None,
            received: now,
        };
        let task: TaskId = format!("t-{}", (self.draw)()).parse()?;
        let taken = self.broker.deliver(inbound, task).await?;
        if !taken.fresh {
            return Ok(());
        }
        let who =
            Speaker { session, task: taken.task, principal: Principal::house(), channel: Channel::Clock };
        self.broker.begin_task(&who).await?;
        match self.broker.reply(&who, 0, reminder.text, &Cancel::new()).await? {
            broker::Went::On { .. } => {}
            broker::Went::Stuck { why } => self.broker.end_task(&who, TaskState::Failed, &why).await?,
            broker::Went::Waiting { .. } | broker::Went::Stopped => {}
        }
        Ok(())
    }
}

/// What is to be told of `entries`; nothing when none is due.
fn reminder(entries: &[Entry], now: Timestamp) -> Option<Reminder> {
    let mut told = Vec::new();
    let mut id = blake3::Hasher::new();
    for entry in entries {
        let due = entry.warnings(now).into_iter().find_map(|warning| match warning {
            Warning::Old { days } => {
                Some(("old", days.checked_div(AGAIN_DAYS), format!("is {days} days old")))
            }
            Warning::ExpiresSoon { days } => Some(("expires", None, format!("expires in {days} day(s)"))),
            Warning::Expired => {
                let since = entry.about.expires.map(|then| now.since(then).as_secs() / 86_400);
                let months = since.and_then(|days| days.checked_div(AGAIN_DAYS));
                Some(("expired", months, "has expired, and is not lent any more".to_string()))
            }
            // Whoever began to replace it knows.
            Warning::Staged => None,
        });
        let Some((kind, months, what)) = due else { continue };
        // A new value is another secret.
        let since = entry.rotated.unwrap_or(entry.created).0;
        id.update(format!("{} {since} {kind} {months:?}\n", entry.name).as_bytes());
        told.push(format!("- `{}` {what}: `hardshell secret rotate {}`", entry.name, entry.name));
    }
    if told.is_empty() {
        return None;
    }
    let more = told.len().saturating_sub(NAMED_MAX);
    told.truncate(NAMED_MAX);
    if more > 0 {
        told.push(format!("- and {more} more: `hardshell secret list`"));
    }
    let text = format!(
        "It is time to replace what is older than 90 days or about to expire:\n\n{}\n\nEach stays in use until a call proves the new one.",
        told.join("\n")
    );
    let id = id.finalize().to_hex().as_str().chars().take(32).collect::<String>();
    Some(Reminder { id: format!("due-{id}"), text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vault::{About, SecretRef};

    const START: Timestamp = Timestamp(1_800_000_000_000);

    fn day(count: u64) -> Timestamp {
        START.after(Duration::from_secs(count * 86_400))
    }

    fn entry(name: &str, created: u64, expires: Option<u64>) -> Entry {
        Entry {
            name: name.parse().unwrap(),
            kept_in: SecretRef::Vault(name.parse().unwrap()),
            about: About { expires: expires.map(day), ..About::default() },
            created: day(created),
            rotated: None,
            staged: false,
            used: None,
            used_by: None,
        }
    }

    #[test]
    fn a_secret_is_told_of_when_it_becomes_due_and_again_after_a_month() {
        let one = [entry("wiki", 0, None)];
        assert_eq!(reminder(&one, day(89)), None);
        let first = reminder(&one, day(90)).unwrap();
        assert!(first.text.contains("`wiki` is 90 days old: `hardshell secret rotate wiki`"), "{first:?}");
        let id = |entries: &[Entry], at| reminder(entries, day(at)).map(|reminder| reminder.id);
        assert_eq!(id(&one, 119), Some(first.id.clone()), "the same month");
        assert_ne!(id(&one, 120), Some(first.id.clone()), "still due a month later");
        let two = [entry("mail", 5, None), entry("wiki", 0, None)];
        assert_eq!(id(&two, 94), Some(first.id.clone()), "the other is not due");
        assert_ne!(id(&two, 95), Some(first.id));
    }

    #[test]
    fn what_is_about_to_expire_is_told_of_once_and_what_has_expired_again() {
        let one = [entry("brief", 0, Some(20))];
        let id = |at| reminder(&one, day(at)).map(|reminder| reminder.id);
        assert_eq!(id(5), None);
        assert!(id(6).is_some());
        assert_eq!(id(6), id(19));
        assert_ne!(id(19), id(21));
        assert_eq!(id(21), id(49));
        let many: Vec<Entry> = (0..30).map(|number| entry(&format!("key-{number}"), 0, None)).collect();
        let text = reminder(&many, day(90)).unwrap().text;
        assert!(text.contains("and 10 more") && text.lines().count() < 30, "{text}");
    }
}
