//! A home in a temporary folder, and rows to put into it.

use domain::{Channel, Inbound, Label, Principal, Sender, SessionId, TaskId, Timestamp};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use store::{Opened, Session, Store};

/// A moment to start from.
pub const NOW: Timestamp = Timestamp(1_760_000_000_000);

pub struct House {
    pub temporary: tempfile::TempDir,
}

impl House {
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        std::fs::set_permissions(temporary.path(), Permissions::from_mode(0o700)).unwrap();
        Self { temporary }
    }

    pub fn home(&self) -> &Path {
        self.temporary.path()
    }

    pub fn open(&self) -> (Store, Opened) {
        Store::open(self.home(), NOW).unwrap()
    }
}

pub fn session(id: &str) -> Session {
    Session {
        id: id.parse().unwrap(),
        title: format!("about {id}"),
        created: NOW,
        active: NOW,
        channel: Channel::Web,
        principal: Principal::owner(),
        label: Label::nothing(),
        revoked: None,
        ceiling: None,
    }
}

pub fn inbound(session: &SessionId, id: &str) -> Inbound {
    Inbound {
        id: id.parse().unwrap(),
        session: session.clone(),
        sender: Sender { channel: Channel::Web, account: "owner".into() },
        principal: Principal::owner(),
        text: format!("hello {id}"),
        quoted: Some("quoted".into()),
        received: NOW,
    }
}

pub fn task(id: &str) -> TaskId {
    id.parse().unwrap()
}
