//! Finding and removing what no instance needs any more.

use std::collections::BTreeSet;

use crate::{
    engine::{EngineError, Leftover, LeftoverKind},
    lifecycle::{LifecycleError, Manager},
    model::{ImageRef, InstanceId},
    store::Store,
};

/// One thing that can go, or has gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PruneItem {
    Engine(Leftover),
    /// The files of a project's rows, by the instance they were mirrored for.
    Mirror {
        id: InstanceId,
        bytes: u64,
    },
    /// A base image that nothing has used for long.
    BaseImage {
        tag: ImageRef,
        bytes: u64,
    },
    /// The agent's log before this one.
    Log {
        path: String,
        bytes: u64,
    },
}

impl Manager {
    /// What nothing needs: with `remove`, what of it is gone now.
    pub async fn prune(&self, remove: bool) -> Result<Vec<PruneItem>, LifecycleError> {
        let known = self.known().await?;
        let mut found: Vec<PruneItem> = Vec::new();
        let leftovers = match self.context.engine.host() {
            Some(host) => host.leftovers().await?,
            None => Vec::new(),
        };
        for leftover in leftovers {
            let needed = matches!(&leftover.kind, LeftoverKind::Home { id } if known.contains(id));
            if !needed {
                found.push(PruneItem::Engine(leftover));
            }
        }
        let unused = self.context.images.unused().await?;
        found.extend(unused.into_iter().map(|held| PruneItem::BaseImage {
            tag: held.tag,
            bytes: held.bytes,
        }));
        let kept = known.clone();
        let listed = self.context.store.run(move |store| {
            let mut mirrors = store.mirrors()?;
            mirrors.retain(|(id, _)| !kept.contains(id));
            Ok((mirrors, store.old_logs()))
        });
        let (mirrors, logs) = listed.await?;
        found.extend(
            mirrors
                .into_iter()
                .map(|(id, bytes)| PruneItem::Mirror { id, bytes }),
        );
        found.extend(
            logs.into_iter()
                .map(|(path, bytes)| PruneItem::Log { path, bytes }),
        );
        if !remove {
            return Ok(found);
        }
        let mut gone = Vec::new();
        for waste in found {
            if self.remove_item(&waste).await? {
                gone.push(waste);
            }
        }
        Ok(gone)
    }

    /// Every instance that is, or whose record is there and cannot be read: it may be repaired.
    async fn known(&self) -> Result<BTreeSet<InstanceId>, LifecycleError> {
        let recorded = self.context.store.run(Store::recorded).await?;
        let mut known: BTreeSet<InstanceId> = self.lock().keys().cloned().collect();
        known.extend(recorded);
        Ok(known)
    }

    async fn remove_item(&self, waste: &PruneItem) -> Result<bool, LifecycleError> {
        let id = match waste {
            PruneItem::Engine(Leftover {
                kind: LeftoverKind::Home { id },
                ..
            })
            | PruneItem::Mirror { id, .. } => Some(id),
            _ => None,
        };
        // Somebody may have begun to start it since it was found.
        if id.is_some_and(|id| self.lock().contains_key(id)) {
            return Ok(false);
        }
        match waste {
            PruneItem::Engine(leftover) => {
                let Some(host) = self.context.engine.host() else {
                    return Ok(false);
                };
                match host.remove_leftover(leftover).await {
                    Ok(()) => Ok(true),
                    Err(EngineError::Refused { status: 409, .. }) => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
            PruneItem::Mirror { id, .. } => {
                let id = id.clone();
                let removed = self
                    .context
                    .store
                    .run(move |store| store.remove_mirror(&id));
                removed.await?;
                Ok(true)
            }
            PruneItem::BaseImage { tag, .. } => self.context.images.drop_image(tag).await,
            PruneItem::Log { path, .. } => Ok(std::fs::remove_file(path).is_ok()),
        }
    }
}
