//! TOML read strictly: an unknown key is refused with its line and the nearest known key.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};

use super::nearest;

/// What is wrong with a TOML text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlFault {
    /// From 1, where it is known.
    pub line: Option<usize>,
    pub reason: String,
    /// The known key nearest to the unknown one.
    pub meant: Option<String>,
}

impl fmt::Display for TomlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.reason)?;
        match &self.meant {
            Some(meant) => write!(f, "; did you mean `{meant}`?"),
            None => Ok(()),
        }
    }
}

/// `text` as a `T`. For an unknown key to be refused, `T` has to say `deny_unknown_fields`.
pub fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, TomlFault> {
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let unknown = unknown_key::<T>(text);
        TomlFault {
            line,
            reason: match &unknown {
                Some(unknown) => format!("unknown key `{}`", unknown.key),
                None => error.message().lines().collect::<Vec<_>>().join(" "),
            },
            meant: unknown.and_then(|UnknownKey { key, known }| {
                nearest(&key, known.iter().copied()).map(str::to_owned)
            }),
        }
    })
}

/// The key `T` does not know, with those it does, if that is what is wrong with `text`.
fn unknown_key<T: DeserializeOwned>(text: &str) -> Option<UnknownKey> {
    let table: toml::Table = toml::from_str(text).ok()?;
    match T::deserialize(TomlNode(toml::Value::Table(table))) {
        Err(StrictFault::UnknownKey(unknown)) => Some(unknown),
        Err(StrictFault::Other(_)) | Ok(_) => None,
    }
}

#[derive(Debug)]
struct UnknownKey {
    key: String,
    known: &'static [&'static str],
}

/// An error that keeps an unknown key as data, where TOML's own puts it into a sentence.
#[derive(Debug)]
enum StrictFault {
    UnknownKey(UnknownKey),
    Other(String),
}

impl fmt::Display for StrictFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(unknown) => write!(f, "unknown key `{}`", unknown.key),
            Self::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for StrictFault {}

impl serde::de::Error for StrictFault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownKey(UnknownKey {
            key: field.to_owned(),
            known: expected,
        })
    }
}

/// A value that deserialises with [`StrictFault`] for its error.
struct TomlNode(toml::Value);

impl<'de> Deserializer<'de> for TomlNode {
    type Error = StrictFault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StrictFault> {
        match self.0 {
            toml::Value::String(text) => visitor.visit_string(text),
            toml::Value::Integer(number) => visitor.visit_i64(number),
            toml::Value::Float(number) => visitor.visit_f64(number),
            toml::Value::Boolean(flag) => visitor.visit_bool(flag),
            toml::Value::Datetime(time) => visitor.visit_string(time.to_string()),
            toml::Value::Array(items) => visitor.visit_seq(TomlItems(items.into_iter())),
            toml::Value::Table(table) => visitor.visit_map(TomlEntries {
                rest: table.into_iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StrictFault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, StrictFault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, StrictFault> {
        match self.0 {
            toml::Value::String(text) => visitor.visit_enum(text.into_deserializer()),
            _ => Err(serde::de::Error::custom("expected a word")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct TomlItems(std::vec::IntoIter<toml::Value>);

impl<'de> SeqAccess<'de> for TomlItems {
    type Error = StrictFault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, StrictFault> {
        self.0
            .next()
            .map(|item| seed.deserialize(TomlNode(item)))
            .transpose()
    }
}

struct TomlEntries {
    rest: toml::map::IntoIter<String, toml::Value>,
    value: Option<toml::Value>,
}

impl<'de> MapAccess<'de> for TomlEntries {
    type Error = StrictFault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, StrictFault> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, StrictFault> {
        match self.value.take() {
            Some(value) => seed.deserialize(TomlNode(value)),
            None => Err(serde::de::Error::custom(
                "a value was asked for before its key",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Options;

    fn fault(text: &str) -> String {
        from_toml::<Options>(text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest() {
        assert_eq!(
            fault("port = 80\ntemplat = \"x\"\n"),
            "line 2: unknown key `templat`; did you mean `template`?"
        );
        assert_eq!(
            fault("[reload]\nmode = \"restart\"\nrestart-on = []\n"),
            "line 3: unknown key `restart-on`; did you mean `restart_on`?"
        );
        assert_eq!(fault("zzzzzz = 1\n"), "line 1: unknown key `zzzzzz`");
    }

    #[test]
    fn other_faults_keep_the_parsers_words_and_their_line() {
        assert!(fault("port = 80\nport = 81\n").starts_with("line 2: duplicate key"));
        assert!(fault("\n\nport = \"x\"\n").starts_with("line 3: invalid type"));
        assert!(fault("port = 70000").starts_with("line 1: invalid value"));
        assert!(fault("reload.mode = \"never\"").contains("unknown variant"));
    }

    #[test]
    fn what_is_right_is_read() {
        let options: Options =
            from_toml("name = \"shop\"\nset.entry = \"a:b\"\nlimits.cpus = 0.5").unwrap();
        assert_eq!(options.limits.cpus, Some(0.5));
        assert_eq!(options.set["entry"], "a:b");
    }
}
