//! Where a preview gets to: nowhere it should not, after whatever happens to what holds it, and
//! everywhere it should.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    net::Ipv4Addr,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use codemate_preview::{
    engine::{
        CutOff, Engine, Owner,
        docker::{Docker, DockerSettings, NetworkSettings},
        guest::GUEST,
    },
    model::{ContainerSpec, Egress, InstanceId, Name, Role, Sandbox},
    security::{Abilities, Approved, LimitRequest, Policy, limits},
};
use tokio::runtime::Runtime;

use crate::{
    Test,
    host::{Host, docker, until},
    neighbourhood::{Neighbourhood, PUBLIC, RESOLVER, UPLINK},
};

pub const TESTS: &[Test] = &[(
    "no_hostile_destination_is_reached_whatever_happens",
    no_hostile_destination_is_reached_whatever_happens,
)];

pub const SHARED: &[Test] = &[(
    "a_preview_that_lost_its_network_gets_another",
    a_preview_that_lost_its_network_gets_another,
)];

/// What must work whatever else does not: label, kind, address, port.
const MUST_WORK: [(&str, &str, &str, u16); 6] = [
    ("internet", "tcp", "203.0.113.10", 80),
    ("internet tls", "tcp", "203.0.113.11", 443),
    ("internet udp", "udp", "203.0.113.12", 123),
    ("resolver", "udp", RESOLVER, 53),
    ("resolver tcp", "tcp", RESOLVER, 53),
    ("excepted", "tcp", "10.77.0.9", 3128),
];

/// Networks a preview has no business in; of each the first address, the last and one between are
/// tried.
const DENIED: [&str; 10] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "240.0.0.0/4",
    "168.63.129.16/32",
];

pub type Target = (String, &'static str, String, u16);

fn no_hostile_destination_is_reached_whatever_happens() {
    let mut around = Neighbourhood::new();
    around.copy_image("codemate/net:1");
    let image = around.prober_image();
    let runtime = Runtime::new().unwrap();
    let engine = engine(&around, "reach", |_| {});
    let start = |generation| {
        let spec = approved("reach", image, generation, Egress::Open);
        runtime.block_on(engine.start(&spec)).unwrap();
    };
    start(1);
    // Another preview of the same owner, as somebody to be reached.
    let other = approved("other", image, 1, Egress::Open);
    runtime.block_on(engine.start(&other)).unwrap();
    let other = address_of_another(&around);

    let hostile = hostile(&gateway_of(&around, "reach"), &other);
    assert!(hostile.len() >= 64, "{}", hostile.len());
    let control = from_default_bridge(&around, &self::hostile("172.17.0.1", &other));
    assert!(
        control.len() >= 64,
        "the control reaches only {}: {control:?}",
        control.len()
    );

    let holds = |around: &Neighbourhood, when: &str| {
        let reached = from_preview(around, &hostile);
        assert_eq!(reached, BTreeSet::new(), "{when}");
    };
    let works = |around: &Neighbourhood, when: &str| {
        holds(around, when);
        let wanted = must_work();
        let reached = from_preview(around, &wanted);
        let all: BTreeSet<String> = wanted.into_iter().map(|target| target.0).collect();
        assert_eq!(reached, all, "{when}");
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
    finish(&around, &runtime, &engine, &["reach", "other"]);
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
        role: Role::App,
        generation,
        image: image.parse().unwrap(),
        env: BTreeMap::new(),
        limits: limits(LimitRequest::default()),
        sandbox: Sandbox {
            egress,
            ..Sandbox::default()
        },
        home_volume: format!("cmp-{id}-home"),
        workspace: ContainerSpec::WORKSPACE.to_owned(),
        id,
    };
    let policy = Policy {
        most_cpus: 64.0,
        most_memory_bytes: 1 << 40,
        allow_root: false,
        egress: Egress::Open,
        runtime: None,
        runtimes: Vec::new(),
    };
    policy.approve(spec, &Abilities::default()).unwrap()
}

fn must_work() -> Vec<Target> {
    MUST_WORK
        .map(|(label, kind, address, port)| (label.to_owned(), kind, address.to_owned(), port))
        .into()
}

pub fn hostile(gateway: &str, other: &str) -> Vec<Target> {
    let mut all: Vec<Target> = Vec::new();
    let mut add = |kind, address: &str, port| {
        all.push((
            format!("{kind} {address} {port}"),
            kind,
            address.to_owned(),
            port,
        ));
    };
    for host in [gateway, UPLINK, PUBLIC, "172.17.0.1"] {
        add("tcp", host, 18080);
        add("udp", host, 18053);
        add("icmp", host, 0);
        add("tcp", &format!("::ffff:{host}"), 18080);
    }
    add("tcp", other, 3000);
    for text in DENIED {
        for address in some_of(text) {
            add("tcp", &address, 80);
            add("udp", &address, 53);
        }
    }
    for metadata in [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
    ] {
        add("tcp", metadata, 80);
        add("udp", metadata, 53);
        add("icmp", metadata, 0);
        add("tcp", &format!("::ffff:{metadata}"), 80);
    }
    for six in [
        "fd00:ec2::254",
        "fd77::1",
        "fd77::2",
        "64:ff9b:1::7",
        "2002:a00:1::1",
        "fe80::1%eth0",
    ] {
        add("tcp", six, 80);
    }
    // Past every rule of its own namespace.
    add("raw", "0.0.0.0", 0);
    all
}

/// First, middle and last of a network, the middle one twice if it is small.
fn some_of(network: &str) -> BTreeSet<String> {
    let (address, bits) = network.split_once('/').unwrap();
    let first = u32::from(address.parse::<Ipv4Addr>().unwrap());
    let size = 1_u64 << (32 - bits.parse::<u32>().unwrap());
    // Not the very last, which may be a broadcast address; of a network of one it is that one.
    let offsets = [1, size / 2 + 7, size.saturating_sub(2)];
    let offsets = offsets.map(|it| u32::try_from(it.min(size - 1)).unwrap());
    offsets
        .map(|offset| Ipv4Addr::from(first + offset).to_string())
        .into()
}

/// What knocking at these from a preview's container reached, by every account.
fn from_preview(around: &Neighbourhood, targets: &[Target]) -> BTreeSet<String> {
    let app = app_of(around, "reach");
    reached(around, &["exec", "-i", &app, "/prober", "700"], targets)
}

fn from_default_bridge(around: &Neighbourhood, targets: &[Target]) -> BTreeSet<String> {
    let run = ["run", "--rm", "-i", "prober:1", "/prober", "700"];
    reached(around, &run, targets)
}

fn reached(around: &Neighbourhood, docker: &[&str], targets: &[Target]) -> BTreeSet<String> {
    let before = ["world", "host"].map(|which| around.arrived(which).len());
    let mut child = Command::new("docker")
        .args(["-H", &around.socket()])
        .args(docker)
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
    let mut reached: BTreeSet<String> = told
        .lines()
        .filter_map(|line| line.strip_suffix(" open"))
        .map(str::to_owned)
        .collect();
    for (which, before) in ["world", "host"].into_iter().zip(before) {
        let arrived = around.arrived(which)[before..].to_owned();
        for line in arrived.lines() {
            if let Some(label) = line.strip_prefix("label ") {
                reached.insert(label.to_owned());
            }
            // A packet alone is enough, answered or not.
            if let Some(packet) = line.strip_prefix("packet ") {
                let fields: Vec<&str> = packet.split(' ').collect();
                let arrived = targets.iter().find(|(_, kind, address, port)| {
                    *kind == fields[0] && *address == fields[1] && port.to_string() == fields[2]
                });
                reached.extend(arrived.map(|target| target.0.clone()));
            }
        }
    }
    reached
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

/// A container on the default bridge that listens, and its address there.
fn address_of_another(around: &Neighbourhood) -> String {
    let template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let sidecar = sidecar_of(around, "other");
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
