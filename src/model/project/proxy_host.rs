//! `ProxyHost`: by which host name an app is told that it is visited.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What stands in the `Host` of every request that an app gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ProxyHost {
    /// `<name>.localhost:<port of the gateway>`, at whichever listener the visitor came.
    Name,
    /// The name the visitor used.
    Preserve,
    /// `localhost:<port of the app>`.
    Localhost,
    /// This one: `shop.example`, `localhost:3000`.
    Fixed(Authority),
}

/// A host name or address, and perhaps a port, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority(String);

/// A text that says no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no host: expected `name`, `preserve`, `localhost`, or a host such as `shop.example` \
     or `localhost:3000`"
)]
pub struct BadHost(String);

impl Authority {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProxyHost {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        match text {
            "name" => return Ok(Self::Name),
            "preserve" => return Ok(Self::Preserve),
            "localhost" => return Ok(Self::Localhost),
            _ => {}
        }
        let bad = || BadHost(text.to_owned());
        // A single word is a misspelt choice rather than a host.
        if text.contains('@') || !text.contains(['.', ':']) {
            return Err(bad());
        }
        let authority: http::uri::Authority = text.parse().map_err(|_| bad())?;
        let port_is_good = match text.rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => {
                authority.port_u16().is_some_and(|port| port > 0)
            }
            _ => true,
        };
        if authority.host().is_empty() || !port_is_good {
            return Err(bad());
        }
        Ok(Self::Fixed(Authority(text.to_ascii_lowercase())))
    }
}

impl fmt::Display for ProxyHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Preserve => "preserve",
            Self::Localhost => "localhost",
            Self::Fixed(authority) => authority.as_str(),
        })
    }
}

impl TryFrom<String> for ProxyHost {
    type Error = BadHost;

    fn try_from(text: String) -> Result<Self, BadHost> {
        text.parse()
    }
}

impl From<ProxyHost> for String {
    fn from(host: ProxyHost) -> Self {
        host.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_and_hosts() {
        for text in [
            "name",
            "preserve",
            "localhost",
            "shop.example",
            "localhost:3000",
            "127.0.0.1",
            "[::1]:80",
            "[::1]",
        ] {
            let host: ProxyHost = text.parse().unwrap();
            assert_eq!(host.to_string(), text);
        }
        let host: ProxyHost = "Shop.Example:81".parse().unwrap();
        assert_eq!(host.to_string(), "shop.example:81");
        for text in [
            "",
            "nme",
            "Name",
            "http://shop.example",
            "shop.example/",
            "u@shop.example",
            "shop.example:",
            "shop.example:0",
            "shop.example:99999",
            ":80",
            "a b.example",
        ] {
            assert!(text.parse::<ProxyHost>().is_err(), "{text:?}");
        }
    }
}
