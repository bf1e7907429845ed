//! Host names as they are compared: which are allowed, and how one is written for people.

use std::collections::BTreeSet;

/// Longest name that DNS can carry, without the dot at its end.
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// The hosts that may be reached.
#[derive(Debug, Default)]
pub struct Allowed {
    hosts: BTreeSet<String>,
    /// What follows `*`, with its dot.
    below: Vec<String>,
}

impl Allowed {
    /// One pattern a line: a host, or `*.` and a domain, which is every host below that domain.
    pub fn parse(lines: &str) -> Result<Self, String> {
        let mut allowed = Self::default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let pattern = pattern(line).ok_or_else(|| line.to_owned())?;
            match pattern.strip_prefix('*') {
                Some(below) => allowed.below.push(below.to_owned()),
                None => drop(allowed.hosts.insert(pattern)),
            }
        }
        Ok(allowed)
    }

    /// `name` as [`host`] gives it.
    pub fn has(&self, name: &str) -> bool {
        self.hosts.contains(name) || self.has_below(name)
    }

    /// Whether it is below a domain that is allowed whole.
    pub fn has_below(&self, name: &str) -> bool {
        let is_below =
            |suffix: &String| name.len() > suffix.len() && name.ends_with(suffix.as_str());
        self.below.iter().any(is_below)
    }
}

/// A pattern in its one form, or `None` if it is none.
pub fn pattern(text: &str) -> Option<String> {
    match text.strip_prefix("*.") {
        Some(domain) => host(domain).map(|domain| format!("*.{domain}")),
        None => host(text),
    }
}

/// A host's name in its one form: lower case, without the dot at its end. `None` for anything that
/// is not the full name of a host, an address above all.
pub fn host(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    let last_is_a_number = labels.last().is_some_and(|last| {
        last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x")
    });
    let good = name.len() <= LONGEST
        && labels.len() >= 2
        && !last_is_a_number
        && labels.iter().all(|label| is_label(label));
    good.then_some(name)
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        })
}

/// Whatever was asked for, fit for one word of one line.
pub fn harmless(bytes: &[u8]) -> String {
    let word: String = bytes
        .iter()
        .take(LONGEST)
        .map(|&byte| {
            let plain = byte.is_ascii_alphanumeric() || b"-_.:*[]".contains(&byte);
            char::from(if plain {
                byte.to_ascii_lowercase()
            } else {
                b'?'
            })
        })
        .collect();
    if word.is_empty() {
        "-".to_owned()
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_allowed_by_its_whole_name() {
        let allowed = Allowed::parse("a.example.com\n*.example.org\n").unwrap();
        for name in ["a.example.com", "x.example.org", "x.y.example.org"] {
            assert!(allowed.has(name), "{name}");
        }
        for name in [
            "example.com",
            "b.a.example.com",
            "xa.example.com",
            "a.example.com.evil.net",
            "example.org",
            "xexample.org",
            ".example.org",
            "",
        ] {
            assert!(!allowed.has(name), "{name}");
        }
        for bad in ["a.example.com\nnot a name", "*", "*.*.com", "10.0.0.1"] {
            assert!(Allowed::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_has_one_form() {
        assert_eq!(host("A.Example.COM.").as_deref(), Some("a.example.com"));
        for bad in [
            "a.example.com..",
            ".a.example.com",
            "a..b",
            "127.0.0.1",
            "0x7f.1",
            "127.0x1",
            "2130706433",
            "[::1]",
            "a\0.example.com",
            "a.example.com\r\n",
            "a/b.example.com",
            "a.example.com:443",
            "user@a.example.com",
            &format!("{}.com", "a".repeat(64)),
            &format!("{}com", "a.".repeat(126)),
        ] {
            assert_eq!(host(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_printed_is_one_word_of_one_line() {
        assert_eq!(harmless(b"A.example.com"), "a.example.com");
        assert_eq!(harmless(b"a b\nrefused tls x 1"), "a?b?refused?tls?x?1");
        assert_eq!(harmless("\u{202e}\u{1b}[2J".as_bytes()), "????[2j");
        assert_eq!(harmless(b""), "-");
        assert_eq!(harmless(&[b'a'; 5000]).len(), 253);
    }
}
