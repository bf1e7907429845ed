//! How a container is held down, as the engine tells it and as it is inside.

use codemate_preview::engine::Engine;
use serde_json::{Value, json};

use super::{Rig, approved, approved_of, docker, variable};

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
    let swappiness = match docker(&["info", "--format", "{{.CgroupVersion}}"]).as_str() {
        "1" => json!(0),
        _ => Value::Null,
    };
    let want = json!({
        "ReadonlyRootfs": true,
        "CapDrop": ["ALL"],
        "CapAdd": null,
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
        "MemorySwappiness": swappiness,
        "NanoCpus": 1_000_000_000,
        "CpuShares": 512,
        "PidsLimit": limits.pids,
        "OomScoreAdj": 600,
        "ShmSize": 256 << 20,
        "Init": false,
        "AutoRemove": false,
        "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
        "LogConfig": { "Type": "json-file", "Config": { "max-file": "2", "max-size": (limits.log_bytes / 2).to_string() } },
        "Ulimits": [
            { "Name": "core", "Hard": 0, "Soft": 0 },
            { "Name": "fsize", "Hard": 4_u64 << 30, "Soft": 4_u64 << 30 },
            { "Name": "memlock", "Hard": 64 << 10, "Soft": 64 << 10 },
            { "Name": "nofile", "Hard": limits.open_files, "Soft": limits.open_files },
        ],
    });
    for (field, want) in want.as_object().unwrap() {
        assert_eq!(&host[field], want, "{field}");
    }
    let options = host["SecurityOpt"].as_array().unwrap();
    assert_eq!(options[0], "no-new-privileges=true");
    let profile = options[1].as_str().unwrap().strip_prefix("seccomp=");
    let profile: Value = serde_json::from_str(profile.unwrap()).unwrap();
    assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
    assert_eq!(options.len(), 2);
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
async fn a_runtime_is_taken_by_its_name() {
    let rig = Rig::new("a_runtime_is_taken_by_its_name");
    let offered = rig.engine.abilities().await.unwrap();
    assert!(offered.runtimes.contains("runc"), "{offered:?}");
    assert!(offered.unenforced.is_empty(), "{offered:?}");
    // Every engine since 20.10 has this one too, and none has it as its default.
    let other = "io.containerd.runc.v2";
    let mut spec = rig.spec();
    spec.sandbox.runtime = Some(other.to_owned());
    rig.engine
        .start(&approved_of(spec.clone(), &[other]))
        .await
        .unwrap();
    assert_eq!(inspect(&rig)["HostConfig"]["Runtime"], other);
    // One it has not: the engine's own word, had approval been told otherwise.
    spec.sandbox.runtime = Some("no-such-runtime".to_owned());
    spec.generation += 1;
    let refused = rig
        .engine
        .start(&approved_of(spec, &["no-such-runtime"]))
        .await;
    assert!(refused.unwrap_err().to_string().contains("no-such-runtime"));
    assert!(rig.containers().is_empty());
}

#[tokio::test]
async fn root_has_five_capabilities_and_its_own_run() {
    let rig = Rig::new("root_has_five_capabilities_and_its_own_run");
    let mut spec = rig.spec();
    spec.sandbox.root = true;
    rig.engine.start(&approved(spec)).await.unwrap();
    let host = &inspect(&rig)["HostConfig"];
    let five = json!(["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]);
    assert_eq!(host["CapAdd"], five);
    assert_eq!(host["CapDrop"], json!(["ALL"]));
    assert_eq!(rig.run(&["stat", "/run"]).await.0, "0:0 755");
    assert_eq!(rig.run(&["env", "USER"]).await.0, "root");
    assert_eq!(rig.run(&["write", "/home/app/x"]).await.0, "written");
    assert_eq!(rig.run(&["stat", "/home/app/x"]).await.0, "0:0 644");
    assert_eq!(rig.run(&["write", "/etc/x"]).await.0, "30");
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
