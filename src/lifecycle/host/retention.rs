//! What previews that are down keep on disk: bounded for all of them together. Who has been down
//! longest loses it first, and starts from its source again.

use jiff::Timestamp;

use super::limit::over_limit;
use crate::{
    engine::{Leftover, LeftoverKind},
    lifecycle::{
        LifecycleError, Manager,
        instance::{Command, Instance},
        manager::handle::Handle,
    },
    model::{Event, InstanceId, Size},
    store::Intent,
};

/// What one of them keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RetainedHome {
    id: InstanceId,
    /// When it went down.
    since: Timestamp,
    bytes: u64,
}

/// Those that go, for the rest to keep `most` bytes at most.
fn going(mut retained: Vec<RetainedHome>, most: u64) -> Vec<RetainedHome> {
    retained.sort_by_key(|one| one.since);
    let mut going = over_limit(retained, most, |one| one.bytes);
    going.retain(|one| one.bytes > 0);
    going
}

impl Manager {
    /// Hold it below its bound until the agent stops: now, and whenever a preview went down.
    pub async fn run_retention(&self) {
        let stopping = self.scope.token();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                done = self.run_once() => if let Err(error) = done {
                    tracing::warn!(%error, "what previews keep may be more than it should be");
                }
            }
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                () = self.context.went_down.notified() => {}
            }
        }
    }

    async fn run_once(&self) -> Result<(), LifecycleError> {
        self.discard_retained().await?;
        self.enforce_image_limit().await
    }

    async fn discard_retained(&self) -> Result<(), LifecycleError> {
        let most = self.context.settings.policy.most_kept_bytes;
        // What an engine without a host keeps is not on a disk that others share.
        let Some(host) = self.context.engine.host() else {
            return Ok(());
        };
        // To weigh volumes takes the engine a walk through all of them.
        if !self
            .lock()
            .values()
            .any(|handle| handle.down_since().is_some())
        {
            return Ok(());
        }
        let retained = host.leftovers().await?;
        let retained = retained
            .into_iter()
            .filter_map(|leftover| self.retained(&leftover));
        for RetainedHome { id, bytes, .. } in going(retained.collect(), most) {
            let mailbox = self.lock().get(&id).map(|handle| handle.mailbox.clone());
            if let Some(mailbox) = mailbox {
                let _ = mailbox.send(Command::DiscardRetained { bytes }).await;
            }
        }
        Ok(())
    }

    fn retained(&self, leftover: &Leftover) -> Option<RetainedHome> {
        let LeftoverKind::Home { id } = &leftover.kind else {
            return None;
        };
        let since = self.lock().get(id).and_then(Handle::down_since)?;
        Some(RetainedHome {
            id: id.clone(),
            since,
            bytes: leftover.bytes,
        })
    }
}

impl Instance {
    /// Remove what it keeps, unless somebody has begun to start it meanwhile.
    pub(in crate::lifecycle) async fn discard_retained(&mut self, bytes: u64) {
        if self.record.intent == Intent::Up || self.state.live().is_some() {
            return;
        }
        if let Err(error) = self.remove_home().await {
            tracing::warn!(instance = %self.record.id, %error, "it keeps what it has on disk");
            return;
        }
        let most = self.context.settings.policy.most_kept_bytes;
        self.journal.emit(Event::Warning {
            message: format!(
                "the {} it kept on disk were removed: previews that are down may keep {} together, and it was down longest",
                Size(bytes),
                Size(most)
            ),
            hint: Some(
                "the next `up` copies its files and installs anew; `most_kept_disk` in `config.toml` gives more"
                    .to_owned(),
            ),
        });
    }

    async fn remove_home(&mut self) -> Result<(), LifecycleError> {
        // What was installed goes with it, whatever comes between.
        self.record.install_key = None;
        self.save().await?;
        let volume = &self.record.home_volume;
        Ok(self.context.engine.remove_home(volume).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retained(all: &[(u8, i64, u64)]) -> Vec<RetainedHome> {
        let one = |&(id, since, bytes): &(u8, i64, u64)| RetainedHome {
            id: format!("00000000000{id}").parse().unwrap(),
            since: Timestamp::from_second(since).unwrap(),
            bytes,
        };
        all.iter().map(one).collect()
    }

    #[test]
    fn who_was_down_longest_goes_until_the_rest_fits() {
        let all = retained(&[(1, 30, 4), (2, 10, 3), (3, 20, 5)]);
        let gone = |most| -> Vec<u64> {
            let gone = going(all.clone(), most);
            gone.iter().map(|one| one.bytes).collect()
        };
        assert_eq!(gone(12), [0; 0]);
        assert_eq!(gone(11), [3]);
        assert_eq!(gone(9), [3]);
        assert_eq!(gone(8), [3, 5]);
        assert_eq!(gone(3), [3, 5, 4]);
    }

    #[test]
    fn who_keeps_nothing_has_nothing_to_lose() {
        let all = retained(&[(1, 10, 0), (2, 20, 5), (3, 30, 0)]);
        let gone = going(all, 0);
        assert_eq!(gone, retained(&[(2, 20, 5)]));
    }
}
