//! The create requests of the host firewall and of a sidecar, with their limits. Pure.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, RestartPolicy, RestartPolicyNameEnum,
};

use crate::engine::{
    docker::container::spec::{self, GUEST_DIR},
    labels,
};

/// What every container of the network needs.
#[derive(Debug, Clone, Copy)]
pub struct CommonBody<'a> {
    pub owner: &'a str,
    pub image: &'a str,
    pub guest_volume: &'a str,
    /// The program, where the guest volume is seen.
    pub firewall_program: &'a str,
    pub rules: &'a str,
    /// What tells these rules from others.
    pub fingerprint: &'a str,
}

/// What it takes to load a table, and then to have no power left.
const SIDECAR_CAPS: [&str; 4] = ["NET_ADMIN", "SETGID", "SETPCAP", "SETUID"];
/// `nft` takes less than 10 MiB for tables like ours; a filter by name needs room for connections.
const MEMORY: i64 = 96 << 20;

/// In the host's own namespace, for as long as there are previews. Docker starts it again by
/// itself: after its own restart the table must be looked after before any preview is.
pub fn host_firewall(common: CommonBody<'_>) -> ContainerCreateBody {
    let mut body = base(common, "warden");
    if let Some(host) = &mut body.host_config {
        host.network_mode = Some("host".to_owned());
        host.userns_mode = Some("host".to_owned());
        host.cap_add = Some(vec!["NET_ADMIN".to_owned()]);
        host.restart_policy = Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::ALWAYS),
            maximum_retry_count: None,
        });
    }
    body
}

/// Owns a preview's network namespace. `network` is that network's name, or `none`.
pub fn sidecar(
    common: CommonBody<'_>,
    network: &str,
    dns: &[String],
    env: &[(String, String)],
) -> ContainerCreateBody {
    let mut body = base(common, "net");
    body.hostname = Some("preview".to_owned());
    body.env
        .get_or_insert_default()
        .extend(env.iter().map(|(name, value)| format!("{name}={value}")));
    if let Some(host) = &mut body.host_config {
        host.network_mode = Some(network.to_owned());
        host.cap_add = Some(SIDECAR_CAPS.map(str::to_owned).into());
        host.dns = (!dns.is_empty()).then(|| dns.to_vec());
        // Without it there is no `::1` where there is no IPv6, and servers listen on it.
        host.sysctls = Some(HashMap::from([(
            "net.ipv6.conf.lo.disable_ipv6".to_owned(),
            "0".to_owned(),
        )]));
    }
    body
}

fn base(common: CommonBody<'_>, role: &str) -> ContainerCreateBody {
    let command = if role == "net" { "net" } else { "warden" };
    ContainerCreateBody {
        image: Some(common.image.to_owned()),
        entrypoint: Some(vec![common.firewall_program.to_owned(), command.to_owned()]),
        cmd: Some(Vec::new()),
        user: Some("0:0".to_owned()),
        working_dir: Some("/".to_owned()),
        env: Some(vec![format!("CODEMATE_NET_RULES={}", common.rules)]),
        labels: Some(HashMap::from([
            (labels::OWNER.to_owned(), common.owner.to_owned()),
            (labels::ROLE.to_owned(), role.to_owned()),
            (labels::RULES.to_owned(), common.fingerprint.to_owned()),
        ])),
        stop_signal: Some("SIGTERM".to_owned()),
        host_config: Some(HostConfig {
            mounts: Some(vec![spec::volume(common.guest_volume, GUEST_DIR, true)]),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges=true".to_owned()]),
            privileged: Some(false),
            memory: Some(MEMORY),
            memory_swap: Some(MEMORY),
            pids_limit: Some(256),
            ipc_mode: Some("private".to_owned()),
            init: Some(false),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::NO),
                maximum_retry_count: None,
            }),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some(HashMap::from([
                    ("max-size".to_owned(), "256k".to_owned()),
                    ("max-file".to_owned(), "2".to_owned()),
                ])),
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMON: CommonBody<'_> = CommonBody {
        owner: "o",
        image: "i",
        guest_volume: "v",
        firewall_program: "/k",
        rules: "table",
        fingerprint: "m",
    };

    #[test]
    fn a_warden_may_administer_the_network_and_nothing_else() {
        let host = host_firewall(COMMON).host_config.unwrap();
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(host.cap_add, Some(vec!["NET_ADMIN".to_owned()]));
        assert_eq!(host.readonly_rootfs, Some(true));
        assert_eq!(host.privileged, Some(false));
    }

    #[test]
    fn a_sidecar_stays_down_once_it_ended() {
        let host = sidecar(COMMON, "n", &[], &[]).host_config.unwrap();
        let policy = host.restart_policy.and_then(|policy| policy.name);
        assert_eq!(policy, Some(RestartPolicyNameEnum::NO));
        assert_eq!(host.userns_mode, None);
        assert!(!host.cap_add.unwrap().contains(&"NET_RAW".to_owned()));
    }
}
