//! How a container is held down, as the engine tells it and as it is inside.

use codemate_preview::engine::Engine;
use serde_json::{Value, json};

use super::{Rig, approved, docker, variable};

fn inspect(rig: &Rig) -> Value {
    let text = docker(&["inspect", &rig.containers()[0]]);
    let mut all: Vec<Value> = serde_json::from_str(&text).unwrap();
    all.remove(0)
}

#[tokio::test]
async fn every_field_of_the_sandbox_is_set() {
    let rig = Rig::new("every_field_of_the_sandbox_is_set");
    let spec = rig.spec();
    let limits = spec.limits;
    rig.engine.start(&approved(spec.clone())).await.unwrap();
    let told = inspect(&rig);
    let host = &told["HostConfig"];
    let want = json!({
        "ReadonlyRootfs": true,
        "CapDrop": ["ALL"],
        "CapAdd": null,
        "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": false,
        "Binds": null,
        "Devices": null,
        "VolumesFrom": null,
        "PidMode": "",
        "IpcMode": "private",
        "UTSMode": "",
        "CgroupnsMode": "private",
        "PublishAllPorts": false,
        "Memory": limits.memory_bytes,
        "MemorySwap": limits.memory_bytes,
        "NanoCpus": 1_000_000_000,
        "PidsLimit": limits.pids,
        "OomScoreAdj": 600,
        "ShmSize": 64 << 20,
        "Init": false,
        "AutoRemove": false,
        "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
        "LogConfig": { "Type": "json-file", "Config": { "max-file": "2", "max-size": (limits.log_bytes / 2).to_string() } },
        "Ulimits": [
            { "Name": "core", "Hard": 0, "Soft": 0 },
            { "Name": "nofile", "Hard": limits.open_files, "Soft": limits.open_files },
        ],
    });
    for (field, want) in want.as_object().unwrap() {
        assert_eq!(&host[field], want, "{field}");
    }
    assert_eq!(told["Config"]["User"], "1000:1000");
    let masked = host["MaskedPaths"].as_array().unwrap();
    for path in [
        "/proc/kcore",
        "/proc/keys",
        "/sys/firmware",
        "/proc/kallsyms",
        "/sys/fs/bpf",
        "/sys/kernel/security",
    ] {
        assert!(masked.contains(&json!(path)), "{path}");
    }
    assert!(
        host["ReadonlyPaths"]
            .as_array()
            .unwrap()
            .contains(&json!("/proc/sys"))
    );
}

#[tokio::test]
async fn inside_only_home_and_tmp_can_be_written() {
    let rig = Rig::new("inside_only_home_and_tmp_can_be_written");
    rig.engine.start(&approved(rig.spec())).await.unwrap();
    let read_only = "30";
    for (path, want) in [
        ("/x", read_only),
        ("/etc/x", read_only),
        ("/.codemate/x", read_only),
        ("/home/app/x", "written"),
        ("/tmp/x", "written"),
        ("/run/x", "written"),
    ] {
        let (told, _) = rig.run(&["write", path]).await;
        // A directory an empty image lacks counts as one that cannot be written to.
        assert!(
            told == want || (want == read_only && told == "2"),
            "{path}: {told}"
        );
    }
    assert_eq!(rig.run(&["stat", "/home/app"]).await.0, "1000:1000 755");
    assert_eq!(rig.run(&["stat", "/run"]).await.0, "1000:1000 700");
    assert_eq!(rig.run(&["stat", "/tmp"]).await.0, "0:0 1777");
}

#[tokio::test]
async fn the_environment_is_the_users_and_ours() {
    let test = "the_environment_is_the_users_and_ours";
    let bundle = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bundle.path(), "a bundle").unwrap();
    let rig = Rig::with(test, |settings| {
        settings.ca_bundle = Some(bundle.path().to_owned());
    });
    let mut spec = rig.spec();
    spec.env
        .extend([variable("MINE", "a b=c"), variable("HOME", "/elsewhere")]);
    rig.engine.start(&approved(spec)).await.unwrap();
    for (name, want) in [
        ("MINE", "a b=c"),
        ("HOME", "/home/app"),
        ("USER", "app"),
        ("CODEMATE_GUEST_GENERATION", "1"),
        ("NODE_EXTRA_CA_CERTS", "/.codemate/ca.crt"),
        ("SSL_CERT_FILE", "/.codemate/ca.crt"),
    ] {
        assert_eq!(rig.run(&["env", name]).await.0, want, "{name}");
    }
    assert!(
        rig.run(&["env", "PATH"])
            .await
            .0
            .starts_with("/home/app/venv/bin:/home/app/workspace/node_modules/.bin:/")
    );
    assert_eq!(rig.run(&["stat", "/.codemate/ca.crt"]).await.0, "0:0 444");
}
