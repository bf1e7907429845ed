//! Packets that the namespace's rules refused, as the kernel hands over their first bytes.

use std::{
    fs::File,
    io::{self, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::refusal_log::{RefusalKind, RefusalLog};

/// Of a message, its attributes behind that, and of each attribute.
const MESSAGE_HEADER: usize = 16;
const FAMILY_HEADER: usize = 4;
const ATTRIBUTE_HEADER: usize = 4;
/// Subsystem and message: a logged packet.
const PACKET: u16 = 4 << 8;
const PAYLOAD: u16 = 9;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Where a refused packet was going.
#[derive(Debug, PartialEq, Eq)]
pub struct DroppedPacket {
    pub by: RefusalKind,
    pub address: IpAddr,
    pub port: u16,
}

/// Tell of each until the socket is closed.
pub fn watch(report: &RefusalLog, mut socket: &File) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        match socket.read(&mut bytes) {
            Ok(len) => {
                for dropped in packets(&bytes[..len]) {
                    report.refused(dropped.by, &dropped.address.to_string(), dropped.port);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // More came than there was room for: those are not told.
            Err(error) if error.raw_os_error() == Some(NO_BUFFERS) => {}
            Err(_) => return,
        }
    }
}

const NO_BUFFERS: i32 = 105;

/// The packets in what one read of the socket gave.
pub fn packets(mut bytes: &[u8]) -> Vec<DroppedPacket> {
    let mut found = Vec::new();
    while let Some(header) = bytes.get(..MESSAGE_HEADER) {
        let len = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        let Some(message) = bytes.get(..len).filter(|_| len >= MESSAGE_HEADER) else {
            break;
        };
        if kind == PACKET {
            let attributes = message
                .get(MESSAGE_HEADER + FAMILY_HEADER..)
                .unwrap_or_default();
            found.extend(attribute(attributes, PAYLOAD).and_then(destination));
        }
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let header = bytes.get(..ATTRIBUTE_HEADER)?;
        let len = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]);
        let value = bytes.get(ATTRIBUTE_HEADER..len)?;
        if kind == wanted {
            return Some(value);
        }
        bytes = bytes.get(len.next_multiple_of(4)..)?;
    }
}

fn destination(packet: &[u8]) -> Option<DroppedPacket> {
    let (protocol, address, rest): (u8, IpAddr, _) = match packet.first()? >> 4 {
        4 => {
            let header = packet.get(..20)?;
            let len = usize::from(header[0] & 0x0f) * 4;
            let address: [u8; 4] = header[16..20].try_into().ok()?;
            (
                header[9],
                Ipv4Addr::from(address).into(),
                packet.get(len..)?,
            )
        }
        6 => {
            let header = packet.get(..40)?;
            let address: [u8; 16] = header[24..40].try_into().ok()?;
            (header[6], Ipv6Addr::from(address).into(), &packet[40..])
        }
        _ => return None,
    };
    let port = || {
        rest.get(2..4)
            .map_or(0, |two| u16::from_be_bytes([two[0], two[1]]))
    };
    Some(match protocol {
        TCP => DroppedPacket {
            by: RefusalKind::Tcp,
            address,
            port: port(),
        },
        UDP => DroppedPacket {
            by: RefusalKind::Udp,
            address,
            port: port(),
        },
        _ => DroppedPacket {
            by: RefusalKind::Other,
            address,
            port: 0,
        },
    })
}
