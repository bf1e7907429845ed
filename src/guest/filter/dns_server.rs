//! The resolver that a preview sees: it knows the allowed names and no others.

use std::{
    io::{self, Write},
    net::{IpAddr, TcpStream, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use guest_api::host_names;

use super::{
    Filter,
    dns_codec::{self, BadQuery, DnsQuery},
    refusal_log::RefusalKind,
    resolve::{Resolution, fill},
};

pub const PORT: u16 = 53;
/// Larger than any honest question.
const LONGEST: usize = 1024;
/// Questions on one connection, and for each to come and be answered.
const MOST: usize = 32;
const TIMEOUT: Duration = Duration::from_secs(10);

/// One of several that share a socket. Ends with the socket.
pub fn serve(filter: &Arc<Filter>, socket: &UdpSocket) {
    let mut message = [0; LONGEST];
    loop {
        match socket.recv_from(&mut message) {
            Ok((len, from)) => {
                if let Some(answer) = filter.answer(&message[..len]) {
                    // Lost like any datagram: it is asked again.
                    let _ = socket.send_to(&answer, from);
                }
            }
            // What an earlier answer met; the socket itself is well.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

pub fn converse(filter: &Filter, stream: &mut TcpStream) -> io::Result<()> {
    for _ in 0..MOST {
        let deadline = Instant::now() + TIMEOUT;
        let mut len = [0; 2];
        fill(stream, &mut len, deadline)?;
        let len = usize::from(u16::from_be_bytes(len));
        if len > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut message = vec![0; len];
        fill(stream, &mut message, deadline)?;
        let Some(answer) = filter.answer(&message) else {
            return Ok(());
        };
        let len = u16::try_from(answer.len()).unwrap_or(0);
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.write_all(&[&len.to_be_bytes()[..], &answer].concat())?;
    }
    Ok(())
}

impl Filter {
    /// What to answer to a message, if anything.
    fn answer(&self, message: &[u8]) -> Option<Vec<u8>> {
        match dns_codec::parse_query(message) {
            Ok(query) => Some(self.answer_query(&query)),
            Err(BadQuery::Noise) => None,
            Err(BadQuery::Refused { id, code }) => Some(dns_codec::refusal(id, code)),
        }
    }

    fn answer_query(&self, query: &DnsQuery) -> Vec<u8> {
        let text = std::str::from_utf8(&query.name).ok();
        let Some(name) = text
            .and_then(host_names::host)
            .filter(|name| self.allowed.has(name))
        else {
            if is_real_name(&query.name) {
                self.report
                    .refused(RefusalKind::Dns, &host_names::harmless(&query.name), PORT);
            }
            return query.answer(dns_codec::NO_SUCH_NAME, &[], 0);
        };
        if query.kind != dns_codec::A && query.kind != dns_codec::AAAA {
            // There is such a name, and nothing else about it: no text that a tunnel could use, no
            // keys to encrypt the names in hellos with.
            return query.answer(dns_codec::NO_ERROR, &[], 0);
        }
        match self.resolver.find(&name, query.kind) {
            Resolution::Addresses {
                addresses,
                ttl,
                private,
            } => {
                if let Some(private) = private {
                    self.report_private(&name, private);
                }
                query.answer(dns_codec::NO_ERROR, &addresses, ttl)
            }
            Resolution::NoSuchName => query.answer(dns_codec::NO_SUCH_NAME, &[], 0),
            Resolution::Failed => query.answer(dns_codec::SERVER_FAILURE, &[], 0),
        }
    }

    pub fn report_private(&self, name: &str, private: IpAddr) {
        self.report
            .refused(RefusalKind::Dns, &format!("{name}={private}"), PORT);
    }
}

/// Names of one label are this machine's own, and looking up who an address is happens by itself.
fn is_real_name(name: &[u8]) -> bool {
    name.contains(&b'.') && !name.to_ascii_lowercase().ends_with(b".arpa")
}
