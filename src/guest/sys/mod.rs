//! The system calls that `std` lacks. The only unsafe code of this program is in this folder.
#![expect(
    unsafe_code,
    reason = "the guest has no dependency that could make these calls for it"
)]

pub mod caps;
mod fs;
pub mod netfilter;
mod poll;
pub mod probe;
mod process;
mod socket;

use std::{
    ffi::{CString, c_int},
    io,
    os::fd::{FromRawFd, OwnedFd},
};

pub use fs::{
    O_CREAT, O_DIRECTORY, O_EXCL, O_NONBLOCK, O_PATH, O_WRONLY, free_bytes, make_dir_at, nameable,
    open_at, open_beneath, remove_dir_at, rename_at, reserve, symlink_at, unlink_at,
};
pub use poll::{POLLERR, POLLHUP, POLLIN, POLLOUT, PollFd, set_nonblocking, wait, watch};
pub use process::{
    SIGCHLD, SIGINT, SIGKILL, SIGTERM, adopt_orphans, clear_umask, keep_descriptors, lead_session,
    reap, signal_group, signal_process, signals,
};
pub use socket::{begin_connect, encode_address};

pub const ENOENT: i32 = 2;
pub const EACCES: i32 = 13;
pub const EXDEV: i32 = 18;
pub const ENOTDIR: i32 = 20;
pub const EISDIR: i32 = 21;
pub const EINVAL: i32 = 22;
pub const EFBIG: i32 = 27;
pub const ENOSPC: i32 = 28;
pub const ENOTEMPTY: i32 = 39;
pub const ELOOP: i32 = 40;
const EINPROGRESS: i32 = 115;
pub const EDQUOT: i32 = 122;

/// Flag of `open`, `socket` and `signalfd`: the descriptor is not handed to programs we start.
const O_CLOEXEC: c_int = 0o2_000_000;

/// What a call returned, or the error it left.
fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn c_string(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::Error::from_raw_os_error(EINVAL))
}

/// The owner of a descriptor that a call has just returned.
fn owned(fd: c_int) -> io::Result<OwnedFd> {
    let fd = checked(fd)?;
    // SAFETY: every caller passes the result of a call that makes a new descriptor, and nothing
    // else owns it yet.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
