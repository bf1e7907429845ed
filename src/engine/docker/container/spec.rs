//! From our words to the engine's: how a container is held down. Pure.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig,
    Mount as DockerMount, MountType, MountVolumeOptions, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};

use super::{masks, seccomp};
use crate::{
    engine::{Owner, docker::network::Sidecar, labels},
    model::ContainerSpec,
};

/// Where the guest volume is seen inside.
pub const GUEST_DIR: &str = "/.codemate";
pub const GUEST: &str = "/.codemate/guest";
pub const CA: &str = "/.codemate/ca.crt";
/// The user everything inside runs as, and the one where the host's owner allows root.
const USER: &str = "1000:1000";
const ROOT: &str = "0:0";
/// All that root inside has: what images need that hand a directory to another user and become it. None of these reaches past the container's own files and processes.
const ROOT_CAPABILITIES: [&str; 5] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"];

/// Of one file. The volume's own limit is elsewhere; this keeps one runaway file from reaching it
/// between two looks.
const FILE_BYTES: i64 = 4 << 30;
/// What one process may keep from being swapped: enough for keys, nothing for hogs.
const LOCKED_BYTES: i64 = 64 << 10;
/// Half of what everything else on a host has, so that the engine, the agent and the user's own
/// programs come first where CPU is short. Beside two previews that spin, a 2 ms computation of the
/// host's took 2.3 ms in nine of ten cases, and 3.1 ms with equal shares, on 2 CPUs.
const CPU_SHARES: i64 = 512;

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables by which programs find the certificate authorities they trust.
const CA_VARIABLES: [&str; 6] = [
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
];

/// What a container needs besides its spec.
#[derive(Debug, Clone, Copy)]
pub struct CreateContext<'a> {
    pub owner: &'a Owner,
    pub guest_volume: &'a str,
    /// Whether the guest volume holds certificate authorities.
    pub has_ca: bool,
    /// The image's own environment.
    pub image_env: &'a [String],
    /// Whose network it gets.
    pub sidecar: &'a Sidecar,
    /// Whether the engine's control groups know a container's swappiness.
    pub knows_swappiness: bool,
}

/// The name of an instance's container, from which alone it can be found again.
pub fn container_name(owner: &Owner, spec: &ContainerSpec) -> String {
    let owner: String = owner.0.chars().take(6).collect();
    format!(
        "cmp-{owner}-{}-{}-{}",
        spec.name,
        &spec.id.as_str()[..6],
        spec.generation
    )
}

pub fn container(spec: &ContainerSpec, context: CreateContext<'_>) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image.to_string()),
        entrypoint: Some(vec![GUEST.to_owned(), "init".to_owned()]),
        // Empty, so that the image's own is not appended.
        cmd: Some(Vec::new()),
        working_dir: Some("/".to_owned()),
        user: Some(if spec.sandbox.root { ROOT } else { USER }.to_owned()),
        env: Some(environment(spec, context)),
        labels: Some(
            labels::of_container(context.owner, spec)
                .into_iter()
                .chain(labels::of_network(
                    &context.sidecar.claim.name,
                    &context.sidecar.endpoint,
                ))
                .collect(),
        ),
        tty: Some(false),
        open_stdin: Some(false),
        attach_stdout: Some(false),
        attach_stderr: Some(false),
        stop_signal: Some("SIGTERM".to_owned()),
        host_config: Some(host_config(spec, context)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(spec: &ContainerSpec, context: CreateContext<'_>) -> HostConfig {
    let limits = spec.limits;
    let memory = to_i64(limits.memory_bytes);
    HostConfig {
        mounts: Some(vec![
            volume(context.guest_volume, GUEST_DIR, true),
            volume(&spec.home_volume, ContainerSpec::HOME, false),
        ]),
        readonly_rootfs: Some(true),
        tmpfs: Some(tmpfs(limits.tmp_bytes, spec.sandbox.root)),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: spec.sandbox.root.then(|| owned(&ROOT_CAPABILITIES)),
        security_opt: Some(vec![
            "no-new-privileges=true".to_owned(),
            seccomp::option().to_owned(),
        ]),
        runtime: spec.sandbox.runtime.clone(),
        privileged: Some(false),
        memory: Some(memory),
        memory_swap: Some(memory),
        memory_swappiness: context.knows_swappiness.then_some(0),
        nano_cpus: Some(nano_cpus(limits.cpus)),
        cpu_shares: Some(CPU_SHARES),
        pids_limit: Some(i64::from(limits.pids)),
        ulimits: Some(ulimits(limits.open_files)),
        oom_score_adj: Some(600),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        network_mode: Some(format!("container:{}", context.sidecar.container)),
        shm_size: Some(256 << 20),
        log_config: Some(log_config(limits.log_bytes)),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        // The guest is the init.
        init: Some(false),
        auto_remove: Some(false),
        publish_all_ports: Some(false),
        masked_paths: Some(owned(&masks::MASKED)),
        readonly_paths: Some(owned(&masks::READ_ONLY)),
        ..HostConfig::default()
    }
}

fn environment(spec: &ContainerSpec, context: CreateContext<'_>) -> Vec<String> {
    let mut env: HashMap<&str, String> = spec
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    if context.has_ca {
        for name in CA_VARIABLES {
            env.entry(name).or_insert_with(|| CA.to_owned());
        }
    }
    let path = env
        .remove("PATH")
        .unwrap_or_else(|| path_of(context.image_env).to_owned());
    let home = ContainerSpec::HOME;
    env.insert(
        "PATH",
        format!(
            "{home}/venv/bin:{}/node_modules/.bin:{path}",
            ContainerSpec::WORKSPACE
        ),
    );
    env.insert("HOME", home.to_owned());
    let user = if spec.sandbox.root { "root" } else { "app" };
    env.insert("USER", user.to_owned());
    env.insert("CODEMATE_GUEST_ID", spec.id.to_string());
    env.insert("CODEMATE_GUEST_GENERATION", spec.generation.to_string());
    env.insert(
        "CODEMATE_GUEST_WORKSPACE",
        ContainerSpec::WORKSPACE.to_owned(),
    );
    let mut env: Vec<String> = env
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    env.sort();
    env
}

fn path_of(image_env: &[String]) -> &str {
    let set = image_env.iter().find_map(|pair| pair.strip_prefix("PATH="));
    set.filter(|path| !path.is_empty()).unwrap_or(DEFAULT_PATH)
}

pub fn volume(name: &str, at: &str, read_only: bool) -> DockerMount {
    DockerMount {
        typ: Some(MountType::VOLUME),
        source: Some(name.to_owned()),
        target: Some(at.to_owned()),
        read_only: Some(read_only),
        // The guest volume must not take over what an image has at that path.
        volume_options: read_only.then(|| MountVolumeOptions {
            no_copy: Some(true),
            ..MountVolumeOptions::default()
        }),
        ..DockerMount::default()
    }
}

fn tmpfs(tmp_bytes: u64, root: bool) -> HashMap<String, String> {
    // Users that root becomes look for their sockets there.
    let run = if root {
        "uid=0,gid=0,mode=0755"
    } else {
        "uid=1000,gid=1000,mode=0700"
    };
    [
        (
            "/tmp",
            format!("rw,exec,nosuid,nodev,size={tmp_bytes},mode=1777"),
        ),
        ("/run", format!("rw,noexec,nosuid,nodev,size=16m,{run}")),
    ]
    .map(|(path, options)| (path.to_owned(), options))
    .into()
}

/// No limit on processes here: it would count a user's over all containers.
fn ulimits(open_files: u32) -> Vec<ResourcesUlimits> {
    let both = |name: &str, value: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    };
    vec![
        both("core", 0),
        both("fsize", FILE_BYTES),
        both("memlock", LOCKED_BYTES),
        both("nofile", i64::from(open_files)),
    ]
}

/// Two files, so that half of what may be kept is always there after a rotation.
fn log_config(log_bytes: u64) -> HostConfigLogConfig {
    let config = [("max-size", (log_bytes / 2).max(1 << 16)), ("max-file", 2)];
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(
            config
                .map(|(key, value)| (key.to_owned(), value.to_string()))
                .into(),
        ),
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn to_i64(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "approved: between 0 and the host's CPUs"
)]
fn nano_cpus(cpus: f64) -> i64 {
    (cpus * 1e9).round() as i64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        model::{InstanceId, Limits, Sandbox},
        security::{LimitRequest, limits},
    };

    pub fn spec() -> ContainerSpec {
        let id: InstanceId = "0123456789ab".parse().unwrap();
        ContainerSpec {
            name: "shop".parse().unwrap(),
            generation: 3,
            image: "codemate/python:3.11".parse().unwrap(),
            env: [("A".to_owned(), "1".to_owned())].into(),
            limits: Limits {
                cpus: 0.29,
                ..limits(LimitRequest::default())
            },
            sandbox: Sandbox::default(),
            home_volume: format!("cmp-{id}-home"),
            id,
        }
    }

    pub fn body(spec: &ContainerSpec, has_ca: bool, image_env: &[String]) -> ContainerCreateBody {
        let owner = Owner("o".to_owned());
        container(
            spec,
            CreateContext {
                owner: &owner,
                guest_volume: "cmp-guest-x",
                has_ca,
                image_env,
                sidecar: &Sidecar::for_tests("cmn-x-00001"),
                knows_swappiness: true,
            },
        )
    }

    fn variable(body: &ContainerCreateBody, name: &str) -> Option<String> {
        let env = body.env.as_ref().unwrap();
        env.iter()
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned))
    }

    #[test]
    fn names_derive_from_the_instance() {
        let owner = Owner("0123456789abcdef".to_owned());
        assert_eq!(container_name(&owner, &spec()), "cmp-012345-shop-012345-3");
    }

    #[test]
    fn fractions_of_a_cpu_are_exact() {
        let body = body(&spec(), false, &[]);
        assert_eq!(body.host_config.unwrap().nano_cpus, Some(290_000_000));
    }

    #[test]
    fn the_path_begins_with_what_was_installed() {
        let installed = "/home/app/venv/bin:/home/app/workspace/node_modules/.bin:";
        let image = ["PATH=/opt/bin".to_owned()];
        assert_eq!(
            variable(&body(&spec(), false, &image), "PATH"),
            Some(format!("{installed}/opt/bin"))
        );
        assert_eq!(
            variable(&body(&spec(), false, &[]), "PATH"),
            Some(format!("{installed}{DEFAULT_PATH}"))
        );
        let mut own = spec();
        own.env.insert("PATH".to_owned(), "/mine".to_owned());
        assert_eq!(
            variable(&body(&own, false, &image), "PATH"),
            Some(format!("{installed}/mine"))
        );
    }

    #[test]
    fn authorities_are_named_only_if_there_are_any_and_the_user_named_none() {
        assert_eq!(variable(&body(&spec(), false, &[]), "SSL_CERT_FILE"), None);
        let mut own = spec();
        own.env.insert("PIP_CERT".to_owned(), "/mine".to_owned());
        let body = body(&own, true, &[]);
        assert_eq!(variable(&body, "SSL_CERT_FILE").as_deref(), Some(CA));
        assert_eq!(variable(&body, "PIP_CERT").as_deref(), Some("/mine"));
    }

    #[test]
    fn a_project_cannot_move_its_home() {
        let mut own = spec();
        own.env.insert("HOME".to_owned(), "/tmp".to_owned());
        assert_eq!(
            variable(&body(&own, false, &[]), "HOME").as_deref(),
            Some("/home/app")
        );
    }

    #[test]
    fn logs_stay_within_their_bytes() {
        let config = log_config(10 << 20).config.unwrap();
        let number = |key: &str| config[key].parse::<u64>().unwrap();
        assert_eq!(number("max-size") * number("max-file"), 10 << 20);
    }
}
