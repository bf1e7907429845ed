//! Signals, children, sessions, and what a process hands down.

use std::{
    ffi::{c_int, c_long, c_ulong},
    fs::File,
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitStatus},
};

use super::{O_CLOEXEC, O_NONBLOCK, checked, owned};

pub const SIGINT: i32 = 2;
pub const SIGKILL: i32 = 9;
pub const SIGTERM: i32 = 15;
pub const SIGCHLD: i32 = 17;

const SYS_CLOSE_RANGE: c_long = 436;
const PR_SET_CHILD_SUBREAPER: c_int = 36;
const WNOHANG: c_int = 1;

/// As wide as in every Linux C library.
#[repr(C)]
struct SigSet([c_ulong; 128 / size_of::<c_ulong>()]);

impl SigSet {
    const EMPTY: Self = Self([0; 128 / size_of::<c_ulong>()]);
}

// SAFETY: the signatures are those of the C library's headers.
unsafe extern "C" {
    fn sigemptyset(set: *mut SigSet) -> c_int;
    fn sigaddset(set: *mut SigSet, signal: c_int) -> c_int;
    fn sigprocmask(how: c_int, set: *const SigSet, old: *mut SigSet) -> c_int;
    fn signalfd(fd: c_int, set: *const SigSet, flags: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, flags: c_int) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn setsid() -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn umask(mask: u32) -> u32;
    fn syscall(number: c_long, ...) -> c_long;
}

/// Hold these signals back and have them arrive as readable events of 128 bytes each.
pub fn signals(wanted: &[i32]) -> io::Result<File> {
    const SIG_BLOCK: c_int = 0;
    let mut set = SigSet::EMPTY;
    // SAFETY: the set is as large as the library's and outlives the calls.
    unsafe {
        sigemptyset(&raw mut set);
        for &signal in wanted {
            sigaddset(&raw mut set, signal);
        }
        checked(sigprocmask(SIG_BLOCK, &raw const set, std::ptr::null_mut()))?;
        owned(signalfd(-1, &raw const set, O_CLOEXEC | O_NONBLOCK)).map(File::from)
    }
}

/// Orphans of our descendants become ours, as they would if we were the first process.
pub fn adopt_orphans() {
    let (on, unused): (c_ulong, c_ulong) = (1, 0);
    // SAFETY: takes numbers only.
    unsafe { prctl(PR_SET_CHILD_SUBREAPER, on, unused, unused, unused) };
}

/// Hand nothing down but the standard streams, whatever we were handed ourselves.
pub fn keep_descriptors() {
    const CLOSE_ON_EXEC: c_ulong = 4;
    let (first, last): (c_ulong, c_ulong) = (3, u32::MAX.into());
    // Kernels before 5.11 do not know it; then what the engine left open stays so.
    // SAFETY: takes numbers only, and closes nothing before the next program starts.
    unsafe { syscall(SYS_CLOSE_RANGE, first, last, CLOSE_ON_EXEC) };
}

/// Files get exactly the mode they are given.
pub fn clear_umask() {
    // SAFETY: takes a number.
    unsafe { umask(0) };
}

/// The next child that ended, if one has.
pub fn reap() -> Option<(u32, ExitStatus)> {
    let mut status = 0;
    // SAFETY: the status is a number of ours.
    let pid = unsafe { waitpid(-1, &raw mut status, WNOHANG) };
    u32::try_from(pid)
        .ok()
        .filter(|&pid| pid > 0)
        .map(|pid| (pid, ExitStatus::from_raw(status)))
}

pub fn signal_process(pid: u32, signal: i32) {
    if let Ok(pid @ 2..) = c_int::try_from(pid) {
        // SAFETY: takes numbers; the pattern leaves out every process at once, and ourselves.
        unsafe { kill(pid, signal) };
    }
}

/// Send a signal to a process group (0 only asks); says whether anybody is in it.
pub fn signal_group(group: u32, signal: i32) -> bool {
    match c_int::try_from(group) {
        // SAFETY: takes numbers; the pattern leaves out every process at once, and ourselves.
        Ok(group @ 2..) => unsafe { kill(-group, signal) == 0 },
        _ => false,
    }
}

/// Have the program lead a session of its own, with the usual umask and no signal held back.
pub fn lead_session(command: &mut Command) {
    const SIG_SETMASK: c_int = 2;
    // SAFETY: the calls are async-signal-safe, allocate nothing and touch nothing of the parent's.
    unsafe {
        command.pre_exec(|| {
            let none = SigSet::EMPTY;
            checked(sigprocmask(
                SIG_SETMASK,
                &raw const none,
                std::ptr::null_mut(),
            ))?;
            umask(0o022);
            checked(setsid()).map(drop)
        });
    }
}
