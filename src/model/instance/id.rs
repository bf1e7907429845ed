//! Who an instance is: an id derived from its source, and a name fit for a host name.

use std::{fmt, path::Path, str::FromStr};

use serde::{Deserialize, Serialize};

/// Twelve lower-case hex digits that identify an instance on this host.
///
/// Derived from the source's canonical identity and the name the user gave, never from a
/// directory's base name, so two checkouts of one project are two instances.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId(String);

/// A text that is not the id or name it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    #[error("`{0}` is not an instance id: expected 12 hex digits")]
    Id(String),
    #[error(
        "`{0}` is not a name: use 1 to 40 of a-z, 0-9 and `-`, and begin and end with a letter or digit"
    )]
    Name(String),
    #[error("`{0}` is not a name: it reads as a port of the preview `{1}`")]
    Port(String, String),
}

impl InstanceId {
    const LENGTH: usize = 12;

    /// The instance of the project at `canonical`, an absolute path with its links resolved.
    pub fn of_directory(canonical: &Path, label: Option<&Name>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(canonical.as_os_str().as_encoded_bytes());
        hasher.update(&[0]);
        hasher.update(label.map_or("", |name| name.as_str()).as_bytes());
        Self(hasher.finalize().to_hex()[..Self::LENGTH].to_owned())
    }

    /// The instance of a Supabase project's rows.
    pub fn of_project(project: &str, label: Option<&Name>) -> Self {
        Self::of_directory(Path::new(&format!("supabase:{project}")), label)
    }

    /// The same project's instance of one of several owners, whom it tells apart.
    #[must_use]
    pub fn of_owner(&self, owner: &str) -> Self {
        Self::of_directory(Path::new(&format!("owner:{self}:{owner}")), None)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstanceId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == Self::LENGTH && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadId::Id(text.to_owned()))
        }
    }
}

impl TryFrom<String> for InstanceId {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name that is also one label of a host name: `<name>.localhost`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    const LONGEST: usize = 40;

    /// The nearest name to any text, such as a directory's base name; `app` if nothing is left.
    pub fn slug(text: &str) -> Self {
        let mut slug = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(Self::LONGEST);
        let slug = slug.trim_end_matches('-');
        Self(if slug.is_empty() { "app" } else { slug }.to_owned())
    }

    /// The same name made different from another's, by the first digits of an id.
    #[must_use]
    pub fn distinguished(&self, id: &InstanceId) -> Self {
        let mut head = self.0.clone();
        head.truncate(Self::LONGEST - 7);
        Self(format!(
            "{}-{}",
            head.trim_end_matches('-'),
            &id.as_str()[..6]
        ))
    }

    /// The same name with the whole of an id, so that it says nothing of which names are taken.
    #[must_use]
    pub fn singled_out(&self, id: &InstanceId) -> Self {
        let mut head = self.0.clone();
        head.truncate(Self::LONGEST - InstanceId::LENGTH - 1);
        Self(format!("{}-{id}", head.trim_end_matches('-')))
    }

    /// The same name, unless it reads as a port of another preview: `3001--shop` is then
    /// `3001-shop`.
    #[must_use]
    pub fn without_port(self) -> Self {
        match port_of(&self.0) {
            Some(_) => Self::slug(&self.0),
            None => self,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As [`FromStr`] has it, and names that read as a port too: older records may have such.
    fn known(text: &str) -> Result<Self, BadId> {
        let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let fits = (1..=Self::LONGEST).contains(&text.len())
            && text.bytes().all(inner)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadId::Name(text.to_owned()))
        }
    }
}

/// The port that the first part of a host asks for, and the host without it: `3001--shop` is port
/// 3001 of `shop`.
pub fn port_of(host: &str) -> Option<(u16, &str)> {
    let (digits, rest) = host.split_once("--")?;
    let canonical = !digits.starts_with('0') && digits.bytes().all(|it| it.is_ascii_digit());
    let named = !rest.is_empty() && !rest.starts_with(['-', '.', ':']);
    let port = digits.parse().ok().filter(|port| *port > 0)?;
    (canonical && named).then_some((port, rest))
}

impl FromStr for Name {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        match port_of(text) {
            Some((_, rest)) => Err(BadId::Port(text.to_owned(), rest.to_owned())),
            None => Self::known(text),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        Self::known(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_always_a_name() {
        for text in [
            "",
            "---",
            "Mein Projekt!",
            "../x",
            "é",
            &"a-".repeat(60),
            "x y\nz",
        ] {
            let slug = Name::slug(text);
            assert_eq!(
                slug.as_str().parse::<Name>().as_ref(),
                Ok(&slug),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_name_does_not_read_as_a_port_of_another() {
        for text in ["3001--shop", "1--a"] {
            assert!(matches!(text.parse::<Name>(), Err(BadId::Port(..))));
            let stored: Name = serde_json::from_value(text.into()).unwrap();
            assert_eq!(stored.as_str(), text, "what an older record has");
            let name = stored.without_port();
            assert_eq!(name.as_str(), text.replace("--", "-"));
        }
        for text in ["3001-shop", "0--shop", "70000--shop", "shop--3001"] {
            let name: Name = text.parse().unwrap();
            assert_eq!(name.clone().without_port(), name);
        }
    }

    #[test]
    fn identity_is_the_path_and_the_label() {
        let here = Path::new("/a/shop");
        let label = Name::slug("two");
        let plain = InstanceId::of_directory(here, None);
        assert_eq!(plain, InstanceId::of_directory(here, None));
        assert_ne!(plain, InstanceId::of_directory(Path::new("/b/shop"), None));
        assert_ne!(plain, InstanceId::of_directory(here, Some(&label)));
    }

    #[test]
    fn owners_of_one_project_have_an_instance_each() {
        let base = InstanceId::of_project("shop", None);
        assert_ne!(base.of_owner("ann"), base);
        assert_ne!(base.of_owner("ann"), base.of_owner("bob"));
        assert_eq!(base.of_owner("ann"), base.of_owner("ann"));
        let name = Name::slug(&"a".repeat(40)).singled_out(&base);
        assert!(name.as_str().parse::<Name>().is_ok());
        assert!(name.as_str().ends_with(base.as_str()));
    }

    #[test]
    fn names_that_are_no_host_label_are_refused() {
        for text in ["", "-a", "a-", "A", "a.b", "a_b", &"a".repeat(41)] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_distinguished_name_still_fits() {
        let id = InstanceId::of_directory(Path::new("/x"), None);
        let long = Name::slug(&"a".repeat(40)).distinguished(&id);
        assert!(long.as_str().parse::<Name>().is_ok());
    }
}
