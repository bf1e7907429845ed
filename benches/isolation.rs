//! What isolation costs: a container started in a network that is held, beside the same image's plain
//! container on the default bridge, both over the same API, in one run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_types,
    reason = "a benchmark says what it measured, or why it cannot"
)]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use bollard::{
    models::{ContainerCreateBody, HostConfig},
    query_parameters as query,
};
use codemate_preview::{
    engine::{
        Engine, HostEngine, Owner,
        docker::{Docker, DockerSettings, NetworkSettings},
        guest::GUEST,
    },
    model::{ContainerSpec, Egress, InstanceId, Name, Sandbox},
    security::{Abilities, Approved, LimitRequest, Policy, limits},
};

const IMAGE: &str = "codemate/python:3.13";
const ROUNDS: u64 = 15;
const PEER: &str = "codemate-bench-plain";
const OWNER: &str = "bench-isolation";

#[tokio::main]
async fn main() {
    let api = bollard::Docker::connect_with_defaults().unwrap();
    let engine = Docker::connect(settings()).unwrap();
    let id = InstanceId::of_directory(OWNER.as_ref(), None);
    // Once, for what is made once: the guest's volume, the home, the warden, the first spare.
    let began = Instant::now();
    engine.guard().await.unwrap();
    let first = began.elapsed();
    engine.start(&spec(&id, 1, Egress::Open)).await.unwrap();
    let (mut plain, mut warm, mut cold, mut closed, mut fill) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        engine.remove(&id, Duration::ZERO).await.unwrap();
        plain.push(start_plain(&api).await);
        fill.push(timed(engine.guard()).await);
        warm.push(timed(engine.start(&spec(&id, round * 3, Egress::Open))).await);
        engine.remove(&id, Duration::ZERO).await.unwrap();
        // The spare is taken, and nobody made another.
        cold.push(timed(engine.start(&spec(&id, round * 3 + 1, Egress::Open))).await);
        engine.remove(&id, Duration::ZERO).await.unwrap();
        closed.push(timed(engine.start(&spec(&id, round * 3 + 2, Egress::None))).await);
    }
    engine.remove(&id, Duration::ZERO).await.unwrap();
    engine.remove_home(&home(&id)).await.unwrap();
    engine.retire().await.unwrap();
    println!("the first warden and spare     {:6.0} ms", ms(first));
    for (what, times) in [
        ("plain, default bridge", plain),
        ("held, spare sidecar", warm),
        ("held, no spare", cold),
        ("held, no egress", closed),
        ("making a spare, unwaited", fill),
    ] {
        let (median, most) = summary(times);
        println!("{what:<30} {median:6.0} ms  (at most {most:.0})");
    }
}

async fn start_plain(api: &bollard::Docker) -> f64 {
    let body = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        entrypoint: Some(vec!["sleep".to_owned(), "600".to_owned()]),
        host_config: Some(HostConfig::default()),
        ..ContainerCreateBody::default()
    };
    let options = query::CreateContainerOptionsBuilder::default()
        .name(PEER)
        .build();
    let began = Instant::now();
    api.create_container(Some(options), body).await.unwrap();
    api.start_container(PEER, None::<query::StartContainerOptions>)
        .await
        .unwrap();
    let took = ms(began.elapsed());
    let remove = query::RemoveContainerOptionsBuilder::default()
        .force(true)
        .build();
    api.remove_container(PEER, Some(remove)).await.unwrap();
    took
}

async fn timed<T>(
    work: impl Future<Output = Result<T, codemate_preview::engine::EngineError>>,
) -> f64 {
    let began = Instant::now();
    work.await.unwrap();
    ms(began.elapsed())
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}

fn summary(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() - 1])
}

fn home(id: &InstanceId) -> String {
    format!("cmp-{id}-home")
}

fn settings() -> DockerSettings {
    let nowhere = PathBuf::from("/nonexistent");
    DockerSettings {
        host: None,
        context: None,
        docker_config_dir: nowhere.clone(),
        home: nowhere,
        runtime_dir: None,
        owner: Owner(OWNER.to_owned()),
        ca_bundle: None,
        guest: GUEST,
        network: NetworkSettings::default(),
    }
}

fn spec(id: &InstanceId, generation: u64, egress: Egress) -> Approved<ContainerSpec> {
    let spec = ContainerSpec {
        id: id.clone(),
        name: Name::slug("bench"),
        generation,
        image: IMAGE.parse().unwrap(),
        env: BTreeMap::new(),
        limits: limits(LimitRequest::default()),
        sandbox: Sandbox {
            egress,
            ..Sandbox::default()
        },
        home_volume: home(id),
    };
    let policy = Policy {
        most_cpus: 64.0,
        most_memory_bytes: 1 << 40,
        most_disk_bytes: 1 << 40,
        least_free_bytes: 0,
        most_kept_bytes: u64::MAX,
        most_image_bytes: u64::MAX,
        allow_root: false,
        egress: codemate_preview::model::Egress::Open,
        runtime: None,
        runtimes: Vec::new(),
    };
    policy.approve(spec, &Abilities::default()).unwrap()
}
