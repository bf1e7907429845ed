//! What instances hold on disk, watched: the engine's volumes have no limit of their own.
//!
//! An app can write past its limit for as long as nobody looks, so the next look comes when a fast
//! disk could have filled the rest, and [`LONGEST`] after the last at the latest.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};

use super::{Instance, events::journal::Journal};
use crate::{
    engine::link::{DiskUse, Link},
    lifecycle::LifecycleError,
    model::{Event, InstanceId, Size},
    store::Store,
    task::Scope,
};

/// Between two looks, where little is used.
const LONGEST: Duration = Duration::from_secs(10);
/// Between two looks, where it is nearly full.
const SHORTEST: Duration = Duration::from_secs(1);
/// Bytes a second that a fast disk takes in.
const FAST: u64 = 500 << 20;
/// In percent: from here on the user is warned.
const WARN: u64 = 80;

/// Why an instance was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overrun {
    /// It holds more than it may.
    Limit {
        used: u64,
        limit: u64,
        /// Bytes a second since the look before.
        rate: u64,
        /// Since the look before.
        unseen: Duration,
    },
    /// The disk it is on is nearly full, and of those that run it holds most.
    Host { free: u64, floor: u64, used: u64 },
}

/// The disk usage of every running instance, as last seen.
#[derive(Debug, Default)]
pub struct DiskUsageTable(Mutex<BTreeMap<InstanceId, u64>>);

impl DiskUsageTable {
    /// Note it, and say whether no other holds more.
    fn is_largest(&self, id: &InstanceId, used: u64) -> bool {
        let mut all = self.0.lock();
        all.insert(id.clone(), used);
        all.iter()
            .all(|(other, used_before)| (*used_before, other) <= (used, id))
    }
}

/// When to look again.
fn pause(used: u64, limit: u64) -> Duration {
    let remaining = limit.saturating_sub(used);
    Duration::from_millis(remaining.saturating_mul(1000) / FAST).clamp(SHORTEST, LONGEST)
}

/// Looks after one instance for as long as its container runs.
pub struct Watchdog {
    pub id: InstanceId,
    pub limit: u64,
    /// What its file system holds it to, if it has one that does.
    pub quota: Option<u64>,
    /// See [`crate::security::Policy::least_free_bytes`].
    pub floor: u64,
    pub usage_table: Arc<DiskUsageTable>,
    pub journal: Arc<Journal>,
}

impl Watchdog {
    /// The receiver gets one value, if there is reason to stop it.
    pub fn watch(self, link: Link, scope: &Scope) -> watch::Receiver<Option<Overrun>> {
        let (overrun_tx, overruns) = watch::channel(None);
        let ends = scope.clone();
        let look = move || {
            let link = link.clone();
            async move { link.usage().await.ok() }
        };
        scope.spawn(async move {
            tokio::select! {
                () = ends.cancelled() => {}
                overrun = self.until_overrun(look) => {
                    if let Some(overrun) = overrun {
                        overrun_tx.send_replace(Some(overrun));
                        // Whoever stops it ends the scope.
                        ends.cancelled().await;
                    }
                }
            }
            self.usage_table.0.lock().remove(&self.id);
        });
        overruns
    }

    /// `None` when there is no more to be asked: the link is gone.
    async fn until_overrun<F>(&self, look: impl Fn() -> F) -> Option<Overrun>
    where
        F: Future<Output = Option<DiskUse>>,
    {
        let mut before: Option<(u64, Instant)> = None;
        let mut warned = false;
        loop {
            let seen = look().await?;
            let (used, now) = (seen.bytes, Instant::now());
            let unseen = before.map_or(Duration::ZERO, |(_, at)| now - at);
            let grown = before.map_or(0, |(used_before, _)| used.saturating_sub(used_before));
            let millis = u64::try_from(unseen.as_millis()).unwrap_or(u64::MAX);
            before = Some((used, now));
            let largest = self.usage_table.is_largest(&self.id, used);
            if used > self.limit {
                return Some(Overrun::Limit {
                    used,
                    limit: self.limit,
                    rate: grown.saturating_mul(1000) / millis.max(1),
                    unseen,
                });
            }
            if self.host_is_full(used, seen.free_bytes) && largest {
                return Some(Overrun::Host {
                    free: seen.free_bytes,
                    floor: self.floor,
                    used,
                });
            }
            let room = self.limit.min(self.quota.unwrap_or(u64::MAX));
            let near = used >= room / 100 * WARN;
            if near && !warned {
                self.journal.emit(nearly_full(used, room, self.quota));
            }
            warned = near;
            tokio::time::sleep(pause(used, self.limit)).await;
        }
    }
}

impl Watchdog {
    /// From inside, what is free is what the quota has left where that is less than the disk has.
    /// The quota counts a little more than files.
    fn host_is_full(&self, used: u64, free: u64) -> bool {
        let of_quota = |quota: u64| used.saturating_add(free) >= quota / 10 * 9;
        free < self.floor && !self.quota.is_some_and(of_quota)
    }
}

fn nearly_full(used: u64, limit: u64, quota: Option<u64>) -> Event {
    let then = if quota == Some(limit) {
        "its writes are refused"
    } else {
        "it is stopped"
    };
    let percent = used.saturating_mul(100) / limit.max(1);
    Event::Warning {
        message: format!(
            "the preview holds {percent} % of the {} it may keep on disk",
            Size(limit)
        ),
        hint: Some(format!(
            "past it, {then}; `--disk` gives more, `up --rebuild` empties it"
        )),
    }
}

impl Instance {
    /// What its volume's file system holds it to, if it does.
    async fn quota(&self) -> Result<Option<u64>, LifecycleError> {
        let home = self.context.engine.home(&self.record.home_volume).await?;
        Ok(home.and_then(|home| home.quota))
    }

    /// A volume keeps the quota it was made with: warn where that is less than it may hold now.
    pub(in crate::lifecycle) fn warn_of_quota(&self, watchdog: &Watchdog) {
        let limit = watchdog.limit;
        if let Some(quota) = watchdog.quota.filter(|quota| *quota < limit) {
            self.journal.emit(Event::Warning {
                message: format!(
                    "its volume was made to hold {}, and cannot be made to hold {}",
                    Size(quota),
                    Size(limit)
                ),
                hint: Some("`up --rebuild` makes another, with nothing kept".to_owned()),
            });
        }
    }

    pub(in crate::lifecycle) async fn watchdog(&self) -> Result<Watchdog, LifecycleError> {
        Ok(Watchdog {
            id: self.record.id.clone(),
            limit: self.record.limits.disk_bytes,
            quota: self.quota().await?,
            floor: self.context.settings.policy.least_free_bytes,
            usage_table: self.context.disk.clone(),
            journal: self.journal.clone(),
        })
    }

    /// Nothing is begun on a disk that is nearly full. The engine's may be another one: that one is
    /// looked at from inside, as soon as the container runs.
    pub(in crate::lifecycle) async fn check_free_space(&self) -> Result<(), LifecycleError> {
        let floor = self.context.settings.policy.least_free_bytes;
        let free = self.context.store.run(Store::free_bytes).await?;
        if free < floor {
            let at = self.context.store.dir().to_owned();
            return Err(LifecycleError::NoRoom { at, free, floor });
        }
        Ok(())
    }

    /// Stop a running instance and leave it so, whoever asks for it, until its user says `up`.
    pub(in crate::lifecycle) async fn stop_for(&mut self, error: &LifecycleError) {
        self.journal.emit(Event::Warning {
            message: error.to_string(),
            hint: error.problem().hint,
        });
        if let Some(live) = self.state.live_mut() {
            live.fail_waiters(&error.problem());
        }
        // What it holds is its user's: only who never answered has nothing to lose.
        self.fail(error).await;
    }
}

/// Resolves when there is reason to stop it.
pub async fn overrun(overruns: &mut watch::Receiver<Option<Overrun>>) -> LifecycleError {
    let found = overruns.wait_for(Option::is_some).await;
    match found.ok().and_then(|found| found.clone()) {
        Some(overrun) => LifecycleError::Disk(overrun),
        // Nobody watches any more, for the container is gone; that is told apart.
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use super::*;

    const GIB: u64 = 1 << 30;

    fn watchdog(id: &str, usage_table: &Arc<DiskUsageTable>) -> Watchdog {
        Watchdog {
            id: id.parse().unwrap(),
            limit: 4 * GIB,
            quota: None,
            floor: GIB,
            usage_table: usage_table.clone(),
            journal: Arc::new(Journal::new()),
        }
    }

    fn warnings(watchdog: &Watchdog) -> usize {
        watchdog.journal.follow().0.len()
    }

    /// A disk that is written to at a rate, as it is seen by the clock.
    fn written(rate: u64) -> impl Fn() -> Ready<Option<DiskUse>> {
        let began = Instant::now();
        move || {
            let bytes = rate * u64::try_from(began.elapsed().as_millis()).unwrap() / 1000;
            ready(Some(DiskUse {
                bytes,
                files: 1,
                free_bytes: 10 * GIB,
            }))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_stopped_not_far_past_its_limit() {
        for rate in [1 << 20, 50 << 20, FAST, 2 * FAST] {
            let watchdog = watchdog("0123456789ab", &Arc::default());
            let overrun = watchdog.until_overrun(written(rate)).await.unwrap();
            let Overrun::Limit {
                used,
                rate: seen,
                unseen,
                ..
            } = overrun
            else {
                panic!("{overrun:?}")
            };
            let past = used - 4 * GIB;
            // No further than what is written between two looks.
            let most = rate * u64::try_from(unseen.as_millis()).unwrap() / 1000;
            assert!(past <= most + rate / 100, "{past} of {most} at {rate}");
            assert!(seen.abs_diff(rate) <= rate / 100, "{seen} for {rate}");
            assert!(unseen <= LONGEST);
            // What fills the rest between two looks is not seen on its way.
            let seen = usize::from(rate <= FAST);
            assert_eq!(warnings(&watchdog), seen, "once, at {rate}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_below_is_let_be_and_told_of_once_as_long_as_it_is_near() {
        let watchdog = watchdog("0123456789ab", &Arc::default());
        let used_before = [1, 85, 90, 70, 85, 100].map(|percent| 4 * GIB / 100 * percent);
        let looks = Mutex::new(used_before.into_iter());
        let look = || {
            let bytes = looks.lock().next();
            ready(bytes.map(|bytes| DiskUse {
                bytes,
                files: 1,
                free_bytes: 10 * GIB,
            }))
        };
        assert_eq!(watchdog.until_overrun(look).await, None);
        assert_eq!(warnings(&watchdog), 2);
    }

    #[test]
    fn what_a_quota_has_left_is_not_what_the_host_has() {
        let mut watchdog = watchdog("0123456789ab", &Arc::default());
        // Half of 64 MiB is used, and the disk has terabytes, or half a GiB.
        assert!(watchdog.host_is_full(32 << 20, 32 << 20));
        watchdog.quota = Some(64 << 20);
        assert!(!watchdog.host_is_full(32 << 20, 32 << 20));
        assert!(!watchdog.host_is_full(64 << 20, 0));
        watchdog.quota = Some(8 * GIB);
        assert!(watchdog.host_is_full(GIB, GIB / 2));
        assert!(!watchdog.host_is_full(GIB, 2 * GIB));
    }

    #[test]
    fn what_happens_past_the_limit_is_told_as_it_will_be() {
        let hint = |limit, quota| match nearly_full(GIB, limit, quota) {
            Event::Warning { hint, .. } => hint.unwrap(),
            other => panic!("{other:?}"),
        };
        assert!(hint(GIB, None).contains("it is stopped"));
        assert!(hint(GIB, Some(2 * GIB)).contains("it is stopped"));
        assert!(hint(GIB, Some(GIB)).contains("its writes are refused"));
    }

    #[tokio::test(start_paused = true)]
    async fn on_a_full_disk_the_largest_goes() {
        let usage_table = Arc::default();
        let (small, large) = (
            watchdog("00000000000a", &usage_table),
            watchdog("00000000000b", &usage_table),
        );
        let looks = Mutex::new(1);
        let at = |bytes: u64| {
            let looks = &looks;
            move || {
                let mut remaining = looks.lock();
                *remaining -= 1;
                ready((*remaining >= 0).then_some(DiskUse {
                    bytes,
                    files: 1,
                    free_bytes: GIB - 1,
                }))
            }
        };
        usage_table.0.lock().insert(large.id.clone(), 2 * GIB);
        assert_eq!(small.until_overrun(at(GIB)).await, None);
        *looks.lock() = 1;
        let overrun = large.until_overrun(at(2 * GIB)).await;
        assert!(matches!(overrun, Some(Overrun::Host { .. })), "{overrun:?}");
    }
}
