//! The store on a real file system.

use std::{
    collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Barrier,
};

use codemate_preview::{
    model::{InstanceId, Limits, Name, Options, Phase, Secret},
    store::{Intent, Record, SourceRecord, Store, StoreError, VERSION},
};

fn record(id: &str) -> Record {
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let mut options = Options::default();
    options
        .env
        .insert("TOKEN".to_owned(), Secret::new("s3cret"));
    Record {
        id: id.parse().unwrap(),
        name: "shop".parse().unwrap(),
        source: SourceRecord::Local {
            directory: "/projects/shop".to_owned(),
        },
        label: Some(Name::slug("two")),
        options,
        env_flags: BTreeSet::new(),
        secrets_revision: 0,
        plan: None,
        generation: 3,
        intent: Intent::Up,
        phase: Phase::Asleep { since: at },
        install_key: Some("k".to_owned()),
        remedies: codemate_preview::store::Remedies::default(),
        home_volume: format!("cmp-{id}-home"),
        port: Some(5000),
        answered: None,
        last_exit: None,
        tunnel: None,
        public_url: None,
        limits: Limits {
            cpus: 0.5,
            memory_bytes: 1 << 30,
            pids: 512,
            open_files: 8192,
            log_bytes: 10 << 20,
            tmp_bytes: 256 << 20,
            disk_bytes: 4 << 30,
        },
        owner: None,
        created: at,
        updated: at,
    }
}

const A: &str = "0123456789ab";
const B: &str = "ba9876543210";

fn id(text: &str) -> InstanceId {
    text.parse().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(dir.path().join("state")).unwrap()
}

#[test]
fn what_was_saved_is_found_again_and_seen_by_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.save(&record(B)).unwrap();
    store.save(&record(A)).unwrap();
    let mut newer = record(A);
    newer.generation = 4;
    store.save(&newer).unwrap();

    let again = open(&dir);
    assert_eq!(again.load(&id(A)).unwrap(), Some(newer.clone()));
    let loaded = again.load_all().unwrap();
    assert_eq!(loaded.records, [newer, record(B)]);
    assert_eq!(loaded.unreadable, []);

    let instances = store.dir().join("instances");
    assert_eq!(mode(store.dir()), 0o700);
    assert_eq!(mode(&instances), 0o700);
    assert_eq!(mode(&instances.join(format!("{A}.json"))), 0o600);
    assert_eq!(
        fs::read_dir(&instances).unwrap().count(),
        2,
        "nothing temporary stays"
    );
}

#[test]
fn values_are_beside_the_record_and_go_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.save(&record(A)).unwrap();
    let file = |kind: &str| store.dir().join(kind).join(format!("{A}.json"));
    let text = fs::read_to_string(file("instances")).unwrap();
    assert!(text.contains("TOKEN") && !text.contains("s3cret"), "{text}");
    // The control: it is somewhere, and that is where it is looked for.
    let text = fs::read_to_string(file("secrets")).unwrap();
    assert!(text.contains("s3cret"), "{text}");
    assert_eq!(mode(&file("secrets")), 0o600);
    // Lost or damaged, they take nothing else along.
    fs::write(file("secrets"), "{").unwrap();
    let found = store.load(&id(A)).unwrap().unwrap();
    assert!(found.options.env.is_empty());
    store.save(&record(A)).unwrap();
    assert_eq!(store.load(&id(A)).unwrap(), Some(record(A)));
    store.remove(&id(A)).unwrap();
    assert!(!file("secrets").exists());
}

#[test]
fn it_is_down_once_it_went_down() {
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let down = |intent, phase| {
        let of = Record {
            intent,
            phase,
            ..record(A)
        };
        of.down_since()
    };
    assert_eq!(down(Intent::Down, Phase::Asleep { since: at }), Some(at));
    // It sleeps, and a request wakes it.
    assert_eq!(down(Intent::Up, Phase::Asleep { since: at }), None);
    // Its `down` is under way: the time is that of what still runs, and is older than that of one
    // that went down meanwhile.
    for phase in [
        Phase::Creating { since: at },
        Phase::Installing { since: at },
        Phase::Starting { since: at },
    ] {
        assert_eq!(down(Intent::Down, phase.clone()), None, "{phase:?}");
    }
}

#[test]
fn removing_twice_is_removing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.save(&record(A)).unwrap();
    store.remove(&id(A)).unwrap();
    store.remove(&id(A)).unwrap();
    assert_eq!(store.load(&id(A)).unwrap(), None);
}

#[test]
fn damaged_records_are_put_aside_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.save(&record(A)).unwrap();
    let instances = store.dir().join("instances");
    let bad: [(&str, &[u8]); 4] = [
        ("000000000001", b""),
        ("000000000002", b"{\"version\":1,\"id\":"),
        ("000000000003", b"{\"id\":\"000000000003\"}"),
        ("000000000004", b"\xff\xfe"),
    ];
    for (name, content) in bad {
        fs::write(instances.join(format!("{name}.json")), content).unwrap();
    }
    // Another instance's record under a name that is not its own.
    fs::copy(
        instances.join(format!("{A}.json")),
        instances.join(format!("{B}.json")),
    )
    .unwrap();

    let loaded = store.load_all().unwrap();
    assert_eq!(loaded.records, [record(A)]);
    assert_eq!(loaded.unreadable.len(), 5);
    for unreadable in &loaded.unreadable {
        assert!(unreadable.path.exists(), "{unreadable:?}");
        assert!(
            unreadable.path.to_str().unwrap().ends_with(".json.bad"),
            "{unreadable:?}"
        );
    }

    fs::write(instances.join("000000000001.json"), "again").unwrap();
    let again = store.load_all().unwrap();
    assert_eq!(again.records.len(), 1);
    assert!(
        again.unreadable[0]
            .path
            .ends_with("000000000001.json.1.bad"),
        "the first is kept too"
    );
}

#[test]
fn a_newer_programs_record_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let path = store.dir().join("instances").join(format!("{A}.json"));
    fs::write(&path, format!("{{\"version\":{}}}", VERSION + 1)).unwrap();
    let loaded = store.load_all().unwrap();
    assert_eq!(loaded.records, []);
    assert_eq!(loaded.unreadable[0].path, path);
    assert!(path.exists());
}

#[test]
fn everyone_who_asks_gets_the_same_owner() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let start = Barrier::new(8);
    let owners: Vec<String> = std::thread::scope(|scope| {
        let asks = || {
            start.wait();
            store.owner().unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(asks)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(owners[0].len(), 16);
    assert!(owners.iter().all(|owner| *owner == owners[0]));
    assert_eq!(open(&dir).owner().unwrap(), owners[0]);
    assert_eq!(mode(&store.dir().join("owner")), 0o600);

    fs::write(store.dir().join("owner"), "not it").unwrap();
    assert!(matches!(store.owner(), Err(StoreError::Damaged { .. })));
}

#[test]
fn the_gateways_port_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    assert_eq!(store.gateway_port().unwrap(), None);
    store.set_gateway_port(7071).unwrap();
    assert_eq!(open(&dir).gateway_port().unwrap(), Some(7071));
    fs::write(store.dir().join("agent.json"), "{").unwrap();
    assert_eq!(
        store.gateway_port().unwrap(),
        None,
        "a lost preference is no failure"
    );
}

/// Of what is older, the values are moved out when it is read.
const FIRST_WITHOUT_VALUES: u64 = 4;

#[test]
fn records_of_every_version_are_read() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store");
    for version in 1..=VERSION {
        let mut read = 0;
        for file in fs::read_dir(fixtures.join(format!("v{version}"))).unwrap() {
            let file = file.unwrap().path();
            let dir = tempfile::tempdir().unwrap();
            let store = open(&dir);
            let name = file.file_name().unwrap();
            fs::copy(&file, store.dir().join("instances").join(name)).unwrap();
            if version >= FIRST_WITHOUT_VALUES {
                let kept = store.dir().join("secrets").join(name);
                fs::create_dir(kept.parent().unwrap()).unwrap();
                fs::write(kept, r#"{"given":{"TOKEN":"s3cret","OLDER":"x"}}"#).unwrap();
            }
            let loaded = store.load_all().unwrap();
            assert_eq!(loaded.unreadable, [], "{}", file.display());
            let token = Secret::new("s3cret");
            let env = [("TOKEN".to_owned(), token)].into();
            assert_eq!(loaded.records[0].options.env, env, "{}", file.display());
            let now = fs::read_to_string(store.dir().join("instances").join(name)).unwrap();
            assert!(!now.contains("s3cret"), "{}", file.display());
            assert_eq!(store.load_all().unwrap().records, loaded.records);
            if version == VERSION {
                store.save(&loaded.records[0]).unwrap();
                let now = fs::read_to_string(store.dir().join("instances").join(name)).unwrap();
                assert_eq!(
                    now,
                    fs::read_to_string(&file).unwrap(),
                    "the format changed: make a new version"
                );
            }
            read += 1;
        }
        assert!(read > 0, "no record of version {version} to read");
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(file.join("state")).unwrap_err();
    assert!(
        matches!(&error, StoreError::Io { path, .. } if path.starts_with(&file)),
        "{error}"
    );
}
