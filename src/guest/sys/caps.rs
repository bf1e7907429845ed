//! The system calls by which a process gives up every privilege for good.

use std::{
    ffi::{c_int, c_long, c_ulong},
    io,
};

use super::EINVAL;

const PR_CAPBSET_DROP: c_int = 24;
const PR_SET_NO_NEW_PRIVS: c_int = 38;
const PR_CAP_AMBIENT: c_int = 47;
const PR_CAP_AMBIENT_CLEAR_ALL: c_ulong = 4;
/// `_LINUX_CAPABILITY_VERSION_3`: two words of each set.
const CAPABILITIES_V3: u32 = 0x2008_0522;
#[cfg(target_arch = "x86_64")]
const SYS_CAPSET: c_long = 126;
#[cfg(not(target_arch = "x86_64"))]
const SYS_CAPSET: c_long = 91;

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: c_int,
}

// SAFETY: the signatures are those of the C library's headers.
unsafe extern "C" {
    fn prctl(option: c_int, ...) -> c_int;
    fn setgroups(count: usize, list: *const u32) -> c_int;
    fn setresgid(real: u32, effective: u32, saved: u32) -> c_int;
    fn setresuid(real: u32, effective: u32, saved: u32) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
}

fn done(result: c_long) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn control(option: c_int, argument: c_ulong) -> io::Result<()> {
    let unused: c_ulong = 0;
    // SAFETY: takes numbers only.
    done(unsafe { prctl(option, argument, unused, unused, unused) }.into())
}

/// Become this user and group with no capability left in any set, and no way to any. Before the
/// first thread: some of it concerns only the thread that asks.
pub fn give_up(id: u32) -> io::Result<()> {
    control(PR_SET_NO_NEW_PRIVS, 1)?;
    control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)?;
    for capability in 0..64 {
        match control(PR_CAPBSET_DROP, capability) {
            // Beyond the last one this kernel knows.
            Err(error) if error.raw_os_error() == Some(EINVAL) => break,
            result => result?,
        }
    }
    // SAFETY: of an empty list nothing is read.
    done(unsafe { setgroups(0, std::ptr::null()) }.into())?;
    // SAFETY: takes numbers only.
    done(unsafe { setresgid(id, id, id) }.into())?;
    // SAFETY: takes numbers only.
    done(unsafe { setresuid(id, id, id) }.into())?;
    let header = CapHeader {
        version: CAPABILITIES_V3,
        pid: 0,
    };
    let none = [[0_u32; 3]; 2];
    // SAFETY: both are laid out as the kernel's and outlive the call.
    done(unsafe { syscall(SYS_CAPSET, &raw const header, &raw const none) })
}
