//! What a container consumes, from two samples: the kernel's where it runs on this host, else the engine's.

use std::time::Duration;

use bollard::{models::ContainerStatsResponse, query_parameters as query};
use futures_util::TryStreamExt;

use super::control_group::{ControlGroup, Counts};
use crate::{
    engine::{
        EngineError, Result,
        docker::{
            Docker,
            client::{DockerClient, SIMPLE, error::Operation},
        },
    },
    model::{InstanceId, Usage},
};

/// How far apart two samples are when there is no earlier one to compare with. The engine's own take
/// ten times as long.
const APART: Duration = Duration::from_millis(50);

/// A reading of the processor's counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuReading {
    at: jiff::Timestamp,
    nanoseconds: u64,
}

impl Docker {
    pub(in crate::engine::docker) async fn sample(&self, id: &InstanceId) -> Result<Usage> {
        let client = self.client().await?;
        let container_ref = self.newest(&client, id).await?;
        let earlier_reading = self
            .inner
            .cpu
            .lock()
            .await
            .get(&container_ref.container)
            .copied();
        let mut earlier = earlier_reading;
        if earlier.is_none() {
            earlier = sample(&client, &container_ref.container).await?.cpu;
            tokio::time::sleep(APART).await;
        }
        let now = sample(&client, &container_ref.container).await?;
        if let Some(reading) = now.cpu {
            let mut cpu = self.inner.cpu.lock().await;
            // Containers come and go; what is forgotten costs one more sample.
            if cpu.len() > 256 {
                cpu.clear();
            }
            cpu.insert(container_ref.container, reading);
        }
        Ok(usage(earlier, &now))
    }
}

/// One look at a container.
#[derive(Debug, Clone, Copy)]
struct Sample {
    cpu: Option<CpuReading>,
    memory_bytes: u64,
    memory_limit_bytes: u64,
    processes: u64,
}

/// The engine is asked only where this host's kernel does not say.
async fn sample(client: &DockerClient, container: &str) -> Result<Sample> {
    let counts = ControlGroup::find(container).and_then(|group| group.counts().ok());
    match counts {
        Some(counts) => Ok(Sample::from(counts)),
        None => Ok(Sample::from(&one(client, container).await?)),
    }
}

impl From<Counts> for Sample {
    fn from(counts: Counts) -> Self {
        Self {
            cpu: Some(CpuReading {
                at: jiff::Timestamp::now(),
                nanoseconds: counts.cpu_nanoseconds,
            }),
            memory_bytes: counts.memory_bytes,
            memory_limit_bytes: counts.memory_limit_bytes,
            processes: counts.processes,
        }
    }
}

impl From<&ContainerStatsResponse> for Sample {
    fn from(stats: &ContainerStatsResponse) -> Self {
        let memory = stats.memory_stats.clone().unwrap_or_default();
        // Cached files are given back when memory runs short. cgroup v1 and v2 name them differently.
        let details = memory.stats.unwrap_or_default();
        let cached = details
            .get("total_inactive_file")
            .or_else(|| details.get("inactive_file"));
        let used = memory.usage.unwrap_or_default();
        let pids = stats.pids_stats.as_ref().and_then(|pids| pids.current);
        Self {
            cpu: reading(stats),
            memory_bytes: used.saturating_sub(cached.copied().unwrap_or_default()),
            memory_limit_bytes: memory.limit.unwrap_or_default(),
            processes: pids.unwrap_or_default(),
        }
    }
}

async fn one(client: &DockerClient, container: &str) -> Result<ContainerStatsResponse> {
    let options = query::StatsOptionsBuilder::default()
        .stream(false)
        .one_shot(true)
        .build();
    let what = format!("container {container}");
    let mut stats = Box::pin(client.api.stats(container, Some(options)));
    let answer = client
        .within(
            Operation {
                verb: "measure",
                what: &what,
            },
            SIMPLE,
            stats.try_next(),
        )
        .await?;
    answer.ok_or(EngineError::Missing { what })
}

fn reading(stats: &ContainerStatsResponse) -> Option<CpuReading> {
    Some(CpuReading {
        at: stats.read.as_ref()?.parse().ok()?,
        nanoseconds: stats.cpu_stats.as_ref()?.cpu_usage.as_ref()?.total_usage?,
    })
}

fn usage(earlier: Option<CpuReading>, now: &Sample) -> Usage {
    Usage {
        cpu_percent: earlier
            .zip(now.cpu)
            .map_or(0.0, |(earlier, now)| percent(earlier, now)),
        memory_bytes: now.memory_bytes,
        memory_limit_bytes: now.memory_limit_bytes,
        processes: now.processes,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage needs no 52 bits")]
fn percent(earlier: CpuReading, now: CpuReading) -> f64 {
    let elapsed = now.at.duration_since(earlier.at).as_nanos();
    if elapsed <= 0 {
        return 0.0;
    }
    let busy = now.nanoseconds.saturating_sub(earlier.nanoseconds);
    busy as f64 * 100.0 / elapsed as f64
}

#[cfg(test)]
mod tests {
    use bollard::models::{
        ContainerCpuStats, ContainerCpuUsage, ContainerMemoryStats, ContainerPidsStats,
    };

    use super::*;

    fn stats(read: &str, cpu: u64, cache: &str) -> ContainerStatsResponse {
        ContainerStatsResponse {
            read: Some(read.to_owned()),
            cpu_stats: Some(ContainerCpuStats {
                cpu_usage: Some(ContainerCpuUsage {
                    total_usage: Some(cpu),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            memory_stats: Some(ContainerMemoryStats {
                usage: Some(100),
                limit: Some(1000),
                stats: Some([(cache.to_owned(), 30)].into()),
                ..Default::default()
            }),
            pids_stats: Some(ContainerPidsStats {
                current: Some(3),
                limit: None,
            }),
            ..Default::default()
        }
    }

    #[test]
    fn two_readings_make_a_percentage_of_one_core() {
        let first = stats("2026-01-02T03:04:05Z", 1_000_000_000, "total_inactive_file");
        let second = stats("2026-01-02T03:04:07Z", 4_000_000_000, "inactive_file");
        let usage = usage(reading(&first), &Sample::from(&second));
        assert!((usage.cpu_percent - 150.0).abs() < 1e-9, "{usage:?}");
        assert_eq!(
            (
                usage.memory_bytes,
                usage.memory_limit_bytes,
                usage.processes
            ),
            (70, 1000, 3)
        );
    }

    #[test]
    fn a_counter_that_fell_or_stood_still_is_zero() {
        let stats = stats("2026-01-02T03:04:05Z", 5, "inactive_file");
        let now = reading(&stats).unwrap();
        assert!(percent(now, now).abs() < 1e-9);
        let larger = CpuReading {
            at: now.at - Duration::from_secs(1),
            nanoseconds: 9,
        };
        assert!(percent(larger, now).abs() < 1e-9);
    }
}
