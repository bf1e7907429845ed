//! Whether the engine applied what was asked: old engines drop fields silently. Pure.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig};

use super::spec::GUEST_DIR;

/// The first thing asked for that did not come to be, in words for a message.
pub fn weaker(
    requested: &ContainerCreateBody,
    applied: &ContainerInspectResponse,
) -> Option<String> {
    let (Some(expected), Some(actual)) = (&requested.host_config, &applied.host_config) else {
        return Some("any of the sandbox".to_owned());
    };
    let user = applied
        .config
        .as_ref()
        .and_then(|config| config.user.clone());
    if user != requested.user {
        return Some("the user".to_owned());
    }
    let checks: [(&str, bool); 6] = [
        ("the limits", limits_applied(expected, actual)),
        (
            "the dropped privileges",
            privileges_applied(expected, actual),
        ),
        (
            "the private namespaces",
            namespaces_applied(expected, actual),
        ),
        (
            "the read-only file systems",
            file_systems_applied(expected, actual),
        ),
        ("the read-only guest volume", guest_is_read_only(applied)),
        (
            "the bounded log or the restart policy",
            log_and_restart_applied(expected, actual),
        ),
    ];
    checks
        .into_iter()
        .find(|(_, holds)| !holds)
        .map(|(what, _)| what.to_owned())
}

fn limits_applied(expected: &HostConfig, actual: &HostConfig) -> bool {
    let ulimits = |config: &HostConfig| -> BTreeMap<_, _> {
        let list = config.ulimits.iter().flatten();
        list.map(|limit| (limit.name.clone(), (limit.soft, limit.hard)))
            .collect()
    };
    expected.memory == actual.memory
        && expected.memory_swap == actual.memory_swap
        // -1 is what engines say of one that was not asked for.
        && expected.memory_swappiness == actual.memory_swappiness.filter(|&share| share >= 0)
        && expected.nano_cpus == actual.nano_cpus
        && expected.cpu_shares == actual.cpu_shares
        && expected.pids_limit == actual.pids_limit
        && expected.shm_size == actual.shm_size
        && expected.oom_score_adj == actual.oom_score_adj
        && actual.oom_kill_disable != Some(true)
        && ulimits(expected)
            .iter()
            .all(|(name, limit)| ulimits(actual).get(name) == Some(limit))
}

fn privileges_applied(expected: &HostConfig, actual: &HostConfig) -> bool {
    // What was added is within what was asked for, here and nowhere else.
    contains(actual.cap_drop.as_ref(), expected.cap_drop.as_ref())
        && contains(actual.security_opt.as_ref(), expected.security_opt.as_ref())
        && !actual
            .security_opt
            .iter()
            .flatten()
            .any(|option| option.contains("unconfined"))
        && contains(expected.cap_add.as_ref(), actual.cap_add.as_ref())
        && (expected.runtime.is_none() || expected.runtime == actual.runtime)
        && is_empty(actual.devices.as_ref())
        && is_empty(actual.device_requests.as_ref())
        && is_empty(actual.device_cgroup_rules.as_ref())
        && is_empty(actual.group_add.as_ref())
        && actual.privileged != Some(true)
}

fn namespaces_applied(expected: &HostConfig, actual: &HostConfig) -> bool {
    let not_shared = |mode: &Option<String>| mode.as_deref().unwrap_or_default().is_empty();
    expected.ipc_mode == actual.ipc_mode
        && expected.cgroupns_mode == actual.cgroupns_mode
        && expected.network_mode == actual.network_mode
        && not_shared(&actual.pid_mode)
        && not_shared(&actual.uts_mode)
        && not_shared(&actual.userns_mode)
        && actual.publish_all_ports != Some(true)
        && actual
            .port_bindings
            .as_ref()
            .is_none_or(std::collections::HashMap::is_empty)
}

fn file_systems_applied(expected: &HostConfig, actual: &HostConfig) -> bool {
    expected.readonly_rootfs == actual.readonly_rootfs
        && expected.tmpfs == actual.tmpfs
        && contains(actual.masked_paths.as_ref(), expected.masked_paths.as_ref())
        && contains(
            actual.readonly_paths.as_ref(),
            expected.readonly_paths.as_ref(),
        )
        && is_empty(actual.binds.as_ref())
        && is_empty(actual.volumes_from.as_ref())
}

fn guest_is_read_only(applied: &ContainerInspectResponse) -> bool {
    let mut mounts = applied.mounts.iter().flatten();
    mounts
        .find(|mount| mount.destination.as_deref() == Some(GUEST_DIR))
        .is_some_and(|mount| mount.rw == Some(false))
}

fn log_and_restart_applied(expected: &HostConfig, actual: &HostConfig) -> bool {
    let policy = |config: &HostConfig| {
        config
            .restart_policy
            .as_ref()
            .and_then(|policy| policy.name)
    };
    expected.log_config == actual.log_config
        && policy(expected) == policy(actual)
        && actual.auto_remove != Some(true)
}

fn contains(actual: Option<&Vec<String>>, expected: Option<&Vec<String>>) -> bool {
    let actual: BTreeSet<&String> = actual.into_iter().flatten().collect();
    expected
        .into_iter()
        .flatten()
        .all(|item| actual.contains(item))
}

fn is_empty<T>(list: Option<&Vec<T>>) -> bool {
    list.is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerConfig, HostConfigCgroupnsModeEnum, MountPoint};

    use super::*;
    use crate::engine::docker::container::spec;

    fn faithful(requested: &ContainerCreateBody) -> ContainerInspectResponse {
        let guest = MountPoint {
            destination: Some(GUEST_DIR.to_owned()),
            rw: Some(false),
            ..MountPoint::default()
        };
        ContainerInspectResponse {
            config: Some(ContainerConfig {
                user: requested.user.clone(),
                ..ContainerConfig::default()
            }),
            host_config: requested.host_config.clone(),
            mounts: Some(vec![guest]),
            ..ContainerInspectResponse::default()
        }
    }

    type Weaken = fn(&mut HostConfig);

    #[test]
    fn each_weakened_field_is_found() {
        let mut spec = spec::tests::spec();
        spec.sandbox.runtime = Some("runsc".to_owned());
        let requested = spec::tests::body(&spec, true, &[]);
        assert_eq!(weaker(&requested, &faithful(&requested)), None);
        let cases: [(&str, Weaken); 27] = [
            ("memory", |c| c.memory = Some(0)),
            ("swap", |c| c.memory_swap = Some(-1)),
            ("swappiness", |c| c.memory_swappiness = None),
            ("cpus", |c| c.nano_cpus = None),
            ("shares", |c| c.cpu_shares = None),
            ("pids", |c| c.pids_limit = None),
            ("ulimits", |c| c.ulimits = None),
            ("oom", |c| c.oom_kill_disable = Some(true)),
            ("cap_drop", |c| c.cap_drop = None),
            ("cap_add", |c| c.cap_add = Some(vec!["NET_RAW".to_owned()])),
            ("nnp", |c| drop(c.security_opt.as_mut().unwrap().remove(0))),
            ("profile", |c| drop(c.security_opt.as_mut().unwrap().pop())),
            ("runtime", |c| c.runtime = Some("runc".to_owned())),
            ("one ulimit", |c| {
                drop(c.ulimits.as_mut().unwrap().remove(1));
            }),
            ("seccomp", |c| {
                c.security_opt
                    .as_mut()
                    .unwrap()
                    .push("seccomp=unconfined".to_owned());
            }),
            ("privileged", |c| c.privileged = Some(true)),
            ("ipc", |c| c.ipc_mode = Some("shareable".to_owned())),
            ("cgroupns", |c| {
                c.cgroupns_mode = Some(HostConfigCgroupnsModeEnum::HOST);
            }),
            ("network", |c| c.network_mode = Some("host".to_owned())),
            ("pid", |c| c.pid_mode = Some("host".to_owned())),
            ("userns", |c| c.userns_mode = Some("host".to_owned())),
            ("rootfs", |c| c.readonly_rootfs = Some(false)),
            ("tmpfs", |c| c.tmpfs = None),
            ("masked", |c| drop(c.masked_paths.as_mut().unwrap().pop())),
            ("readonly", |c| c.readonly_paths = Some(Vec::new())),
            ("binds", |c| c.binds = Some(vec!["/:/host".to_owned()])),
            ("log", |c| c.log_config = None),
        ];
        for (name, weaken) in cases {
            let mut applied = faithful(&requested);
            weaken(applied.host_config.as_mut().unwrap());
            assert!(weaker(&requested, &applied).is_some(), "{name}");
        }
    }

    #[test]
    fn another_user_or_a_writable_guest_is_found() {
        let requested = spec::tests::body(&spec::tests::spec(), true, &[]);
        let mut root = faithful(&requested);
        root.config.as_mut().unwrap().user = Some(String::new());
        assert!(weaker(&requested, &root).is_some());
        let mut writable = faithful(&requested);
        writable.mounts.as_mut().unwrap()[0].rw = Some(true);
        assert!(weaker(&requested, &writable).is_some());
    }
}
