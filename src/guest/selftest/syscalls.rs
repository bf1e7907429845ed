//! Calls into parts of the kernel that no preview needs.

use super::{errno_text, report};
use crate::sys::probe::{
    Argument::{Number, Text},
    call, open_socket,
};

#[cfg(target_arch = "x86_64")]
mod numbers {
    pub const MOUNT: i64 = 165;
    pub const PIVOT_ROOT: i64 = 155;
    pub const CHROOT: i64 = 161;
    pub const SETHOSTNAME: i64 = 170;
    pub const SETTIMEOFDAY: i64 = 164;
    pub const SWAPON: i64 = 167;
    pub const REBOOT: i64 = 169;
    pub const INIT_MODULE: i64 = 175;
    pub const SYSLOG: i64 = 103;
    pub const KEXEC_LOAD: i64 = 246;
    pub const ADD_KEY: i64 = 248;
    pub const KEYCTL: i64 = 250;
    pub const MKNODAT: i64 = 259;
    pub const UNSHARE: i64 = 272;
    pub const PERF_EVENT_OPEN: i64 = 298;
    pub const OPEN_BY_HANDLE_AT: i64 = 304;
    pub const SETNS: i64 = 308;
    pub const BPF: i64 = 321;
    pub const USERFAULTFD: i64 = 323;
}
#[cfg(target_arch = "aarch64")]
mod numbers {
    pub const MOUNT: i64 = 40;
    pub const PIVOT_ROOT: i64 = 41;
    pub const CHROOT: i64 = 51;
    pub const SETHOSTNAME: i64 = 161;
    pub const SETTIMEOFDAY: i64 = 170;
    pub const SWAPON: i64 = 224;
    pub const REBOOT: i64 = 142;
    pub const INIT_MODULE: i64 = 105;
    pub const SYSLOG: i64 = 116;
    pub const KEXEC_LOAD: i64 = 104;
    pub const ADD_KEY: i64 = 217;
    pub const KEYCTL: i64 = 219;
    pub const MKNODAT: i64 = 33;
    pub const UNSHARE: i64 = 97;
    pub const PERF_EVENT_OPEN: i64 = 241;
    pub const OPEN_BY_HANDLE_AT: i64 = 265;
    pub const SETNS: i64 = 268;
    pub const BPF: i64 = 280;
    pub const USERFAULTFD: i64 = 282;
}
/// The same on every machine.
const IO_URING_SETUP: i64 = 425;
const FSOPEN: i64 = 430;

const NEW_USER: i64 = 0x1000_0000;
const NEW_NETWORK: i64 = 0x4000_0000;
const NEW_MOUNTS: i64 = 0x0002_0000;
const HERE: i64 = -100;

const STREAM: i32 = 1;
const RAW: i32 = 3;
const SEQUENCED: i32 = 5;

/// Answers that mean no: not permitted, no access, read-only, no such call, no such kind of socket.
const REFUSALS: [i32; 8] = [1, 13, 30, 38, 93, 94, 96, 97];

pub fn probe() {
    sockets();
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    kernel();
}

fn sockets() {
    for (what, family, kind, protocol) in [
        ("raw ICMP", 2, RAW, 1),
        ("raw frames", 17, RAW, 0x300),
        ("kernel cryptography", 38, SEQUENCED, 0),
        ("the virtual machine's host", 40, STREAM, 0),
        ("IPsec keys", 15, RAW, 2),
        ("IPsec policies", 16, RAW, 6),
        ("packet filter", 16, RAW, 12),
        ("audit", 16, RAW, 9),
        ("Bluetooth", 31, RAW, 1),
        ("CAN", 29, RAW, 1),
        ("TIPC", 30, STREAM, 0),
    ] {
        judge(
            format!("socket: {what}"),
            open_socket(family, kind, protocol),
        );
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn kernel() {
    use numbers::{
        ADD_KEY, BPF, CHROOT, INIT_MODULE, KEXEC_LOAD, KEYCTL, MKNODAT, MOUNT, OPEN_BY_HANDLE_AT,
        PERF_EVENT_OPEN, PIVOT_ROOT, REBOOT, SETHOSTNAME, SETNS, SETTIMEOFDAY, SWAPON, SYSLOG,
        UNSHARE, USERFAULTFD,
    };
    let nothing = Text(b"\0");
    let calls: [(&str, i64, &[_]); 23] = [
        (
            "mount",
            MOUNT,
            &[
                Text(b"none\0"),
                Text(b"/tmp\0"),
                Text(b"tmpfs\0"),
                Number(0),
            ],
        ),
        ("fsopen", FSOPEN, &[Text(b"tmpfs\0"), Number(0)]),
        (
            "pivot_root",
            PIVOT_ROOT,
            &[Text(b"/tmp\0"), Text(b"/tmp\0")],
        ),
        ("sethostname", SETHOSTNAME, &[Text(b"x\0"), Number(1)]),
        ("settimeofday", SETTIMEOFDAY, &[]),
        ("swapon", SWAPON, &[Text(b"/tmp/none\0"), Number(0)]),
        // Without its magic numbers.
        ("reboot", REBOOT, &[]),
        ("init_module", INIT_MODULE, &[nothing, Number(0), nothing]),
        ("kexec_load", KEXEC_LOAD, &[]),
        // How much is in it, which says nothing about what.
        ("kernel log", SYSLOG, &[Number(10)]),
        (
            "add_key",
            ADD_KEY,
            &[
                Text(b"user\0"),
                Text(b"x\0"),
                Text(b"x\0"),
                Number(1),
                Number(-2),
            ],
        ),
        ("keyctl", KEYCTL, &[Number(0), Number(-3), Number(0)]),
        (
            "device",
            MKNODAT,
            &[
                Number(HERE),
                Text(b"/tmp/.device\0"),
                Number(0o20_600),
                Number(0x101),
            ],
        ),
        (
            "perf_event_open",
            PERF_EVENT_OPEN,
            &[nothing, Number(0), Number(-1), Number(-1)],
        ),
        (
            "open_by_handle_at",
            OPEN_BY_HANDLE_AT,
            &[Number(HERE), nothing, Number(0)],
        ),
        ("bpf", BPF, &[]),
        ("userfaultfd", USERFAULTFD, &[]),
        ("io_uring", IO_URING_SETUP, &[Number(1)]),
        ("setns", SETNS, &[Number(0), Number(0)]),
        ("chroot", CHROOT, &[Text(b"/\0")]),
        ("network namespace", UNSHARE, &[Number(NEW_NETWORK)]),
        ("mount namespace", UNSHARE, &[Number(NEW_MOUNTS)]),
        ("user namespace", UNSHARE, &[Number(NEW_USER)]),
    ];
    for (what, number, arguments) in calls {
        judge(format!("call: {what}"), call(number, arguments));
    }
}

fn judge(tried: String, error: Option<i32>) {
    match error {
        Some(error) => report(
            "kernel",
            tried,
            errno_text(error),
            REFUSALS.contains(&error),
        ),
        None => report("kernel", tried, "done", false),
    }
}
