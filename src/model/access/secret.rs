//! `Secret`: a text that prints nothing.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Visitor};

/// A value that must not reach a log, an event or a message. Reading it takes a visible call.
///
/// It serialises as itself, for the socket and the 0600 record are where it has to travel.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Asked for a text, a format would refuse the rest itself, and quote it.
        from.deserialize_any(Text)
    }
}

/// Refuses what is no text without quoting it, which serde's own errors do.
struct Text;

macro_rules! refuse {
    ($($visit:ident: $kind:ty),*) => {$(
        fn $visit<E: serde::de::Error>(self, _: $kind) -> Result<Secret, E> {
            Err(E::custom("expected a text, in quotes"))
        }
    )*};
}

impl Visitor<'_> for Text {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, in quotes")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Secret, E> {
        Ok(Secret(text))
    }

    refuse!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_bytes: &[u8]);
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_it() {
        assert!(!format!("{:?}", Secret::new("hunter2")).contains("hunter2"));
    }

    #[test]
    fn a_value_that_is_no_text_is_not_quoted() {
        for json in ["48151623", "-48151623", "4815.1623", "[48151623]"] {
            let refused = serde_json::from_str::<Secret>(json).unwrap_err();
            let told = refused.to_string();
            assert!(!told.contains("4815"), "{told}");
        }
        let read: Secret = serde_json::from_str("\"48151623\"").unwrap();
        assert_eq!(read.reveal(), "48151623");
    }
}
