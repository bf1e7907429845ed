//! System calls that a preview must not be able to make, each with arguments that do no harm if it
//! is.

use std::{
    ffi::{c_int, c_long, c_void},
    io,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use super::{EINPROGRESS, O_CLOEXEC, O_NONBLOCK, POLLOUT, encode_address, owned, wait, watch};

const SOL_SOCKET: c_int = 1;
const SO_ERROR: c_int = 4;
const IPPROTO_IP: c_int = 0;
const IP_TTL: c_int = 2;
const IPPROTO_IPV6: c_int = 41;
const IPV6_UNICAST_HOPS: c_int = 16;
const SOCK_STREAM: c_int = 1;
const SOCK_DGRAM: c_int = 2;
const EHOSTUNREACH: i32 = 113;

// SAFETY: the signatures are those of the C library's headers.
unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: u32) -> c_int;
    fn getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, len: *mut u32)
    -> c_int;
    fn connect(fd: c_int, address: *const c_void, len: u32) -> c_int;
    fn send(fd: c_int, bytes: *const c_void, len: usize, flags: c_int) -> isize;
}

/// One argument of a call.
#[derive(Clone, Copy)]
pub enum Argument {
    Number(c_long),
    /// NUL-terminated.
    Text(&'static [u8]),
}

/// Make a call; the error number, or none if it was made.
pub fn call(number: c_long, arguments: &[Argument]) -> Option<i32> {
    let words: Vec<c_long> = (0..5)
        .map(|at| match arguments.get(at) {
            None => 0,
            Some(Argument::Number(number)) => *number,
            // An address as the kernel takes it.
            Some(Argument::Text(text)) => text.as_ptr() as c_long,
        })
        .collect();
    // SAFETY: texts are static and end in NUL; all else is a number or a null address, which the
    // kernel answers with an error.
    let result = unsafe { syscall(number, words[0], words[1], words[2], words[3], words[4]) };
    (result < 0).then(|| io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// Open a socket and close it again; the error number, or none if there is one.
pub fn open_socket(family: c_int, kind: c_int, protocol: c_int) -> Option<i32> {
    owned_socket(family, kind, protocol)
        .err()
        .map(|error| error.raw_os_error().unwrap_or(0))
}

fn owned_socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers and makes a new descriptor.
    owned(unsafe { socket(family, kind | O_CLOEXEC, protocol) })
}

/// What became of a packet that no router passes on: it comes as far as the first, which is the
/// host, and no further.
pub enum Sent {
    /// Nothing left, for this reason.
    Not(i32),
    /// It left, or nothing says that it did not.
    Away,
}

pub fn datagram_to_first_hop(address: SocketAddr) -> io::Result<Sent> {
    let socket = short_lived(address, SOCK_DGRAM)?;
    if let Some(error) = connect_to(&socket, address) {
        return Ok(Sent::Not(error));
    }
    // SAFETY: one byte of ours.
    let sent = unsafe { send(socket.as_raw_fd(), b"?".as_ptr().cast(), 1, 0) };
    Ok(match sent {
        0.. => Sent::Away,
        _ => Sent::Not(io::Error::last_os_error().raw_os_error().unwrap_or(0)),
    })
}

/// The first packet of a connection; a refusal by the own namespace comes at once.
pub fn stream_to_first_hop(address: SocketAddr, wait_ms: i32) -> io::Result<Sent> {
    let socket = short_lived(address, SOCK_STREAM | O_NONBLOCK)?;
    match connect_to(&socket, address) {
        None => return Ok(Sent::Away),
        Some(EINPROGRESS) => {}
        Some(error) => return Ok(Sent::Not(error)),
    }
    let mut fds = [watch(socket.as_fd(), POLLOUT)];
    wait(&mut fds, wait_ms)?;
    if fds[0].revents == 0 {
        return Ok(Sent::Away);
    }
    let (mut error, mut len): (c_int, u32) = (0, 4);
    // SAFETY: the kernel writes one number.
    unsafe {
        getsockopt(
            socket.as_raw_fd(),
            SOL_SOCKET,
            SO_ERROR,
            (&raw mut error).cast(),
            &raw mut len,
        )
    };
    // A router's word that it went no further; the own namespace answers with a reset.
    Ok(if [0, EHOSTUNREACH].contains(&error) {
        Sent::Away
    } else {
        Sent::Not(error)
    })
}

fn short_lived(address: SocketAddr, kind: c_int) -> io::Result<OwnedFd> {
    let one: c_int = 1;
    let (family, _) = encode_address(address);
    let socket = owned_socket(family.into(), kind, 0)?;
    let (level, name) = match address {
        SocketAddr::V4(_) => (IPPROTO_IP, IP_TTL),
        SocketAddr::V6(_) => (IPPROTO_IPV6, IPV6_UNICAST_HOPS),
    };
    // SAFETY: one number of ours.
    let set = unsafe { setsockopt(socket.as_raw_fd(), level, name, (&raw const one).cast(), 4) };
    // Without this nothing may be sent at all.
    if set == 0 {
        Ok(socket)
    } else {
        Err(io::Error::last_os_error())
    }
}

fn connect_to(socket: &OwnedFd, address: SocketAddr) -> Option<i32> {
    let (_, bytes) = encode_address(address);
    let len = u32::try_from(bytes.len()).unwrap_or(0);
    // SAFETY: the address is as long as is said.
    let made = unsafe { connect(socket.as_raw_fd(), bytes.as_ptr().cast(), len) };
    (made != 0).then(|| io::Error::last_os_error().raw_os_error().unwrap_or(0))
}
