//! No project's settings reach a field that holds its container down: hostile and random texts go
//! the whole way from the file to what the engine is asked, beside an ordinary project's.

mod hostile;

use std::{cell::Cell, collections::BTreeSet, fs};

use jiff::Timestamp;
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::{
    config::{Env, project_options},
    engine::docker::body_of,
    lifecycle::{
        LifecycleError,
        instance::{
            environment::variables::Variables,
            prepare::{Decision, limits_of, spec_of},
        },
    },
    model::{ContainerSpec, ImageInfo, InstanceId, Options, Phase},
    project::{self, LocalTree, Templates},
    security::{Abilities, LimitRequest, Policy, limits},
    store::{InstanceSecrets, Intent, Record, SourceRecord},
};
use hostile::{file, quoted};

/// What a project may choose within what the policy gives. All else must be as it always is.
const CHOSEN: [&str; 4] = ["/Image", "/Env", "/Labels", "/HostConfig"];
const CHOSEN_OF_HOST: [&str; 3] = ["Memory", "MemorySwap", "NanoCpus"];
const MOST_MEMORY: u64 = 2 << 30;
const MOST_DISK: u64 = 16 << 30;
const MOST_CPUS: f64 = 2.0;

struct Rig {
    dir: tempfile::TempDir,
    templates: Templates,
    record: Record,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("main.py"), "print()\n").unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/main.py"), "print()\n").unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let id: InstanceId = "0123456789ab".parse().unwrap();
        let record = Record {
            name: "shop".parse().unwrap(),
            source: SourceRecord::Local {
                directory: dir.path().to_str().unwrap().to_owned(),
            },
            label: None,
            options: Options::default(),
            env_flags: BTreeSet::new(),
            secrets_revision: 0,
            plan: None,
            generation: 0,
            intent: Intent::Up,
            phase: Phase::Asleep { since: now },
            install_key: None,
            remedies: crate::store::Remedies::default(),
            home_volume: format!("cmp-{id}-home"),
            port: None,
            answered: None,
            last_exit: None,
            tunnel: None,
            public_url: None,
            limits: limits(LimitRequest::default()),
            owner: None,
            created: now,
            updated: now,
            id,
        };
        Self {
            dir,
            templates: Templates::embedded(),
            record,
        }
    }

    /// The spec that follows from the settings' text, or that it is refused.
    fn spec(&self, text: &[u8]) -> Result<ContainerSpec, LifecycleError> {
        let dir = self.dir.path();
        fs::write(dir.join("codemate-preview.toml"), text).unwrap();
        let options = project_options(dir, &Env::default())?;
        let tree = LocalTree::open(dir)?;
        let plan = project::detect(&tree, &self.templates, &options)?.plan;
        let env_flags = BTreeSet::new();
        let decision = Decision {
            limits: limits_of(&options)?,
            variables: Variables::of(&options, &env_flags, &InstanceSecrets::default()),
            env_flags,
            anew: false,
            plan,
            options,
        };
        let image = ImageInfo {
            id: "sha256:0".to_owned(),
            tags: Vec::new(),
            size_bytes: 0,
            created: 0,
            env: Vec::new(),
            recipe: None,
        };
        let policy = Policy {
            most_cpus: MOST_CPUS,
            most_memory_bytes: MOST_MEMORY,
            most_disk_bytes: MOST_DISK,
            least_free_bytes: 0,
            most_kept_bytes: u64::MAX,
            most_image_bytes: u64::MAX,
            allow_root: false,
            egress: crate::model::Egress::Open,
            runtime: None,
            runtimes: Vec::new(),
        };
        let engine = Abilities {
            runtimes: ["runc".to_owned(), "runsc".to_owned()].into(),
            cpus: 2,
            memory_bytes: 0,
            unenforced: Vec::new(),
        };
        let approved = policy.approve(spec_of(&self.record, &decision, &image), &engine)?;
        Ok((*approved).clone())
    }

    fn body(&self, text: &[u8]) -> Result<Value, LifecycleError> {
        let spec = self.spec(text)?;
        Ok(serde_json::to_value(body_of(&spec, true, &[])).unwrap())
    }
}

/// The first thing that is not as in the ordinary body.
fn difference(ordinary: &Value, body: &Value) -> Option<String> {
    let fields = |value: &Value| value.as_object().unwrap().clone();
    let (ordinary_host, host) = (fields(&ordinary["HostConfig"]), fields(&body["HostConfig"]));
    let (ordinary, body) = (fields(ordinary), fields(body));
    let among = |was: &serde_json::Map<String, Value>,
                 is: &serde_json::Map<String, Value>,
                 free: &dyn Fn(&str) -> bool| {
        let names = was.keys().chain(is.keys());
        names
            .filter(|name| !free(name) && was.get(*name) != is.get(*name))
            .map(Clone::clone)
            .next()
    };
    among(&ordinary, &body, &|name| {
        CHOSEN.contains(&format!("/{name}").as_str())
    })
    .or_else(|| {
        among(&ordinary_host, &host, &|name| {
            CHOSEN_OF_HOST.contains(&name)
        })
    })
    .or_else(|| own_variables(&body["Env"]))
    .or_else(|| limits_held(&host))
    .or_else(|| (body["Labels"] != ordinary["Labels"]).then(|| "Labels".to_owned()))
}

/// The sandbox's own are there once, as they always are.
fn own_variables(env: &Value) -> Option<String> {
    let all: Vec<&str> = env
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    [
        "HOME=/home/app",
        "USER=app",
        "CODEMATE_GUEST_ID=0123456789ab",
        "CODEMATE_GUEST_GENERATION=1",
        "CODEMATE_GUEST_WORKSPACE=/home/app/workspace",
    ]
    .into_iter()
    .find(|own| {
        let name = own.split_once('=').unwrap().0;
        let named = all
            .iter()
            .filter(|pair| pair.split('=').next() == Some(name));
        named.copied().collect::<Vec<_>>() != [*own]
    })
    .map(str::to_owned)
}

fn limits_held(host: &serde_json::Map<String, Value>) -> Option<String> {
    let number = |name: &str| host[name].as_f64().unwrap();
    let least = f64::from(u32::try_from(Policy::LEAST_MEMORY).unwrap());
    let held = number("Memory") >= least
        && host["Memory"]
            .as_u64()
            .is_some_and(|bytes| bytes <= MOST_MEMORY)
        && host["Memory"] == host["MemorySwap"]
        && number("NanoCpus") >= 0.0
        && number("NanoCpus") <= MOST_CPUS * 1e9;
    (!held).then(|| "the limits".to_owned())
}

#[test]
fn no_settings_of_a_project_change_what_holds_it() {
    let rig = Rig::new();
    let ordinary = rig.body(b"").unwrap();
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&file(), |text| {
        match rig.body(text.as_bytes()) {
            Ok(body) => {
                taken.set(taken.get() + 1);
                prop_assert_eq!(difference(&ordinary, &body), None, "{}", text);
            }
            Err(_) => refused.set(refused.get() + 1),
        }
        Ok(())
    });
    outcome.unwrap();
    // Both roads were gone often enough to say anything.
    assert!(taken.get() > 100, "{} taken", taken.get());
    assert!(refused.get() > 100, "{} refused", refused.get());
}

#[test]
fn bytes_that_are_no_settings_change_nothing() {
    let rig = Rig::new();
    let ordinary = rig.body(b"").unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&vec(any::<u8>(), 0..64), |bytes| {
        if let Ok(body) = rig.body(&bytes) {
            prop_assert_eq!(difference(&ordinary, &body), None);
        }
        Ok(())
    });
    outcome.unwrap();
}

/// The control: each field that was changed is one the comparison sees.
#[test]
fn a_changed_field_is_seen() {
    let rig = Rig::new();
    let ordinary = rig.body(b"").unwrap();
    assert_eq!(difference(&ordinary, &ordinary), None);
    let mut seen = 0;
    let paths = ["", "/HostConfig"];
    for path in paths {
        let names: Vec<String> = ordinary
            .pointer(path)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        for name in names {
            if path.is_empty() && ["Image", "HostConfig"].contains(&name.as_str()) {
                continue;
            }
            let mut changed = ordinary.clone();
            let field = changed.pointer_mut(path).unwrap();
            field[&name] = match &field[&name] {
                Value::Bool(value) => json!(!value),
                Value::Number(_) => json!(1_u64 << 50),
                Value::String(text) => json!(format!("{text}x")),
                Value::Array(list) => json!([list.as_slice(), &[json!("HOME=/")]].concat()),
                Value::Object(_) | Value::Null => json!({ "x": "y" }),
            };
            assert!(difference(&ordinary, &changed).is_some(), "{path}/{name}");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
    for added in [
        "Devices",
        "Binds",
        "PidMode",
        "UsernsMode",
        "CgroupParent",
        "Sysctls",
        "VolumesFrom",
    ] {
        let mut changed = ordinary.clone();
        changed["HostConfig"][added] = json!("host");
        assert_eq!(difference(&ordinary, &changed).as_deref(), Some(added));
    }
}

/// The way of CVE-2024-21626: a working directory that is an open file of the engine's.
#[test]
fn a_root_outside_the_project_is_refused() {
    let rig = Rig::new();
    for root in [
        "/proc/self/fd/7",
        "/proc/self/fd/8/../..",
        "../../proc/self/fd/7",
        "sub/../../x",
    ] {
        let text = format!("root = {}", quoted(root));
        let refused = rig.spec(text.as_bytes()).unwrap_err();
        assert!(
            matches!(refused, LifecycleError::Project(_)),
            "{root}: {refused}"
        );
    }
    let body = rig.body(b"root = \"sub\"").unwrap();
    assert_eq!(body["WorkingDir"], "/");
}
