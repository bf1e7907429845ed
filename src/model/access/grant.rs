//! `Grant`: leave to visit one private preview from outside, and who may visit it without any.

use std::{collections::BTreeSet, fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::InstanceId;

/// What is known of one link that was given away. The link itself is known to nobody but its
/// holders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: GrantId,
    pub instance: InstanceId,
    /// Of the secret in the link.
    pub link: Digest,
    /// Of the cookie that a browser gets for it.
    pub cookie: Digest,
    /// For people: whom it is for.
    #[serde(default)]
    pub label: Option<String>,
    pub created: Timestamp,
    /// By this host's clock; `None` is good until it is revoked.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    #[serde(default)]
    pub revoked: Option<Timestamp>,
}

impl Grant {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|end| now < end)
    }

    /// When it stopped being good, if that is past.
    pub fn ended(&self, now: Timestamp) -> Option<Timestamp> {
        let expired = self.expires.filter(|end| *end <= now);
        self.revoked.into_iter().chain(expired).min()
    }
}

/// Leave for everyone who knows the URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccess {
    /// By this host's clock; `None` lasts until the user says otherwise.
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

impl PublicAccess {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
    }
}

/// Who may visit one instance from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// `None` is private: only who holds a grant.
    #[serde(default)]
    pub public: Option<PublicAccess>,
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// What may be visited besides the app, by its number.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ports: BTreeSet<u16>,
}

impl Shares {
    pub fn is_public(&self, now: Timestamp) -> bool {
        self.public.as_ref().is_some_and(|it| it.is_live(now))
    }
}

/// Names a grant to people and programs: eight hex digits, chosen at random. No secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GrantId(String);

/// A text that names no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of a link: expected 8 hex digits, as `share ls` shows them")]
pub struct BadGrantId(String);

impl GrantId {
    pub fn of(bytes: [u8; 4]) -> Self {
        Self(format!("{:08x}", u32::from_be_bytes(bytes)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GrantId {
    type Err = BadGrantId;

    fn from_str(text: &str) -> Result<Self, BadGrantId> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 8 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadGrantId(text.to_owned()))
        }
    }
}

impl TryFrom<String> for GrantId {
    type Error = BadGrantId;

    fn try_from(text: String) -> Result<Self, BadGrantId> {
        text.parse()
    }
}

impl From<GrantId> for String {
    fn from(id: GrantId) -> Self {
        id.0
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The hash of a secret, which tells the secret again and does not tell it to anyone. Compared in
/// constant time.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(blake3::Hash);

/// A text that is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a digest of 64 hex digits")]
pub struct BadDigest;

impl Digest {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(blake3::Hash::from_bytes(bytes))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

impl TryFrom<String> for Digest {
    type Error = BadDigest;

    fn try_from(text: String) -> Result<Self, BadDigest> {
        blake3::Hash::from_hex(text)
            .map(Self)
            .map_err(|_| BadDigest)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0.to_hex().to_string()
    }
}

/// How long leave is good for: such as `2h`, or `never` for until it is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lifetime {
    For(Duration),
    Endless,
}

/// A text that is no lifetime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not how long something may last: expected such as `30m`, `2h`, `7d` or `never`")]
pub struct BadLifetime(String);

impl Lifetime {
    const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);

    pub fn end(self, from: Timestamp) -> Option<Timestamp> {
        match self {
            // Past the end of the calendar is never.
            Self::For(time) => from.checked_add(time).ok(),
            Self::Endless => None,
        }
    }
}

impl FromStr for Lifetime {
    type Err = BadLifetime;

    fn from_str(text: &str) -> Result<Self, BadLifetime> {
        if text == "never" {
            return Ok(Self::Endless);
        }
        let time = humantime::parse_duration(text).ok();
        time.filter(|time| !time.is_zero() && *time <= Self::LONGEST)
            .map(Self::For)
            .ok_or_else(|| BadLifetime(text.to_owned()))
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(time) => humantime::format_duration(*time).fmt(f),
            Self::Endless => f.write_str("never"),
        }
    }
}

impl TryFrom<String> for Lifetime {
    type Error = BadLifetime;

    fn try_from(text: String) -> Result<Self, BadLifetime> {
        text.parse()
    }
}

impl From<Lifetime> for String {
    fn from(life: Lifetime) -> Self {
        life.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_read_as_it_is_written() {
        for text in ["2h", "30m", "7days", "1day 2h", "never"] {
            let life: Lifetime = text.parse().unwrap();
            assert_eq!(life.to_string().parse(), Ok(life), "{text}");
        }
        for text in ["", "0s", "-1h", "2", "forever", "90years"] {
            assert!(text.parse::<Lifetime>().is_err(), "{text}");
        }
        let end = Lifetime::For(Duration::from_mins(1)).end(Timestamp::UNIX_EPOCH);
        assert_eq!(end, Timestamp::from_second(60).ok());
        assert_eq!(Lifetime::Endless.end(Timestamp::UNIX_EPOCH), None);
    }
}
