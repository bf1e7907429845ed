//! `PublicUrl`: where the world finds a preview.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// `https://host`, `http://host:port` and the like: an origin, in lower case, without a port that
/// the scheme implies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A text that is no URL of a whole host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a public URL: expected `https://host` or `http://host:port`, without a path")]
pub struct BadUrl(String);

impl PublicUrl {
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Without the port. An IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.scheme.port())
    }

    /// As a `Host` header has it.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

impl FromStr for PublicUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let bad = || BadUrl(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(bad()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let authority: http::uri::Authority = rest.parse().map_err(|_| bad())?;
        let host = authority.host().to_ascii_lowercase();
        // Of what follows the host nothing may be lost, such as a port that is out of range.
        let port = match rest.get(host.len()..) {
            Some("") => None,
            Some(after) => {
                let digits = after.strip_prefix(':').ok_or_else(bad)?;
                let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
                let port = digits.parse::<u16>().ok().filter(|_| plain);
                Some(port.ok_or_else(bad)?)
            }
            None => return Err(bad()),
        };
        if host.is_empty() || rest.contains('@') || port == Some(0) {
            return Err(bad());
        }
        Ok(Self {
            scheme,
            host,
            port: port.filter(|port| *port != scheme.port()),
        })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = BadUrl;

    fn try_from(text: String) -> Result<Self, BadUrl> {
        text.parse()
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_in_its_one_form() {
        for (given, want) in [
            ("https://a.example", "https://a.example"),
            ("HTTPS://A.Example:443/", "https://a.example"),
            ("http://a.example:80", "http://a.example"),
            ("http://bore.example:3141", "http://bore.example:3141"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            let url: PublicUrl = given.parse().unwrap();
            assert_eq!(url.to_string(), want);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https://u:p@a.example",
            "https://a.example/path",
            "https://a.example?q",
            "https://a b",
            "https://a.example:0",
            "https://a.example:99999",
            "https://a.example:+80",
            "https://a.example:",
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text:?}");
        }
    }
}
