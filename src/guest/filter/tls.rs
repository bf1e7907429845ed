//! The name in a TLS client's first message. Nothing is decrypted.

/// More than any client sends, post-quantum key shares and all.
pub const LONGEST_HELLO: usize = 32 << 10;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const LONGEST_RECORD: usize = 16 << 10;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
/// Encrypted Client Hello: the name that is meant may be another than the one that is seen.
const ENCRYPTED_HELLO: u16 = 0xfe0d;
/// Its drafts, and the encrypted SNI before them.
const OLDER_ENCRYPTED: [u16; 5] = [0xffce, 0xfe08, 0xfe09, 0xfe0a, 0xfe0b];

/// What can be said of the bytes that came so far.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientHello {
    Incomplete,
    Named(Vec<u8>),
    Bad(TlsRefusal),
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum TlsRefusal {
    NotTls,
    TooLong,
    Malformed,
    NoName,
    Encrypted,
}

/// The alert "access denied", fatal, for a client that may not go on.
pub const DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

pub fn hello(bytes: &[u8]) -> ClientHello {
    let message = match message(bytes) {
        Ok(Some(message)) => message,
        Ok(None) => return ClientHello::Incomplete,
        Err(why) => return ClientHello::Bad(why),
    };
    match name(&message) {
        Some(Ok(name)) => ClientHello::Named(name),
        Some(Err(why)) => ClientHello::Bad(why),
        None => ClientHello::Bad(TlsRefusal::Malformed),
    }
}

/// The body of the first handshake message, put together from the records it is cut into.
fn message(bytes: &[u8]) -> Result<Option<Vec<u8>>, TlsRefusal> {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        if rest.first().is_some_and(|&kind| kind != HANDSHAKE)
            || rest.get(1).is_some_and(|&major| major != 3)
        {
            return Err(TlsRefusal::NotTls);
        }
        let Some(header) = rest.get(..5) else {
            return Ok(None);
        };
        let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if len == 0 || len > LONGEST_RECORD {
            return Err(TlsRefusal::Malformed);
        }
        let part = &rest[5..rest.len().min(5 + len)];
        message.extend_from_slice(part);
        if message.first().is_some_and(|&kind| kind != CLIENT_HELLO) {
            return Err(TlsRefusal::Malformed);
        }
        if let Some(head) = message.get(..4) {
            let want =
                usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
            if want + 4 > LONGEST_HELLO {
                return Err(TlsRefusal::TooLong);
            }
            if message.len() >= want + 4 {
                return Ok(Some(message[4..want + 4].to_vec()));
            }
        }
        if part.len() < len {
            return Ok(None);
        }
        rest = &rest[5 + len..];
    }
}

/// `None` if it is cut short or says more than it holds.
fn name(body: &[u8]) -> Option<Result<Vec<u8>, TlsRefusal>> {
    let mut hello = ByteReader(body);
    // Version and random, session, cipher suites, compressions.
    hello.take(2 + 32)?;
    hello.short()?;
    hello.long()?;
    hello.short()?;
    if hello.0.is_empty() {
        return Some(Err(TlsRefusal::NoName));
    }
    let mut extensions = ByteReader(hello.long()?);
    if !hello.0.is_empty() {
        return None;
    }
    let mut name = None;
    while !extensions.0.is_empty() {
        let kind = extensions.number()?;
        let data = extensions.long()?;
        if kind == ENCRYPTED_HELLO || OLDER_ENCRYPTED.contains(&kind) {
            return Some(Err(TlsRefusal::Encrypted));
        }
        if kind == SERVER_NAME {
            let mut data = ByteReader(data);
            let mut list = ByteReader(data.long()?);
            let is_host = *list.take(1)?.first()? == HOST_NAME;
            let host = list.long()?;
            // One list with one name, once: whoever reads on might take another.
            if !is_host || !list.0.is_empty() || !data.0.is_empty() || name.is_some() {
                return None;
            }
            name = Some(host.to_vec());
        }
    }
    Some(
        name.filter(|name| !name.is_empty())
            .ok_or(TlsRefusal::NoName),
    )
}

struct ByteReader<'a>(&'a [u8]);

impl<'a> ByteReader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// What one byte says the length of.
    fn short(&mut self) -> Option<&'a [u8]> {
        let len = self.take(1)?[0];
        self.take(usize::from(len))
    }

    /// What two bytes say the length of.
    fn long(&mut self) -> Option<&'a [u8]> {
        let len = self.number()?;
        self.take(usize::from(len))
    }
}
