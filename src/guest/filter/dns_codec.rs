//! DNS messages, as far as addresses of hosts need them: queries taken apart, answers made anew.
//!
//! Nothing of a message is ever passed on: what is sent is built here from the parts understood.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const A: u16 = 1;
pub const AAAA: u16 = 28;
const CNAME: u16 = 5;
const INTERNET: u16 = 1;

pub const NO_ERROR: u8 = 0;
pub const FORMAT_ERROR: u8 = 1;
pub const SERVER_FAILURE: u8 = 2;
pub const NO_SUCH_NAME: u8 = 3;
pub const NOT_IMPLEMENTED: u8 = 4;

const HEADER: usize = 12;
const LONGEST_NAME: usize = 255;
/// Records looked at of one answer, and aliases followed.
const MOST_RECORDS: u16 = 64;
const MOST_ALIASES: usize = 8;
/// Addresses given in one answer: with the longest name it stays below 512 bytes.
pub const MOST_ADDRESSES: usize = 8;

const IS_ANSWER: u8 = 0x80;
const TRUNCATED: u8 = 0x02;
const RECURSION_DESIRED: u8 = 0x01;
const RECURSION_AVAILABLE: u8 = 0x80;
const OPCODE: u8 = 0x78;

/// One question.
#[derive(Debug, PartialEq, Eq)]
pub struct DnsQuery {
    id: u16,
    recursion: bool,
    /// Its labels joined by dots, whatever bytes are in them.
    pub name: Vec<u8>,
    pub kind: u16,
    /// As it was written, capitals too, for it is repeated in the answer.
    question: Vec<u8>,
}

/// Why a query gets no real answer.
#[derive(Debug, PartialEq, Eq)]
pub enum BadQuery {
    /// Not a query at all: it gets no answer.
    Noise,
    /// Answered with this code.
    Refused { id: u16, code: u8 },
}

/// What a resolver said.
#[derive(Debug, PartialEq, Eq)]
pub enum DnsOutcome {
    /// None, if the name has no address of this kind.
    Addresses {
        addresses: Vec<IpAddr>,
        ttl: u32,
    },
    NoSuchName,
    /// It is to be asked over TCP.
    Truncated,
    Failed,
}

pub fn parse_query(message: &[u8]) -> Result<DnsQuery, BadQuery> {
    let header = message.get(..HEADER).ok_or(BadQuery::Noise)?;
    let id = u16::from_be_bytes([header[0], header[1]]);
    if header[2] & IS_ANSWER != 0 {
        return Err(BadQuery::Noise);
    }
    let bad = |code| BadQuery::Refused { id, code };
    if header[2] & OPCODE != 0 {
        return Err(bad(NOT_IMPLEMENTED));
    }
    // One question, and neither answers nor authorities with it.
    if header[4..10] != [0, 1, 0, 0, 0, 0] {
        return Err(bad(FORMAT_ERROR));
    }
    let malformed = || bad(FORMAT_ERROR);
    let (name, after) = plain_name(message, HEADER).ok_or_else(malformed)?;
    let question = message.get(HEADER..after + 4).ok_or_else(malformed)?;
    let kind = number(message, after).ok_or_else(malformed)?;
    if number(message, after + 2) != Some(INTERNET) {
        return Err(bad(NOT_IMPLEMENTED));
    }
    let recursion = header[2] & RECURSION_DESIRED != 0;
    Ok(DnsQuery {
        id,
        recursion,
        name,
        kind,
        question: question.to_vec(),
    })
}

impl DnsQuery {
    /// An answer with these addresses, as far as there is room for them.
    pub fn answer(&self, code: u8, addresses: &[IpAddr], ttl: u32) -> Vec<u8> {
        let addresses = &addresses[..addresses.len().min(MOST_ADDRESSES)];
        let recursion = if self.recursion { RECURSION_DESIRED } else { 0 };
        let mut message = self.id.to_be_bytes().to_vec();
        message.extend([IS_ANSWER | recursion, RECURSION_AVAILABLE | code]);
        let count = u8::try_from(addresses.len()).unwrap_or(0);
        message.extend([0, 1, 0, count, 0, 0, 0, 0]);
        message.extend_from_slice(&self.question);
        for address in addresses {
            let (kind, bytes) = match address {
                IpAddr::V4(v4) => (A, v4.octets().to_vec()),
                IpAddr::V6(v6) => (AAAA, v6.octets().to_vec()),
            };
            // The name is where the question has it.
            message.extend([0xc0, 12]);
            message.extend(kind.to_be_bytes());
            message.extend(INTERNET.to_be_bytes());
            message.extend(ttl.to_be_bytes());
            message.extend([0, if bytes.len() == 4 { 4 } else { 16 }]);
            message.extend(bytes);
        }
        message
    }
}

/// The answer to a query that could not be read further than its id.
pub fn refusal(id: u16, code: u8) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([
        IS_ANSWER,
        RECURSION_AVAILABLE | code,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ]);
    message
}

/// A query of our own for a name as [`guest_api::host_names::host`] gives it.
pub fn build_query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(0));
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    message
}

/// What an answer to [`build_query`] says; `None` if it is not one, and another may still come.
pub fn parse_answer(message: &[u8], id: u16, name: &str, kind: u16) -> Option<DnsOutcome> {
    let header = message.get(..HEADER)?;
    let is_ours = header[..2] == id.to_be_bytes()
        && header[2] & IS_ANSWER != 0
        && header[2] & OPCODE == 0
        && header[4..6] == [0, 1];
    let (asked, after) = plain_name(message, HEADER)?;
    let same_question = asked.eq_ignore_ascii_case(name.as_bytes())
        && number(message, after) == Some(kind)
        && number(message, after + 2) == Some(INTERNET);
    if !is_ours || !same_question {
        return None;
    }
    if header[2] & TRUNCATED != 0 {
        return Some(DnsOutcome::Truncated);
    }
    Some(match header[3] & 0x0f {
        NO_ERROR => records(message, after + 4, name, kind).unwrap_or(DnsOutcome::Failed),
        NO_SUCH_NAME => DnsOutcome::NoSuchName,
        _ => DnsOutcome::Failed,
    })
}

/// Follow the aliases from `name` to addresses. `None` if a record is malformed.
fn records(message: &[u8], mut at: usize, name: &str, kind: u16) -> Option<DnsOutcome> {
    let count = number(message, 6)?.min(MOST_RECORDS);
    let mut aliases: Vec<(Vec<u8>, Vec<u8>, u32)> = Vec::new();
    let mut found: Vec<(Vec<u8>, IpAddr, u32)> = Vec::new();
    for _ in 0..count {
        let (mut owner, after) = any_name(message, at)?;
        owner.make_ascii_lowercase();
        let record = number(message, after)?;
        let class = number(message, after + 2)?;
        let ttl =
            (u32::from(number(message, after + 4)?) << 16) | u32::from(number(message, after + 6)?);
        let len = usize::from(number(message, after + 8)?);
        let start = after + 10;
        let data = message.get(start..start + len)?;
        at = start + len;
        match (class, record) {
            (INTERNET, CNAME) => {
                let (mut target, end) = any_name(message, start)?;
                if end != at {
                    return None;
                }
                target.make_ascii_lowercase();
                aliases.push((owner, target, ttl));
            }
            (INTERNET, A) if kind == A => {
                let four: [u8; 4] = data.try_into().ok()?;
                found.push((owner, Ipv4Addr::from(four).into(), ttl));
            }
            (INTERNET, AAAA) if kind == AAAA => {
                let sixteen: [u8; 16] = data.try_into().ok()?;
                found.push((owner, Ipv6Addr::from(sixteen).into(), ttl));
            }
            _ => {}
        }
    }
    let mut name = name.as_bytes().to_vec();
    let mut least = u32::MAX;
    for _ in 0..=MOST_ALIASES {
        let addresses: Vec<IpAddr> = found
            .iter()
            .filter(|(owner, ..)| *owner == name)
            .map(|&(_, address, ttl)| {
                least = least.min(ttl);
                address
            })
            .take(MOST_ADDRESSES)
            .collect();
        let alias = aliases.iter().find(|(owner, ..)| *owner == name);
        match alias {
            Some((_, target, ttl)) if addresses.is_empty() => {
                least = least.min(*ttl);
                name.clone_from(target);
            }
            _ => {
                let ttl = if addresses.is_empty() { 0 } else { least };
                return Some(DnsOutcome::Addresses { addresses, ttl });
            }
        }
    }
    None
}

fn number(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at + 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// A name without pointers, and where it ends.
fn plain_name(message: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let mut name = Vec::new();
    let end = labels(message, at, &mut name)?;
    match end {
        NameEnd::Root(after) => Some((name, after)),
        NameEnd::Pointer { .. } => None,
    }
}

/// A name that may go on elsewhere, each time further to the front, so that it comes to an end.
fn any_name(message: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let mut name = Vec::new();
    let mut end = labels(message, at, &mut name)?;
    let (mut from, mut after) = (at, None);
    loop {
        match end {
            NameEnd::Root(last) => return Some((name, after.unwrap_or(last))),
            NameEnd::Pointer { to, next } => {
                after.get_or_insert(next);
                if to >= from {
                    return None;
                }
                from = to;
                end = labels(message, to, &mut name)?;
            }
        }
    }
}

enum NameEnd {
    /// The name is complete; what follows it begins here.
    Root(usize),
    Pointer {
        to: usize,
        next: usize,
    },
}

fn labels(message: &[u8], mut at: usize, name: &mut Vec<u8>) -> Option<NameEnd> {
    loop {
        let len = usize::from(*message.get(at)?);
        match len {
            0 => return Some(NameEnd::Root(at + 1)),
            1..=63 => {
                if !name.is_empty() {
                    name.push(b'.');
                }
                name.extend_from_slice(message.get(at + 1..=at + len)?);
                if name.len() + 2 > LONGEST_NAME {
                    return None;
                }
                at += 1 + len;
            }
            0xc0.. => {
                let to = usize::from(number(message, at)? & 0x3fff);
                return Some(NameEnd::Pointer { to, next: at + 2 });
            }
            _ => return None,
        }
    }
}
