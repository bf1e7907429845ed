//! How much CPU time our control group has used, in either version.

use std::fs;

/// In milliseconds; `None` where the kernel does not tell.
pub fn used_ms() -> Option<u64> {
    let micros = fs::read_to_string("/sys/fs/cgroup/cpu.stat")
        .ok()
        .and_then(|text| {
            text.lines()
                .find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse::<u64>().ok())
        });
    let nanos = || -> Option<u64> {
        let files = [
            "/sys/fs/cgroup/cpuacct/cpuacct.usage",
            "/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage",
        ];
        let text = files
            .iter()
            .find_map(|file| fs::read_to_string(file).ok())?;
        text.trim().parse().ok()
    };
    micros
        .map(|micros| micros / 1_000)
        .or_else(|| nanos().map(|nanos| nanos / 1_000_000))
}
