//! What the process is, what it may write, how much it may take, and what it can see of the host.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::Read,
    path::Path,
};

use super::{ExpectedLimits, errno_text, report};

pub fn probe(wanted: &ExpectedLimits) {
    privileges();
    files();
    limits(wanted);
    sight(wanted);
}

fn privileges() {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let found = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        found.unwrap_or("not told").to_owned()
    };
    let user = field("Uid");
    let user = user.split_whitespace().next().unwrap_or_default();
    report("privilege", "user", user, user != "0" && !user.is_empty());
    for set in ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"] {
        let value = field(set);
        let none = u64::from_str_radix(&value, 16) == Ok(0);
        report("privilege", format!("capabilities, {set}"), value, none);
    }
    for (name, field_name, want) in [
        ("new privileges", "NoNewPrivs", "1"),
        ("system calls are filtered", "Seccomp", "2"),
    ] {
        let value = field(field_name);
        report("privilege", name, &value, value == want);
    }
}

fn files() {
    for path in [
        "/probe",
        "/etc/probe",
        "/usr/probe",
        "/.codemate/probe",
        "/proc/sys/kernel/probe",
    ] {
        let made = OpenOptions::new().write(true).create_new(true).open(path);
        let error = made.err().and_then(|error| error.raw_os_error());
        match error {
            Some(error) => report("files", format!("write {path}"), errno_text(error), true),
            None => report("files", format!("write {path}"), "written", false),
        }
    }
    for path in [
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/core_pattern",
        "/sys/kernel/uevent_helper",
    ] {
        // Opened and nothing written.
        let error = OpenOptions::new().write(true).open(path).err();
        match error.and_then(|error| error.raw_os_error()) {
            Some(error) => report("files", format!("open {path}"), errno_text(error), true),
            None => report("files", format!("open {path}"), "opened", false),
        }
    }
    for path in [
        "/proc/kcore",
        "/proc/kallsyms",
        "/proc/keys",
        "/dev/mem",
        "/dev/kmsg",
    ] {
        let mut bytes = [0; 64];
        match File::open(path).and_then(|mut file| file.read(&mut bytes)) {
            Ok(0) => report("files", format!("read {path}"), "empty", true),
            Ok(_) => report("files", format!("read {path}"), "read", false),
            Err(error) => {
                let error = error.raw_os_error().unwrap_or(0);
                report("files", format!("read {path}"), errno_text(error), true);
            }
        }
    }
}

fn limits(wanted: &ExpectedLimits) {
    let first = |paths: &[&str]| {
        let text = paths.iter().find_map(|path| fs::read_to_string(path).ok());
        text.map(|text| text.trim().to_owned())
    };
    let memory = first(&[
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]);
    let pids = first(&["/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"]);
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().nth(1).map(str::to_owned));
    for (what, found, want) in [
        ("memory", memory, wanted.memory),
        ("processes", pids, wanted.pids),
        ("open files", files, wanted.files),
    ] {
        let found = found.unwrap_or_else(|| "not told".to_owned());
        let holds = found
            .parse::<u64>()
            .is_ok_and(|found| found <= want && found > 0);
        report("limits", format!("{what}, at most {want}"), found, holds);
    }
}

fn sight(wanted: &ExpectedLimits) {
    for path in [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
    ]
    .iter()
    .map(Path::new)
    .chain(wanted.absent.iter().map(AsRef::as_ref))
    {
        let found = fs::symlink_metadata(path).is_ok();
        let result = if found { "it is there" } else { "not there" };
        report("host", path.display(), result, !found);
    }
    let processes = fs::read_dir("/proc").map_or(0, |entries| {
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
            .count()
    });
    // The first process and this one; whoever sees more sees somebody else's.
    report("host", "processes that are seen", processes, processes <= 4);
    let mut strange: Vec<String> = env::vars()
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with("CODEMATE_GUEST_") && !wanted.known.contains(name))
        .collect();
    strange.sort();
    let summary = if strange.is_empty() {
        "none".to_owned()
    } else {
        strange.join(", ")
    };
    report(
        "secrets",
        "variables that were not given to it",
        summary,
        strange.is_empty(),
    );
}
