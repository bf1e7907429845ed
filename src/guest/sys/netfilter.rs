//! The system calls for what the kernel's packet filter did to a connection or to a packet.

use std::{
    ffi::{c_int, c_void},
    fs::File,
    io::{self, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    os::fd::AsRawFd,
};

use super::{O_CLOEXEC, owned};

const SOL_IP: c_int = 0;
const SOL_IPV6: c_int = 41;
const ORIGINAL_DESTINATION: c_int = 80;
const AF_NETLINK: c_int = 16;
const SOCK_RAW: c_int = 3;
const NETLINK_NETFILTER: c_int = 12;

// SAFETY: the signatures are those of the C library's headers.
unsafe extern "C" {
    fn getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, len: *mut u32)
    -> c_int;
    fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
}

/// Where a connection was going before the rules sent it here; `None` if they did not.
pub fn original_destination(stream: &TcpStream) -> Option<SocketAddr> {
    let here = stream.local_addr().ok()?;
    let mut bytes = [0_u8; 28];
    let (level, room): (c_int, u32) = if here.is_ipv4() {
        (SOL_IP, 16)
    } else {
        (SOL_IPV6, 28)
    };
    let mut len = room;
    // SAFETY: the kernel writes at most `len` bytes, which is no more than there are.
    let result = unsafe {
        getsockopt(
            stream.as_raw_fd(),
            level,
            ORIGINAL_DESTINATION,
            bytes.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if result != 0 || len != room {
        return None;
    }
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    let place = if here.is_ipv4() {
        let address: [u8; 4] = bytes[4..8].try_into().ok()?;
        SocketAddr::from((Ipv4Addr::from(address), port))
    } else {
        let address: [u8; 16] = bytes[8..24].try_into().ok()?;
        SocketAddr::from((Ipv6Addr::from(address), port))
    };
    (place != here).then_some(place)
}

/// What the rules log to a group of this namespace, one message a read. Takes the capability to
/// administer the network; reading what comes later does not.
pub fn logged_packets(group: u16) -> io::Result<File> {
    /// Bytes of each packet: both headers, and no content.
    const COPIED: u32 = 80;
    // SAFETY: takes numbers and makes a new descriptor.
    let fd = unsafe { socket(AF_NETLINK, SOCK_RAW | O_CLOEXEC, NETLINK_NETFILTER) };
    let mut socket = File::from(owned(fd)?);
    let bind = attribute(1, &[1]);
    let [a, b, c, d] = COPIED.to_be_bytes();
    let mode = attribute(2, &[a, b, c, d, 2, 0]);
    // Each as it comes, not a hundred at once.
    let at_once = attribute(5, &1_u32.to_be_bytes());
    for attributes in [bind, mode, at_once] {
        socket.write_all(&configuration(group, &attributes))?;
        let mut answer = [0_u8; 256];
        let len = socket.read(&mut answer)?;
        let code = answer[..len]
            .get(16..20)
            .ok_or(io::ErrorKind::InvalidData)?;
        let code = i32::from_ne_bytes([code[0], code[1], code[2], code[3]]);
        if code != 0 {
            return Err(io::Error::from_raw_os_error(-code));
        }
    }
    Ok(socket)
}

/// A message to the kernel's packet logger that it answers.
fn configuration(group: u16, attributes: &[u8]) -> Vec<u8> {
    const CONFIGURE: u16 = 4 << 8 | 1;
    const REQUEST_WITH_ANSWER: u16 = 1 | 4;
    let len = u32::try_from(20 + attributes.len()).unwrap_or(u32::MAX);
    let mut message = len.to_ne_bytes().to_vec();
    message.extend(CONFIGURE.to_ne_bytes());
    message.extend(REQUEST_WITH_ANSWER.to_ne_bytes());
    message.extend([0; 8]);
    // Any family, version 0, the group.
    message.extend([0, 0]);
    message.extend(group.to_be_bytes());
    message.extend_from_slice(attributes);
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
