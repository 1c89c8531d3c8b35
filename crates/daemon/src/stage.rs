//! Attacks that are watched from the page: one at a time, each in a house of its own.

use crate::up::Theatre;
use gateway::{HouseError, wire};
use std::time::Duration;

/// When it is worth asking again while another attack plays.
const PLAYING_RETRY: Duration = Duration::from_secs(5);

/// Where attacks are played.
pub(crate) struct Stage {
    theatre: Option<Theatre>,
    playing: tokio::sync::Mutex<()>,
}

impl Stage {
    pub(crate) fn of(theatre: Option<Theatre>) -> Self {
        Self { theatre, playing: tokio::sync::Mutex::new(()) }
    }

    pub(crate) async fn play(&self, new: wire::NewDemo) -> Result<wire::Demo, HouseError> {
        let Some(theatre) = &self.theatre else {
            return Err(HouseError::NotReady { why: "attacks are played by `hardshell demo`".to_string() });
        };
        let _alone = self.playing.try_lock().map_err(|_playing| HouseError::Busy {
            why: "an attack is being played already".to_string(),
            retry_after: PLAYING_RETRY,
        })?;
        theatre(new).await
    }
}
