//! Whether the engine applied what was asked: old engines drop fields silently. Pure.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig};

use super::spec::GUEST_DIR;

/// The first thing asked for that did not come to be, in words for a message.
pub fn weaker(asked: &ContainerCreateBody, got: &ContainerInspectResponse) -> Option<String> {
    let (Some(want), Some(have)) = (&asked.host_config, &got.host_config) else {
        return Some("any of the sandbox".to_owned());
    };
    let user = got.config.as_ref().and_then(|config| config.user.clone());
    if user != asked.user {
        return Some("the user".to_owned());
    }
    let checks: [(&str, bool); 6] = [
        ("the limits", limits_hold(want, have)),
        ("the dropped privileges", privileges_hold(want, have)),
        ("the private namespaces", namespaces_hold(want, have)),
        ("the read-only file systems", file_systems_hold(want, have)),
        ("the read-only guest volume", guest_is_read_only(got)),
        (
            "the bounded log or the restart policy",
            log_and_restart_hold(want, have),
        ),
    ];
    checks
        .into_iter()
        .find(|(_, holds)| !holds)
        .map(|(what, _)| what.to_owned())
}

fn limits_hold(want: &HostConfig, have: &HostConfig) -> bool {
    let ulimits = |config: &HostConfig| -> BTreeMap<_, _> {
        let list = config.ulimits.iter().flatten();
        list.map(|limit| (limit.name.clone(), (limit.soft, limit.hard)))
            .collect()
    };
    want.memory == have.memory
        && want.memory_swap == have.memory_swap
        // -1 is what engines say of one that was not asked for.
        && want.memory_swappiness == have.memory_swappiness.filter(|&share| share >= 0)
        && want.nano_cpus == have.nano_cpus
        && want.cpu_shares == have.cpu_shares
        && want.pids_limit == have.pids_limit
        && want.shm_size == have.shm_size
        && want.oom_score_adj == have.oom_score_adj
        && have.oom_kill_disable != Some(true)
        && ulimits(want)
            .iter()
            .all(|(name, limit)| ulimits(have).get(name) == Some(limit))
}

fn privileges_hold(want: &HostConfig, have: &HostConfig) -> bool {
    // What was added is within what was asked for, here and nowhere else.
    contains(have.cap_drop.as_ref(), want.cap_drop.as_ref())
        && contains(have.security_opt.as_ref(), want.security_opt.as_ref())
        && !have
            .security_opt
            .iter()
            .flatten()
            .any(|option| option.contains("unconfined"))
        && contains(want.cap_add.as_ref(), have.cap_add.as_ref())
        && (want.runtime.is_none() || want.runtime == have.runtime)
        && is_empty(have.devices.as_ref())
        && is_empty(have.device_requests.as_ref())
        && is_empty(have.device_cgroup_rules.as_ref())
        && is_empty(have.group_add.as_ref())
        && have.privileged != Some(true)
}

fn namespaces_hold(want: &HostConfig, have: &HostConfig) -> bool {
    let not_shared = |mode: &Option<String>| mode.as_deref().unwrap_or_default().is_empty();
    want.ipc_mode == have.ipc_mode
        && want.cgroupns_mode == have.cgroupns_mode
        && want.network_mode == have.network_mode
        && not_shared(&have.pid_mode)
        && not_shared(&have.uts_mode)
        && not_shared(&have.userns_mode)
        && have.publish_all_ports != Some(true)
        && have
            .port_bindings
            .as_ref()
            .is_none_or(std::collections::HashMap::is_empty)
}

fn file_systems_hold(want: &HostConfig, have: &HostConfig) -> bool {
    want.readonly_rootfs == have.readonly_rootfs
        && want.tmpfs == have.tmpfs
        && contains(have.masked_paths.as_ref(), want.masked_paths.as_ref())
        && contains(have.readonly_paths.as_ref(), want.readonly_paths.as_ref())
        && is_empty(have.binds.as_ref())
        && is_empty(have.volumes_from.as_ref())
}

fn guest_is_read_only(got: &ContainerInspectResponse) -> bool {
    let mut mounts = got.mounts.iter().flatten();
    mounts
        .find(|mount| mount.destination.as_deref() == Some(GUEST_DIR))
        .is_some_and(|mount| mount.rw == Some(false))
}

fn log_and_restart_hold(want: &HostConfig, have: &HostConfig) -> bool {
    let policy = |config: &HostConfig| {
        config
            .restart_policy
            .as_ref()
            .and_then(|policy| policy.name)
    };
    want.log_config == have.log_config
        && policy(want) == policy(have)
        && have.auto_remove != Some(true)
}

fn contains(have: Option<&Vec<String>>, want: Option<&Vec<String>>) -> bool {
    let have: BTreeSet<&String> = have.into_iter().flatten().collect();
    want.into_iter().flatten().all(|item| have.contains(item))
}

fn is_empty<T>(list: Option<&Vec<T>>) -> bool {
    list.is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerConfig, HostConfigCgroupnsModeEnum, MountPoint};

    use super::{super::spec, *};

    fn faithful(asked: &ContainerCreateBody) -> ContainerInspectResponse {
        let guest = MountPoint {
            destination: Some(GUEST_DIR.to_owned()),
            rw: Some(false),
            ..MountPoint::default()
        };
        ContainerInspectResponse {
            config: Some(ContainerConfig {
                user: asked.user.clone(),
                ..ContainerConfig::default()
            }),
            host_config: asked.host_config.clone(),
            mounts: Some(vec![guest]),
            ..ContainerInspectResponse::default()
        }
    }

    type Weaken = fn(&mut HostConfig);

    #[test]
    fn each_weakened_field_is_found() {
        let mut spec = spec::tests::spec();
        spec.sandbox.runtime = Some("runsc".to_owned());
        let asked = spec::tests::body(&spec, true, &[]);
        assert_eq!(weaker(&asked, &faithful(&asked)), None);
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
            let mut got = faithful(&asked);
            weaken(got.host_config.as_mut().unwrap());
            assert!(weaker(&asked, &got).is_some(), "{name}");
        }
    }

    #[test]
    fn another_user_or_a_writable_guest_is_found() {
        let asked = spec::tests::body(&spec::tests::spec(), true, &[]);
        let mut root = faithful(&asked);
        root.config.as_mut().unwrap().user = Some(String::new());
        assert!(weaker(&asked, &root).is_some());
        let mut writable = faithful(&asked);
        writable.mounts.as_mut().unwrap()[0].rw = Some(true);
        assert!(weaker(&asked, &writable).is_some());
    }
}
