//! Waiting until a descriptor has something to read or room to write.

use std::{
    ffi::{c_int, c_short, c_ulong},
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::{O_NONBLOCK, checked};

pub const POLLIN: i16 = 1;
pub const POLLOUT: i16 = 4;
pub const POLLERR: i16 = 8;
pub const POLLHUP: i16 = 16;

const F_GETFL: c_int = 3;
const F_SETFL: c_int = 4;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PollFd {
    fd: c_int,
    events: c_short,
    pub revents: c_short,
}

// SAFETY: the signatures are those of the C library's headers.
unsafe extern "C" {
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    fn poll(fds: *mut PollFd, count: c_ulong, timeout: c_int) -> c_int;
}

pub fn set_nonblocking(fd: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: takes numbers only, and a closed descriptor is an error.
    let flags = checked(unsafe { fcntl(fd.as_raw_fd(), F_GETFL) })?;
    // SAFETY: as above.
    checked(unsafe { fcntl(fd.as_raw_fd(), F_SETFL, flags | O_NONBLOCK) }).map(drop)
}

pub fn watch(fd: BorrowedFd<'_>, events: i16) -> PollFd {
    PollFd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    }
}

/// Wait until something happened; a negative timeout waits for ever.
pub fn wait(fds: &mut [PollFd], timeout_ms: i32) -> io::Result<()> {
    let count = c_ulong::try_from(fds.len()).unwrap_or(0);
    // SAFETY: there are `count` entries, laid out as the kernel's `pollfd`.
    match checked(unsafe { poll(fds.as_mut_ptr(), count, timeout_ms) }) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}
