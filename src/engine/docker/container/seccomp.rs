//! Which system calls a preview may make, as the engine wants it told. Pure.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// `ENOSYS`, the same on every architecture named here.
const ENOSYS: u32 = 38;

/// The option of a container that carries the whole profile, so that no file is needed on the
/// engine's host.
pub fn option() -> &'static str {
    static OPTION: LazyLock<String> = LazyLock::new(|| {
        let profile = serde_json::to_string(&profile()).expect("strings and numbers serialise");
        format!("seccomp={profile}")
    });
    &OPTION
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SyscallTable {
    allow: Vec<SyscallGroup>,
    when: Vec<SyscallConditions>,
    absent: SyscallGroup,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SyscallGroup {
    #[serde(rename = "why")]
    _why: String,
    names: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SyscallConditions {
    #[serde(rename = "why")]
    _why: String,
    names: String,
    rules: Vec<Vec<(u32, u64, u64)>>,
}

/// The engine's format; Engine 20.10 knows every field of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SeccompProfile {
    default_action: &'static str,
    /// Of these the engine takes its own. None has a sub-architecture, so a call of another ABI
    /// (i386, x32, 32-bit ARM) ends the process.
    arch_map: Vec<SeccompArchitecture>,
    syscalls: Vec<SeccompRule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SeccompArchitecture {
    architecture: &'static str,
    sub_architectures: [&'static str; 0],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SeccompRule {
    names: Vec<&'static str>,
    action: &'static str,
    args: Vec<SeccompArgument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno_ret: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SeccompArgument {
    index: u32,
    /// The bits that are looked at.
    value: u64,
    /// What they must be.
    value_two: u64,
    op: &'static str,
}

fn profile() -> SeccompProfile {
    static SOURCE: LazyLock<SyscallTable> = LazyLock::new(|| {
        toml::from_str(include_str!("seccomp.toml")).expect("checked by this file's tests")
    });
    let rule = |names: &'static str, action, args, errno_ret| SeccompRule {
        names: names.split_whitespace().collect(),
        action,
        args,
        errno_ret,
    };
    let allow = "SCMP_ACT_ALLOW";
    let open = SOURCE
        .allow
        .iter()
        .map(|group| rule(&group.names, allow, Vec::new(), None));
    let conditional = SOURCE.when.iter().flat_map(|group| {
        let rules = group.rules.iter();
        rules.map(|rules| rule(&group.names, allow, arguments(rules), None))
    });
    let absent = rule(
        &SOURCE.absent.names,
        "SCMP_ACT_ERRNO",
        Vec::new(),
        Some(ENOSYS),
    );
    SeccompProfile {
        default_action: "SCMP_ACT_ERRNO",
        arch_map: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]
            .map(|architecture| SeccompArchitecture {
                architecture,
                sub_architectures: [],
            })
            .into(),
        syscalls: open.chain(conditional).chain([absent]).collect(),
    }
}

fn arguments(rules: &[(u32, u64, u64)]) -> Vec<SeccompArgument> {
    let arguments = rules
        .iter()
        .map(|&(index, value, value_two)| SeccompArgument {
            index,
            value,
            value_two,
            op: "SCMP_CMP_MASKED_EQ",
        });
    arguments.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What becomes of a call with these arguments: as the engine's library does it, a rule that
    /// holds decides, and without one the default.
    fn decided(name: &str, args: [u64; 3]) -> &'static str {
        let profile = profile();
        let holds = |rule: &&SeccompRule| {
            rule.names.contains(&name)
                && rule
                    .args
                    .iter()
                    .all(|arg| args[arg.index as usize] & arg.value == arg.value_two)
        };
        let mut rules = profile.syscalls.iter().filter(holds);
        match rules.next().map(|rule| (rule.action, rule.errno_ret)) {
            Some(("SCMP_ACT_ALLOW", None)) => "open",
            Some(("SCMP_ACT_ERRNO", Some(ENOSYS))) => "absent",
            None => "refused",
            Some(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_name_is_in_two_groups_that_disagree() {
        let mut seen: BTreeMap<&str, bool> = BTreeMap::new();
        for rule in profile().syscalls {
            let conditional = !rule.args.is_empty();
            for name in rule.names {
                let before = seen.insert(name, conditional);
                // A name that is open without conditions makes the conditions elsewhere mean nothing.
                assert!(
                    before.is_none() || (conditional && before == Some(true)),
                    "{name}"
                );
            }
        }
        assert!(seen.len() > 250, "{}", seen.len());
    }

    #[test]
    fn what_reaches_the_kernel_deep_is_refused() {
        for name in [
            "mount",
            "umount2",
            "pivot_root",
            "chroot",
            "fsopen",
            "fsconfig",
            "fsmount",
            "fspick",
            "open_tree",
            "move_mount",
            "mount_setattr",
            "unshare",
            "setns",
            "bpf",
            "perf_event_open",
            "userfaultfd",
            "keyctl",
            "add_key",
            "request_key",
            "name_to_handle_at",
            "open_by_handle_at",
            "modify_ldt",
            "process_vm_readv",
            "process_vm_writev",
            "pidfd_getfd",
            "kcmp",
            "init_module",
            "finit_module",
            "kexec_load",
            "fanotify_init",
            "vmsplice",
            "iopl",
            "syslog",
            "reboot",
            "sethostname",
            "settimeofday",
            "quotactl",
            "a_call_of_tomorrow",
        ] {
            assert_eq!(decided(name, [0; 3]), "refused", "{name}");
        }
        for name in ["clone3", "io_uring_setup", "listmount", "statmount"] {
            assert_eq!(decided(name, [0; 3]), "absent", "{name}");
        }
        for name in ["read", "execve", "openat2", "ptrace", "seccomp"] {
            assert_eq!(decided(name, [0; 3]), "open", "{name}");
        }
    }

    #[test]
    fn arguments_decide_where_they_must() {
        let nonblocking = 0o4000;
        let cases: [(&str, [u64; 3], &str); 26] = [
            ("socket", [1, 5, 0], "open"),
            ("socket", [2, 1 | nonblocking, 0], "open"),
            ("socket", [2, 1, 6], "open"),
            ("socket", [2, 2, 17], "open"),
            ("socket", [10, 2, 58], "open"),
            ("socket", [16, 3, 0], "open"),
            ("socket", [2, 3, 1], "refused"),
            ("socket", [2, 1, 132], "refused"),
            ("socket", [2, 1, 262], "refused"),
            ("socket", [16, 3, 12], "refused"),
            ("socket", [17, 3, 768], "refused"),
            ("socket", [38, 5, 0], "refused"),
            ("socket", [40, 1, 0], "refused"),
            // Only the lower half of a register is the family.
            ("socket", [0x1_0000_0028, 1, 0], "refused"),
            ("socketpair", [1, 1, 0], "open"),
            ("socketpair", [30, 1, 0], "refused"),
            ("clone", [0x003d_0f00, 0, 0], "open"),
            ("clone", [17, 0, 0], "open"),
            ("clone", [0x1000_0011, 0, 0], "refused"),
            ("clone", [0x0002_0011, 0, 0], "refused"),
            ("mknod", [0, 0o010_600, 0], "open"),
            ("mknod", [0, 0o060_600, 0], "refused"),
            ("mknodat", [0, 0, 0o020_600], "refused"),
            ("personality", [0xffff_ffff, 0, 0], "open"),
            ("personality", [0x0040_0000, 0, 0], "refused"),
            ("personality", [8, 0, 0], "refused"),
        ];
        for (name, args, want) in cases {
            assert_eq!(decided(name, args), want, "{name} {args:x?}");
        }
    }
}
