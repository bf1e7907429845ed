//! What the engine says of a preview's container: every field that holds it down, by the names of
//! those who ask for it.
//!
//! `PSS`: the Kubernetes Pod Security Standard "restricted". `CIS`: section 5 of the CIS Docker
//! benchmark, as far as a container's own fields say it.

use serde_json::{Value, json};

use crate::{
    Test,
    host::{Host, docker, write},
    world::probes_itself,
};

pub const TESTS: &[Test] = &[
    ("it_is_held_down", it_is_held_down),
    ("a_container_of_its_own_would_not_do", plain_would_not_do),
    ("root_changes_three_fields", root_changes_three_fields),
];

type Check = (&'static str, fn(&Value) -> bool);

fn none(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn words(value: &Value) -> Vec<&str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

fn within(value: &Value, most: u64) -> bool {
    value
        .as_u64()
        .is_some_and(|value| (1..=most).contains(&value))
}

fn volumes_only(all: &Value) -> bool {
    let mounts = all["Mounts"].as_array().unwrap();
    mounts.iter().all(|mount| mount["Type"] == "volume")
}

fn ulimit(all: &Value, name: &str) -> Option<u64> {
    let limits = all["HostConfig"]["Ulimits"].as_array()?;
    let limit = limits.iter().find(|limit| limit["Name"] == name)?;
    (limit["Soft"] == limit["Hard"])
        .then(|| limit["Hard"].as_u64())
        .flatten()
}

/// The profile that was sent, if it is ours: what is not named is refused.
fn profile(all: &Value) -> Option<Value> {
    let options = words(&all["HostConfig"]["SecurityOpt"]);
    let text = options
        .iter()
        .find_map(|option| option.strip_prefix("seccomp="))?;
    let profile: Value = serde_json::from_str(text).ok()?;
    (profile["defaultAction"] == "SCMP_ACT_ERRNO").then_some(profile)
}

const CHECKS: &[Check] = &[
    ("PSS host namespaces: network", |all| {
        all["HostConfig"]["NetworkMode"] != "host"
    }),
    ("PSS host namespaces: PID; CIS 5.16", |all| {
        none(&all["HostConfig"]["PidMode"])
    }),
    ("PSS host namespaces: IPC; CIS 5.17", |all| {
        all["HostConfig"]["IpcMode"] == "private"
    }),
    ("CIS 5.21: the host's UTS namespace", |all| {
        none(&all["HostConfig"]["UTSMode"])
    }),
    ("CIS 5.31: the host's user namespace", |all| {
        none(&all["HostConfig"]["UsernsMode"])
    }),
    ("PSS privileged containers; CIS 5.5", |all| {
        all["HostConfig"]["Privileged"] == false
    }),
    ("PSS capabilities: all dropped; CIS 5.4", |all| {
        words(&all["HostConfig"]["CapDrop"]) == ["ALL"]
    }),
    ("PSS capabilities: none added; CIS 5.4", |all| {
        none(&all["HostConfig"]["CapAdd"])
    }),
    ("PSS hostPath volumes; CIS 5.6, 5.32", |all| {
        none(&all["HostConfig"]["Binds"]) && volumes_only(all)
    }),
    ("PSS volume types: no other container's", |all| {
        none(&all["HostConfig"]["VolumesFrom"])
    }),
    ("PSS host ports; CIS 5.8, 5.9, 5.14", |all| {
        none(&all["HostConfig"]["PortBindings"]) && all["HostConfig"]["PublishAllPorts"] == false
    }),
    ("PSS AppArmor and SELinux: none is switched off", |all| {
        let options = words(&all["HostConfig"]["SecurityOpt"]);
        options
            .iter()
            .all(|option| !option.starts_with("apparmor") && !option.starts_with("label"))
    }),
    ("PSS /proc mount type: masked", |all| {
        let masked = words(&all["HostConfig"]["MaskedPaths"]);
        [
            "/proc/kcore",
            "/proc/keys",
            "/proc/timer_list",
            "/proc/kallsyms",
            "/proc/pressure",
            "/sys/firmware",
            "/sys/fs/bpf",
        ]
        .iter()
        .all(|path| masked.contains(path))
    }),
    ("PSS /proc mount type: read-only", |all| {
        let paths = words(&all["HostConfig"]["ReadonlyPaths"]);
        [
            "/proc/bus",
            "/proc/fs",
            "/proc/irq",
            "/proc/sys",
            "/proc/sysrq-trigger",
        ]
        .iter()
        .all(|path| paths.contains(path))
    }),
    ("PSS sysctls", |all| none(&all["HostConfig"]["Sysctls"])),
    ("PSS privilege escalation; CIS 5.26", |all| {
        words(&all["HostConfig"]["SecurityOpt"]).contains(&"no-new-privileges=true")
    }),
    ("PSS runs as non-root, user and group", |all| {
        all["Config"]["User"] == "1000:1000" && none(&all["HostConfig"]["GroupAdd"])
    }),
    ("PSS seccomp; CIS 5.22", |all| profile(all).is_some()),
    ("PSS seccomp: native calls only", |all| {
        let profile = profile(all).unwrap_or_default();
        let maps = profile["archMap"].as_array().map(Vec::as_slice);
        maps.is_some_and(|maps| maps.iter().all(|map| none(&map["subArchitectures"])))
    }),
    ("CIS 5.11: memory", |all| {
        within(&all["HostConfig"]["Memory"], 1 << 30)
            && all["HostConfig"]["Memory"] == all["HostConfig"]["MemorySwap"]
    }),
    ("CIS 5.12: CPU", |all| {
        within(&all["HostConfig"]["NanoCpus"], 1_000_000_000)
            && within(&all["HostConfig"]["CpuShares"], 512)
    }),
    ("CIS 5.13: the root is read-only", |all| {
        all["HostConfig"]["ReadonlyRootfs"] == true
    }),
    ("CIS 5.15: no restarts by the engine", |all| {
        all["HostConfig"]["RestartPolicy"]["Name"] == "no"
    }),
    ("CIS 5.18: devices", |all| {
        let held = &all["HostConfig"];
        none(&held["Devices"]) && none(&held["DeviceRequests"]) && none(&held["DeviceCgroupRules"])
    }),
    ("CIS 5.19: limits of a process", |all| {
        ulimit(all, "core") == Some(0)
            && ulimit(all, "memlock") == Some(64 << 10)
            && ulimit(all, "nofile") == Some(8192)
            && ulimit(all, "fsize").is_some_and(|bytes| bytes <= 4 << 30)
            // It would count a user's processes over all containers.
            && ulimit(all, "nproc").is_none()
    }),
    ("CIS 5.20: mounts are not shared", |all| {
        let mounts = all["Mounts"].as_array().unwrap();
        mounts
            .iter()
            .all(|mount| words(&json!([mount["Propagation"]])).concat() != "shared")
    }),
    ("CIS 5.25: the cgroup is the engine's choice", |all| {
        none(&all["HostConfig"]["CgroupParent"]) && all["HostConfig"]["CgroupnsMode"] == "private"
    }),
    ("CIS 5.29: processes", |all| {
        within(&all["HostConfig"]["PidsLimit"], 512)
    }),
    (
        "CIS 5.30: the network is not Docker's shared one by name",
        |all| all["HostConfig"]["NetworkMode"] != "default",
    ),
    ("CIS 5.32: the engine's socket", |all| {
        !all["Mounts"].to_string().contains("docker.sock")
    }),
    ("bounded logs", |all| {
        let log = &all["HostConfig"]["LogConfig"];
        log["Type"] == "json-file"
            && log["Config"]["max-file"] == "2"
            && !none(&log["Config"]["max-size"])
    }),
    (
        "small files in memory, none with a device or set-uid",
        |all| {
            let tmpfs = all["HostConfig"]["Tmpfs"].as_object();
            tmpfs.is_some_and(|tmpfs| {
                tmpfs.len() == 2
                    && tmpfs.values().filter_map(Value::as_str).all(|options| {
                        options.contains("nosuid")
                            && options.contains("nodev")
                            && options.contains("size=")
                    })
            })
        },
    ),
    ("the guest cannot be changed", |all| {
        let mounts = all["Mounts"].as_array().unwrap();
        let guest = mounts
            .iter()
            .find(|mount| mount["Destination"] == "/.codemate");
        guest.is_some_and(|mount| mount["RW"] == false)
    }),
    ("no door to the host by name", |all| {
        none(&all["HostConfig"]["ExtraHosts"]) && none(&all["HostConfig"]["Links"])
    }),
    ("taken first when memory is short", |all| {
        all["HostConfig"]["OomScoreAdj"] == 600 && all["HostConfig"]["OomKillDisable"] != true
    }),
    ("the engine's own runtime", |all| {
        ["runc", "crun", "io.containerd.runc.v2"]
            .iter()
            .any(|runtime| all["HostConfig"]["Runtime"] == *runtime)
    }),
    ("it starts where no link leads (CVE-2024-21626)", |all| {
        all["Config"]["WorkingDir"] == "/"
    }),
];

fn inspect(container: &str) -> Value {
    let text = docker(&["inspect", container]).join("\n");
    let all: Value = serde_json::from_str(&text).unwrap();
    all[0].clone()
}

fn failing(all: &Value) -> Vec<&'static str> {
    let failing = CHECKS.iter().filter(|(_, holds)| !holds(all));
    failing.map(|(name, _)| *name).collect()
}

fn it_is_held_down() {
    let host = Host::new();
    host.up(&probes_itself(&host, "")).url();
    assert_eq!(failing(&inspect(&host.container())), [""; 0]);
}

/// The control: a container as Docker makes it, with what this host's images bring.
fn plain_would_not_do() {
    let name = format!("cmp-test-plain-{}", std::process::id());
    docker(&[
        "create",
        "--name",
        &name,
        "--publish",
        "127.0.0.1::80",
        "--volume",
        "/tmp:/host",
        "--pid",
        "host",
        "codemate/python:3.11",
    ]);
    let all = inspect(&name);
    docker(&["rm", "--force", &name]);
    let failing = failing(&all);
    println!(
        "{} of {} fields fail in a container as it comes",
        failing.len(),
        CHECKS.len()
    );
    assert!(failing.len() >= 20, "{failing:#?}");
}

fn root_changes_three_fields() {
    let host = Host::new();
    write(
        &host.config().join("config.toml"),
        "[sandbox]\nallow_root = true\n",
    );
    host.up(&probes_itself(&host, "[sandbox]\nroot = true\n"))
        .url();
    let all = inspect(&host.container());
    assert_eq!(
        failing(&all),
        [
            "PSS capabilities: none added; CIS 5.4",
            "PSS runs as non-root, user and group"
        ]
    );
    assert_eq!(all["Config"]["User"], "0:0");
    assert_eq!(
        words(&all["HostConfig"]["CapAdd"]),
        ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]
    );
    let tmpfs = &all["HostConfig"]["Tmpfs"]["/run"];
    assert!(
        tmpfs.as_str().unwrap().ends_with("uid=0,gid=0,mode=0755"),
        "{tmpfs}"
    );
}
