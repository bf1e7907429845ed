//! `Row`: what is kept of one row, and `WireRow`, the row as it comes.

use serde::{Deserialize, Deserializer};

use crate::source::supabase::{Key, Shape};

/// One row, its columns under the short names that [`Shape`] asks for them by.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireRow {
    #[serde(deserialize_with = "scalar")]
    pub key: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub path: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub c0: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub c1: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub c2: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub hash: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub size: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub dir: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub object: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub bucket: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub mode: Option<String>,
    pub rev: Option<i64>,
    #[serde(deserialize_with = "scalar")]
    pub encoding: Option<String>,
    pub binary: Option<bool>,
    #[serde(deserialize_with = "scalar")]
    pub content: Option<String>,
}

/// What a listing tells of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// As it is in the table.
    pub path: String,
    pub token: RowToken,
    pub size: Option<u64>,
    pub rev: Option<i64>,
    pub is_dir: bool,
    pub is_executable: bool,
    /// What orders two rows of one path.
    pub age: RowAge,
}

/// Differs between any two states of a row that the table tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowToken(pub u128);

/// Numbers by value, times by their text, which PostgREST writes in one zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowAge(Option<i64>, Option<String>);

impl WireRow {
    /// What the row is known by.
    pub fn key<'a>(&'a self, shape: &Shape) -> Option<&'a str> {
        match shape.key {
            Key::Id(_) => self.key.as_deref(),
            Key::Path => self.path.as_deref(),
        }
    }

    pub fn token(&self, shape: &Shape) -> RowToken {
        let parts = [
            self.key(shape),
            self.c0.as_deref(),
            self.c1.as_deref(),
            self.c2.as_deref(),
            self.hash.as_deref(),
            self.size.as_deref(),
            self.object.as_deref(),
            self.bucket.as_deref(),
            self.mode.as_deref(),
        ];
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            let len = part.map_or(u64::MAX, |part| part.len() as u64);
            hasher.update(&len.to_le_bytes());
            hasher.update(part.unwrap_or_default().as_bytes());
        }
        let mut first = [0; 16];
        hasher.finalize_xof().fill(&mut first);
        RowToken(u128::from_le_bytes(first))
    }

    /// `None` for a row without key or path, which is no file.
    pub fn into_row(self, shape: &Shape) -> Option<(String, Row)> {
        let key = self.key(shape)?.to_owned();
        let token = self.token(shape);
        let newest = self.c0.as_deref().and_then(|text| text.parse().ok());
        let row = Row {
            token,
            size: self.size.as_deref().and_then(|text| text.parse().ok()),
            rev: self.rev,
            is_dir: self
                .dir
                .as_deref()
                .is_some_and(|is| matches!(is, "true" | "folder" | "directory" | "dir")),
            is_executable: self
                .mode
                .as_deref()
                .and_then(|text| text.parse::<u32>().ok())
                .is_some_and(|mode| mode & 0o111 != 0),
            age: RowAge(newest, self.c2.or(self.c1).or(self.c0)),
            path: self.path?,
        };
        Some((key, row))
    }
}

/// Text, whatever it is in the table; null stays nothing.
fn scalar<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}
