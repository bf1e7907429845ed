//! What is for all instances together and has to be looked after while any is up: what the engine
//! puts between them and the host, and what makes the next start quick.

use std::time::Duration;

use crate::{
    engine::{CutOff, EngineError, Owned},
    lifecycle::{
        LifecycleError, Manager,
        instance::{Command, Instance},
    },
    model::{Event, InstanceId},
    store::Intent,
};

/// Between two looks. Something that was taken away is back within twice that.
const PERIOD: Duration = Duration::from_secs(15);

impl Manager {
    /// Look after it until the agent stops: every so often while something is up, and whenever an
    /// instance says that now is a good time.
    pub async fn run_maintenance(&self) {
        let stopping = self.scope.token();
        let mut now = self.any_is_up();
        loop {
            if now {
                // To its end, though the agent may be stopping: the engine finishes what was asked
                // of it, and what it makes must be there to be taken away.
                self.maintain().await;
            }
            now = tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                () = self.maintenance_wake.notified() => true,
                () = tokio::time::sleep(PERIOD) => self.any_is_up(),
            };
        }
    }

    /// Remove containers that are labelled ours and recorded nowhere.
    pub async fn sweep(&self) -> Result<(), LifecycleError> {
        for owned in self.context.engine.list_owned().await? {
            let known = |id: &InstanceId| self.lock().contains_key(id);
            match owned {
                Owned::Container { id, .. } if !known(&id) => {
                    self.context.engine.remove(&id, Duration::ZERO).await?;
                }
                // A volume without a record is of one that cannot be read, and holds its work.
                Owned::Container { .. } | Owned::Home { .. } => {}
            }
        }
        Ok(())
    }

    fn any_is_up(&self) -> bool {
        let up = |intent| intent == Intent::Up;
        self.lock()
            .values()
            .any(|handle| up(handle.view.borrow().intent))
    }

    /// Nothing is to be done for an engine without a host of its own.
    async fn maintain(&self) {
        let Some(host) = self.context.engine.host() else {
            return;
        };
        match host.guard().await {
            Ok(cut_off) => {
                for CutOff { id, generation } in cut_off {
                    let mailbox = self.lock().get(&id).map(|handle| handle.mailbox.clone());
                    if let Some(mailbox) = mailbox {
                        // Full of other commands: the next look finds it again.
                        let _ = mailbox.try_send(Command::NetworkLost { generation });
                    }
                }
            }
            // The start that needs it has it built.
            Err(EngineError::NoImage { .. }) => {}
            Err(error) => tracing::warn!(%error, "previews may not be held"),
        }
    }
}

impl Instance {
    /// The container runs without its network: start it again with another.
    pub(in crate::lifecycle) async fn network_lost(&mut self, generation: u64) {
        if self.state.live().is_none() || self.record.generation != generation {
            return;
        }
        self.journal.emit(Event::Warning {
            message: "the preview lost its network and is started again".to_owned(),
            hint: None,
        });
        if let Err(error) = self.take_down(Duration::ZERO).await {
            tracing::warn!(instance = %self.record.id, %error, "leftovers stay");
        }
        self.make_again().await;
    }
}
