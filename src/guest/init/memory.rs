//! What the kernel tells of our control group's memory, in either version.

use std::{fs, path::Path};

#[derive(Clone, Copy, Default)]
pub struct MemoryEvents {
    /// Processes ended for want of memory so far.
    pub kills: u64,
    pub peak: Option<u64>,
    pub limit: Option<u64>,
}

/// Version 1 says "no limit" with a number near the largest.
const UNLIMITED: u64 = 1 << 60;

pub fn read() -> MemoryEvents {
    let new = Path::new("/sys/fs/cgroup");
    if new.join("memory.events").exists() {
        return MemoryEvents {
            kills: field(&new.join("memory.events"), "oom_kill").unwrap_or(0),
            peak: number(&new.join("memory.peak")),
            limit: number(&new.join("memory.max")),
        };
    }
    let old = Path::new("/sys/fs/cgroup/memory");
    MemoryEvents {
        kills: field(&old.join("memory.oom_control"), "oom_kill").unwrap_or(0),
        peak: number(&old.join("memory.max_usage_in_bytes")),
        limit: number(&old.join("memory.limit_in_bytes")).filter(|&limit| limit < UNLIMITED),
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        line.strip_prefix(name)?
            .strip_prefix(' ')?
            .trim()
            .parse()
            .ok()
    })
}
