//! Connections that are begun without waiting for them.

use std::{
    ffi::{c_int, c_void},
    io,
    net::{SocketAddr, TcpStream},
    os::fd::AsRawFd,
};

use super::{EINPROGRESS, O_CLOEXEC, O_NONBLOCK, checked, owned};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const SOCK_STREAM: c_int = 1;

// SAFETY: the signatures are those of the C library's headers.
unsafe extern "C" {
    fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn connect(fd: c_int, address: *const c_void, len: u32) -> c_int;
}

/// Begin a connection without waiting for it; whether it is made already.
pub fn begin_connect(address: SocketAddr) -> io::Result<(TcpStream, bool)> {
    let (family, bytes) = encode_address(address);
    let kind = SOCK_STREAM | O_NONBLOCK | O_CLOEXEC;
    // SAFETY: takes numbers and makes a new descriptor.
    let fd = owned(unsafe { socket(c_int::from(family), kind, 0) })?;
    let len = u32::try_from(bytes.len()).unwrap_or(0);
    // SAFETY: the address has the layout of its family, is as long as is said and outlives the call.
    let made = match checked(unsafe { connect(fd.as_raw_fd(), bytes.as_ptr().cast(), len) }) {
        Ok(_) => true,
        Err(error) if error.raw_os_error() == Some(EINPROGRESS) => false,
        Err(error) => return Err(error),
    };
    Ok((TcpStream::from(fd), made))
}

/// `sockaddr_in` or `sockaddr_in6`.
pub fn encode_address(address: SocketAddr) -> (u16, Vec<u8>) {
    let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
    let mut bytes = family.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&address.port().to_be_bytes());
    match address {
        SocketAddr::V4(v4) => {
            bytes.extend_from_slice(&v4.ip().octets());
            bytes.extend_from_slice(&[0; 8]);
        }
        SocketAddr::V6(v6) => {
            bytes.extend_from_slice(&v6.flowinfo().to_ne_bytes());
            bytes.extend_from_slice(&v6.ip().octets());
            bytes.extend_from_slice(&v6.scope_id().to_ne_bytes());
        }
    }
    (family, bytes)
}
