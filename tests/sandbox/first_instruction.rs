//! What a preview can send before it is held: nothing, for nothing of it runs before. And when what
//! holds it does not, nothing of it runs at all.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, time::Duration};

use codemate_preview::{
    engine::{Engine, EngineError, HostEngine, docker::Docker},
    model::{Egress, ImageRef, InstanceId},
};
use tokio::runtime::Runtime;

use crate::{
    Test,
    host::until,
    neighbourhood::{Neighbourhood, prober},
    reach::{approved, engine},
};

pub const TESTS: &[Test] = &[
    (
        "nothing_is_sent_by_the_first_instruction",
        nothing_is_sent_by_the_first_instruction,
    ),
    (
        "nothing_is_started_by_a_helper_that_fails",
        nothing_is_started_by_a_helper_that_fails,
    ),
];

/// How many previews are started: more for `make prove-sandbox`.
fn starts() -> u64 {
    let prove = std::env::var_os("CODEMATE_PREVIEW_PROVE_SANDBOX").is_some();
    if prove { 200 } else { 5 }
}

/// In place of the guest, and so the first program of the container.
fn prober_bytes(around: &Neighbourhood) -> &'static [u8] {
    let bytes = fs::read(prober(around.dir())).unwrap();
    Box::leak(bytes.into_boxed_slice())
}

fn nothing_is_sent_by_the_first_instruction() {
    let around = Neighbourhood::new(&BTreeSet::new());
    around.copy_image("codemate/net:1");
    let image = around.prober_image();
    let runtime = Runtime::new().unwrap();
    let prober = prober_bytes(&around);
    let engine = engine(&around, "first", |settings| settings.guest = prober);
    let clean = arrivals(&around);
    for generation in 1..=starts() {
        let spec = approved("first", image, generation, Egress::Open);
        runtime.block_on(engine.start(&spec)).unwrap();
        let app = around
            .docker(&[
                "ps",
                "-aq",
                "--filter",
                "label=dev.codemate.preview.role=app",
            ])
            .unwrap();
        let said = until("the prober's end", || {
            let said = around.docker(&["logs", &app]).unwrap();
            said.contains("knocked").then_some(said)
        });
        assert!(!said.contains(" open"), "start {generation}: {said}");
        assert_eq!(arrivals(&around), clean, "start {generation}");
        // A spare now and then, as in an agent.
        if generation % 2 == 1 {
            assert_eq!(runtime.block_on(engine.guard()).unwrap(), []);
        }
    }
    finish(&runtime, &engine, "first");
    // The same program, the same targets, and nothing that holds it.
    let said = around
        .docker(&["run", "-d", image, "/prober", "init"])
        .unwrap();
    until("the control's end", || {
        let said = around.docker(&["logs", &said]).unwrap();
        said.contains("knocked").then_some(())
    });
    let seen = arrivals(&around);
    assert!(
        seen - clean >= 10,
        "the control is seen {} times",
        seen - clean
    );
}

/// Labels, connections and packets that arrived anywhere, but what the world's kernel asks by itself.
fn arrivals(around: &Neighbourhood) -> usize {
    let counts = |line: &&str| {
        line.starts_with("label ") || line.starts_with("accepted ") || line.starts_with("packet ")
    };
    let own = |line: &&str| !line.contains(" icmp6 ");
    ["world", "host"]
        .into_iter()
        .map(|which| {
            around
                .arrived(which)
                .lines()
                .filter(counts)
                .filter(own)
                .count()
        })
        .sum()
}

fn nothing_is_started_by_a_helper_that_fails() {
    let around = Neighbourhood::new(&BTreeSet::new());
    around.copy_image("codemate/net:1");
    let image = around.prober_image();
    let runtime = Runtime::new().unwrap();
    let prober = prober_bytes(&around);
    let clean = arrivals(&around);
    let try_with = |owner: &str, net: &str| {
        let engine = engine(&around, owner, |settings| {
            settings.guest = prober;
            settings.network.image = net.parse::<ImageRef>().unwrap();
            settings.network.ready_within = Duration::from_secs(4);
        });
        let spec = approved(owner, image, 1, Egress::Open);
        let outcome = runtime.block_on(engine.start(&spec));
        let apps = around
            .docker(&[
                "ps",
                "-aq",
                "--filter",
                "label=dev.codemate.preview.role=app",
            ])
            .unwrap();
        (engine, outcome, apps)
    };
    // The control: the same start succeeds with a go-between that changes nothing.
    let sound = doctored(&around, "sound", "codemate");
    let (engine, outcome, apps) = try_with("sound", &sound);
    outcome.unwrap();
    assert_eq!(apps.lines().count(), 1);
    finish(&runtime, &engine, "sound");

    let modes = [
        "refuses", "dies", "hangs", "lies", "echoes", "vanishes", "weakens",
    ];
    let mut cases = vec![("missing".to_owned(), image.to_owned())];
    for mode in modes {
        let sidecar = doctored(&around, mode, "codemate");
        cases.push((format!("sidecar-{mode}"), sidecar));
        let tag = codemate_tag(&format!("warden-{mode}"));
        let warden = doctored(&around, mode, &format!("codemate_{tag}"));
        cases.push((format!("warden-{mode}"), warden));
    }
    for (owner, net) in &cases {
        let (engine, outcome, apps) = try_with(owner, net);
        let error = outcome.expect_err(owner);
        let kind = matches!(
            error,
            EngineError::Unguarded { .. } | EngineError::Refused { .. }
        );
        assert!(kind, "{owner}: {error}");
        assert_eq!(apps, "", "{owner}");
        finish(&runtime, &engine, owner);
    }
    assert_eq!(arrivals(&around), clean);
}

/// The engine's net image with another `nft` before the real one.
fn doctored(around: &Neighbourhood, mode: &str, table: &str) -> String {
    let tag = format!("net-{mode}-{table}:1");
    let context = around.dir().join(&tag);
    fs::create_dir_all(&context).unwrap();
    let script = include_str!("doctored_nft.sh")
        .replace("MODE", mode)
        .replace("TABLE", table);
    fs::write(context.join("nft"), script).unwrap();
    let dockerfile = "FROM codemate/net:1\nCOPY --chown=0:0 nft /usr/local/sbin/nft\n";
    fs::write(context.join("Dockerfile"), dockerfile).unwrap();
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(context.join("nft"), mode).unwrap();
    around
        .docker(&["build", "-q", "-t", &tag, context.to_str().unwrap()])
        .unwrap();
    tag
}

/// As the engine derives it from the owner.
fn codemate_tag(owner: &str) -> String {
    blake3::hash(owner.as_bytes()).to_hex()[..6].to_owned()
}

/// Nothing is left of an owner.
fn finish(runtime: &Runtime, engine: &Docker, owner: &str) {
    let id = InstanceId::of_directory(owner.as_ref(), None);
    runtime
        .block_on(engine.remove(&id, Duration::ZERO))
        .unwrap();
    runtime.block_on(engine.retire()).unwrap();
}
