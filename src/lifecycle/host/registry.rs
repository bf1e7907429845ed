//! Whether a registry of images answers the engine: asked once, and remembered for a while.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::{
    engine::Engine,
    lifecycle::LifecycleError,
    project::images::Registry,
    store::{RegistrySeen, Store},
};

/// How long an answer counts. Who has no network now may have one soon.
const ANSWERED: SignedDuration = SignedDuration::from_hours(24);
const SILENT: SignedDuration = SignedDuration::from_hours(1);

pub struct RegistryWatch {
    engine: Arc<dyn Engine>,
    store: Arc<Store>,
    /// Held while the engine asks, so that it is asked once.
    seen: Mutex<Option<RegistrySeen>>,
}

impl RegistryWatch {
    pub fn new(engine: Arc<dyn Engine>, store: Arc<Store>) -> Self {
        Self {
            engine,
            store,
            seen: Mutex::default(),
        }
    }

    /// What is remembered; nothing is asked.
    pub async fn remembered(&self) -> Option<Registry> {
        let mut seen = self.seen.lock().await;
        self.recall(&mut seen).await
    }

    /// What is remembered, or what the engine finds out now.
    pub async fn check(&self) -> Result<Registry, LifecycleError> {
        let mut seen = self.seen.lock().await;
        if let Some(known) = self.recall(&mut seen).await {
            return Ok(known);
        }
        let answers = self.engine.registry_answers().await?;
        Ok(self.note(&mut seen, answers).await)
    }

    async fn recall(&self, seen: &mut Option<RegistrySeen>) -> Option<Registry> {
        if seen.is_none() {
            let kept = self.store.run(Store::registry_seen).await;
            *seen = kept.ok().flatten();
        }
        seen.as_ref().and_then(|seen| holds(seen, Timestamp::now()))
    }

    async fn note(&self, seen: &mut Option<RegistrySeen>, answers: bool) -> Registry {
        let now = RegistrySeen {
            at: Timestamp::now(),
            answers,
        };
        let kept = now.clone();
        let saved = self.store.run(move |store| store.save_registry_seen(&kept));
        if let Err(error) = saved.await {
            tracing::debug!(%error, "whether a registry answers is asked again by the next agent");
        }
        let registry = registry_of(&now);
        *seen = Some(now);
        registry
    }
}

fn registry_of(seen: &RegistrySeen) -> Registry {
    if seen.answers {
        Registry::Answers
    } else {
        Registry::Silent
    }
}

/// What was seen, unless that is too long ago or yet to come.
fn holds(seen: &RegistrySeen, now: Timestamp) -> Option<Registry> {
    let age = now.duration_since(seen.at);
    let limit = if seen.answers { ANSWERED } else { SILENT };
    (!age.is_negative() && age < limit).then(|| registry_of(seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_forgotten_sooner_than_an_answer() {
        let seen = |answers| RegistrySeen {
            at: Timestamp::from_second(1_000_000).unwrap(),
            answers,
        };
        let after = |seconds: i64| Timestamp::from_second(1_000_000 + seconds).unwrap();
        assert_eq!(holds(&seen(false), after(3599)), Some(Registry::Silent));
        assert_eq!(holds(&seen(false), after(3600)), None);
        assert_eq!(holds(&seen(true), after(3600)), Some(Registry::Answers));
        assert_eq!(holds(&seen(true), after(24 * 3600)), None);
        assert_eq!(holds(&seen(true), after(-1)), None);
    }
}
