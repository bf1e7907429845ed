//! What of `/proc` and `/sys` a container does not see, and what it sees but cannot change. Pure.
//!
//! Naming any path replaces the engine's own lists, so these begin with all that Docker hides, of
//! 20.10 and of later versions. A path that a kernel has not is skipped by the engine.

pub const MASKED: [&str; 37] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    // Addresses in the host's kernel, and what it was built and started with.
    "/proc/cmdline",
    "/proc/config.gz",
    "/proc/kallsyms",
    "/proc/modules",
    "/proc/vmallocinfo",
    // The memory and the devices of the whole host.
    "/proc/buddyinfo",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/mtrr",
    "/proc/pagetypeinfo",
    "/proc/slabinfo",
    "/proc/softirqs",
    "/proc/zoneinfo",
    "/proc/dma",
    // How busy the others on the host are.
    "/proc/pressure",
    // Which machine it is.
    "/sys/class/dmi",
    "/sys/devices/virtual/dmi",
    "/sys/fs/bpf",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/kernel/tracing",
];

pub const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];
