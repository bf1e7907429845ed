//! What previews that are down keep on disk: bounded for all of them together. Who has been down
//! longest loses it first, and starts from its source again.

use jiff::Timestamp;

use super::{
    LifecycleError, Manager,
    error::size,
    handle::Handle,
    instance::{Command, Instance, State},
};
use crate::{
    engine::{Leftover, LeftoverKind},
    model::{Event, InstanceId},
    store::Intent,
};

/// What one of them keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    id: InstanceId,
    /// When it went down.
    since: Timestamp,
    bytes: u64,
}

/// Those that go, for the rest to keep `most` bytes at most.
fn beyond(mut kept: Vec<Kept>, most: u64) -> Vec<Kept> {
    kept.sort_by_key(|one| one.since);
    let mut held: u64 = kept.iter().map(|one| one.bytes).sum();
    let is_beyond = |one: &Kept| {
        let beyond = held > most;
        if beyond {
            held -= one.bytes;
        }
        beyond
    };
    let count = kept
        .iter()
        .map(is_beyond)
        .take_while(|beyond| *beyond)
        .count();
    kept.truncate(count);
    kept.retain(|one| one.bytes > 0);
    kept
}

impl Manager {
    /// Hold it below its bound until the agent stops: now, and whenever a preview went down.
    pub async fn bound_kept(&self) {
        let stopping = self.scope.token();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                done = self.let_all_go() => if let Err(error) = done {
                    tracing::warn!(%error, "what previews keep may be more than it should be");
                }
            }
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                () = self.house.went_down.notified() => {}
            }
        }
    }

    async fn let_all_go(&self) -> Result<(), LifecycleError> {
        self.let_go().await?;
        self.bound_images().await
    }

    async fn let_go(&self) -> Result<(), LifecycleError> {
        let most = self.house.settings.policy.most_kept_bytes;
        // To weigh volumes takes the engine a walk through all of them.
        if !self.lock().values().any(Handle::is_down) {
            return Ok(());
        }
        let kept = self.house.engine.leftovers().await?;
        let kept = kept.into_iter().filter_map(|leftover| self.kept(&leftover));
        for Kept { id, bytes, .. } in beyond(kept.collect(), most) {
            let mailbox = self.lock().get(&id).map(|handle| handle.mailbox.clone());
            if let Some(mailbox) = mailbox {
                let _ = mailbox.send(Command::LetGo { bytes }).await;
            }
        }
        Ok(())
    }

    fn kept(&self, leftover: &Leftover) -> Option<Kept> {
        let LeftoverKind::Home { id } = &leftover.kind else {
            return None;
        };
        let all = self.lock();
        let handle = all.get(id).filter(|handle| handle.is_down())?;
        let since = handle.view.borrow().phase.since();
        Some(Kept {
            id: id.clone(),
            since,
            bytes: leftover.bytes,
        })
    }
}

impl Instance {
    /// Remove what it keeps, unless somebody has begun to start it meanwhile.
    pub(super) async fn let_go(&mut self, bytes: u64) {
        if self.record.intent == Intent::Up || !matches!(self.state, State::Down) {
            return;
        }
        if let Err(error) = self.lose_home().await {
            tracing::warn!(instance = %self.record.id, %error, "it keeps what it has on disk");
            return;
        }
        let most = self.house.settings.policy.most_kept_bytes;
        self.journal.tell(Event::Warning {
            message: format!(
                "the {} it kept on disk were removed: previews that are down may keep {} together, and it was down longest",
                size(bytes),
                size(most)
            ),
            hint: Some(
                "the next `up` copies its files and installs anew; `most_kept_disk` in `config.toml` gives more"
                    .to_owned(),
            ),
        });
    }

    async fn lose_home(&mut self) -> Result<(), LifecycleError> {
        // What was installed goes with it, whatever comes between.
        self.record.install_key = None;
        self.save().await?;
        let volume = &self.record.home_volume;
        Ok(self.house.engine.remove_home(volume).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(all: &[(u8, i64, u64)]) -> Vec<Kept> {
        let one = |&(id, since, bytes): &(u8, i64, u64)| Kept {
            id: format!("00000000000{id}").parse().unwrap(),
            since: Timestamp::from_second(since).unwrap(),
            bytes,
        };
        all.iter().map(one).collect()
    }

    #[test]
    fn who_was_down_longest_goes_until_the_rest_fits() {
        let all = kept(&[(1, 30, 4), (2, 10, 3), (3, 20, 5)]);
        let gone = |most| -> Vec<u64> {
            let gone = beyond(all.clone(), most);
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
        let all = kept(&[(1, 10, 0), (2, 20, 5), (3, 30, 0)]);
        let gone = beyond(all, 0);
        assert_eq!(gone, kept(&[(2, 20, 5)]));
    }
}
