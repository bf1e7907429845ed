//! Where a preview gets to: nowhere it should not, after whatever happens to what holds it, and
//! everywhere it should.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use codemate_preview::{
    engine::{
        CutOff, Engine, HostEngine, Owner,
        docker::{Docker, DockerSettings, NetworkSettings},
        guest::GUEST,
    },
    model::{ContainerSpec, Egress, InstanceId, Name, Sandbox},
    security::{Abilities, Approved, LimitRequest, Policy, limits},
};
use tokio::runtime::Runtime;

use crate::{
    Test,
    host::{Host, docker, until},
    neighbourhood::{Neighbourhood, RESOLVER},
    targets::{self, Target, answering, labels, must_work},
};

pub const TESTS: &[Test] = &[(
    "no_hostile_destination_is_reached_whatever_happens",
    no_hostile_destination_is_reached_whatever_happens,
)];

pub const SHARED: &[Test] = &[(
    "a_preview_that_lost_its_network_gets_another",
    a_preview_that_lost_its_network_gets_another,
)];

fn no_hostile_destination_is_reached_whatever_happens() {
    let mut around = Neighbourhood::new(&answering());
    around.copy_image("codemate/net:1");
    let image = around.prober_image();
    let runtime = Runtime::new().unwrap();
    let engine = engine(&around, "reach", |_| {});
    let start = |generation| {
        let spec = approved("reach", image, generation, Egress::Open);
        runtime.block_on(engine.start(&spec)).unwrap();
    };
    start(1);
    // Another container, at its own address and published on the host's.
    let serve = ["run", "-d", "-p", "18090:3000", image, "/prober", "serve"];
    let bystander = around.docker(&serve).unwrap();
    let template = "{{.NetworkSettings.IPAddress}}";
    let other = around
        .docker(&["inspect", "-f", template, &bystander])
        .unwrap();

    let hostile = targets::hostile(&gateway_of(&around, "reach"), &other);
    assert!(labels(&hostile).len() >= 100, "{hostile:?}");
    // The control: a plain container reaches every one of them. Its IPv6 takes a second to be ready.
    let plain = targets::hostile("172.17.0.1", &other);
    until("a plain container to reach them all", || {
        let all = knocked(&around, &bystander, &plain).reached();
        (all == labels(&plain)).then_some(())
    });

    let holds = |around: &Neighbourhood, when: &str| {
        let reached = from_preview(around, &hostile);
        assert_eq!(reached, BTreeSet::new(), "{when}");
    };
    let works = |around: &Neighbourhood, when: &str| {
        holds(around, when);
        let wanted = must_work();
        let app = app_of(around, "reach");
        let answered = knocked(around, &app, &wanted).answered;
        assert_eq!(answered, labels(&wanted), "{when}");
    };
    works(&around, "fresh");
    let app = app_of(&around, "reach");
    around.docker(&["restart", "-t", "1", &app]).unwrap();
    works(&around, "after a restart of the container");
    around.docker(&["pause", &app]).unwrap();
    around.docker(&["unpause", &app]).unwrap();
    works(&around, "after it was frozen");

    // Each layer without the other.
    let warden = around
        .docker(&[
            "ps",
            "-q",
            "--filter",
            "label=dev.codemate.preview.role=warden",
        ])
        .unwrap();
    around.docker(&["pause", &warden]).unwrap();
    nft(&around, "host", "flush ruleset inet");
    works(&around, "with the host's table flushed");
    around.docker(&["unpause", &warden]).unwrap();
    until("the warden's repair", || {
        let said = around.docker(&["logs", &warden]).unwrap();
        said.contains("repaired").then_some(())
    });
    nft(
        &around,
        &format!("container:{}", sidecar_of(&around, "reach")),
        "delete table inet codemate",
    );
    works(&around, "with the namespace's table deleted");

    // Without its sidecar it has no network at all, and is known to have none.
    around
        .docker(&["kill", &sidecar_of(&around, "reach")])
        .unwrap();
    holds(&around, "without a sidecar");
    assert_eq!(from_preview(&around, &must_work()), BTreeSet::new());
    let cut_off = runtime.block_on(engine.guard()).unwrap();
    let id = InstanceId::of_directory("reach".as_ref(), None);
    assert_eq!(cut_off, [CutOff { id, generation: 1 }]);
    start(2);
    works(&around, "with another sidecar");

    // Nothing comes back by itself, so nothing comes back without what holds it.
    around.restart_engine();
    let app = app_of(&around, "reach");
    let state = around.docker(&["inspect", "-f", "{{.State.Running}}", &app]);
    assert_eq!(state.as_deref(), Ok("false"));
    start(3);
    works(&around, "after a restart of the engine");
    finish(&around, &runtime, &engine, &["reach"]);
}

/// The tables that stay are none, and so are the networks.
fn finish(around: &Neighbourhood, runtime: &Runtime, engine: &Docker, names: &[&str]) {
    for name in names {
        let id = InstanceId::of_directory(name.as_ref(), None);
        runtime
            .block_on(engine.remove(&id, Duration::ZERO))
            .unwrap();
    }
    runtime.block_on(engine.retire()).unwrap();
    let filter = "label=dev.codemate.preview.owner";
    for list in [["ps", "-aq"], ["network", "ls"]] {
        let left = around.docker(&[&list[..], &["-q", "--filter", filter]].concat());
        assert_eq!(left.as_deref(), Ok(""), "{list:?}");
    }
    let tables = nft(around, "host", "list tables");
    assert!(!tables.contains("codemate"), "{tables}");
}

fn a_preview_that_lost_its_network_gets_another() {
    let host = Host::new();
    let url = host.up(&host.copy_of("script-python")).url();
    let sidecar = |container: &str| {
        let label = "{{index .Config.Labels \"dev.codemate.preview.sidecar\"}}";
        docker(&["inspect", "-f", label, container]).join("")
    };
    let first = host.container();
    docker(&["kill", &sidecar(&first)]);
    let second = until("another container", || {
        let all = docker(&[
            "ps",
            "-q",
            "--no-trunc",
            "--filter",
            "label=dev.codemate.preview.role=app",
        ]);
        let host = host.owned();
        all.into_iter()
            .map(|id| id[..12].to_owned())
            .find(|id| *id != first && host.contains(id))
    });
    assert_ne!(sidecar(&second), sidecar(&first));
    until("the preview's answer", || {
        let curl = Command::new("curl")
            .args(["-fs", "--max-time", "5", &url])
            .output();
        curl.is_ok_and(|curl| curl.status.success()).then_some(())
    });
}

/// An engine for one owner on the namespace's Docker.
pub fn engine(
    around: &Neighbourhood,
    owner: &str,
    adjust: impl FnOnce(&mut DockerSettings),
) -> Docker {
    let nowhere = PathBuf::from("/nonexistent");
    let mut settings = DockerSettings {
        host: Some(around.socket()),
        context: None,
        docker_config_dir: nowhere.clone(),
        home: nowhere,
        runtime_dir: None,
        owner: Owner(owner.to_owned()),
        ca_bundle: None,
        guest: GUEST,
        network: NetworkSettings {
            dns: vec![RESOLVER.parse().unwrap()],
            reach: vec!["10.77.0.9:3128".parse().unwrap()],
            ..NetworkSettings::default()
        },
    };
    adjust(&mut settings);
    Docker::connect(settings).unwrap()
}

pub fn approved(
    name: &str,
    image: &str,
    generation: u64,
    egress: Egress,
) -> Approved<ContainerSpec> {
    let id = InstanceId::of_directory(name.as_ref(), None);
    let spec = ContainerSpec {
        name: Name::slug(name),
        generation,
        image: image.parse().unwrap(),
        env: BTreeMap::new(),
        limits: limits(LimitRequest::default()),
        sandbox: Sandbox {
            egress,
            ..Sandbox::default()
        },
        home_volume: format!("cmp-{id}-home"),
        id,
    };
    let policy = Policy {
        most_cpus: 64.0,
        most_memory_bytes: 1 << 40,
        most_disk_bytes: 1 << 40,
        least_free_bytes: 0,
        most_kept_bytes: u64::MAX,
        most_image_bytes: u64::MAX,
        allow_root: false,
        egress: Egress::Open,
        runtime: None,
        runtimes: Vec::new(),
    };
    policy.approve(spec, &Abilities::default()).unwrap()
}

/// What came of knocking, by label.
struct Knocked {
    answered: BTreeSet<String>,
    /// What a listener or a link saw arrive, answered or not.
    arrived: BTreeSet<String>,
}

impl Knocked {
    /// By any account.
    fn reached(self) -> BTreeSet<String> {
        &self.answered | &self.arrived
    }
}

fn from_preview(around: &Neighbourhood, targets: &[Target]) -> BTreeSet<String> {
    knocked(around, &app_of(around, "reach"), targets).reached()
}

fn knocked(around: &Neighbourhood, container: &str, targets: &[Target]) -> Knocked {
    let before = ["world", "host"].map(|which| around.arrived(which).len());
    let mut child = Command::new("docker")
        .args(["-H", &around.socket()])
        .args(["exec", "-i", container, "/prober", "700"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for (label, kind, address, port) in targets {
        writeln!(stdin, "{label}|{kind}|{address}|{port}").unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(told.lines().count(), targets.len(), "{told}");
    let answered: BTreeSet<String> = told
        .lines()
        .filter_map(|line| line.strip_suffix(" open"))
        .map(str::to_owned)
        .collect();
    let mut arrived = BTreeSet::new();
    for (which, before) in ["world", "host"].into_iter().zip(before) {
        for line in around.arrived(which)[before..].lines() {
            if let Some(label) = line.strip_prefix("label ") {
                arrived.insert(label.to_owned());
            }
            if let Some(packet) = line.strip_prefix("packet ") {
                let fields: Vec<&str> = packet.split(' ').collect();
                let target = targets.iter().find(|(_, kind, address, port)| {
                    *kind == fields[0] && *address == fields[1] && port.to_string() == fields[2]
                });
                arrived.extend(target.map(|target| target.0.clone()));
            }
        }
    }
    Knocked { answered, arrived }
}

fn labelled(around: &Neighbourhood, name: &str, template: &str) -> String {
    let label = format!("label=dev.codemate.preview.name={name}");
    let newest = around.docker(&["ps", "-aq", "--filter", &label]).unwrap();
    let newest = newest.lines().next().expect("a container").to_owned();
    around
        .docker(&["inspect", "-f", template, &newest])
        .unwrap()
}

fn app_of(around: &Neighbourhood, name: &str) -> String {
    labelled(around, name, "{{.Id}}")
}

fn sidecar_of(around: &Neighbourhood, name: &str) -> String {
    labelled(
        around,
        name,
        "{{index .Config.Labels \"dev.codemate.preview.sidecar\"}}",
    )
}

fn gateway_of(around: &Neighbourhood, name: &str) -> String {
    let template = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}";
    let sidecar = sidecar_of(around, name);
    around
        .docker(&["inspect", "-f", template, &sidecar])
        .unwrap()
}

/// One command of `nft` in a namespace of the engine's.
fn nft(around: &Neighbourhood, network: &str, command: &str) -> String {
    let mut args = vec![
        "run",
        "--rm",
        "--network",
        network,
        "--cap-add",
        "NET_ADMIN",
    ];
    args.extend(["codemate/net:1", "nft"]);
    args.extend(command.split(' '));
    around.docker(&args).unwrap()
}
