//! Globs and regular expressions as values of a template.

use std::{collections::HashMap, fmt, sync::LazyLock};

use globset::{GlobBuilder, GlobMatcher};
use parking_lot::Mutex;
use regex::Regex;
use serde::{Deserialize, Deserializer, de::Error as _};

/// `x` or `[x, y]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

/// A glob over paths, in which `*` does not cross a `/`.
#[derive(Debug, Clone)]
pub struct FileGlob {
    pub text: String,
    matcher: GlobMatcher,
}

impl FileGlob {
    /// The same texts are written again and again, and take their time to compile.
    pub fn new(text: &str) -> Result<Self, globset::Error> {
        static COMPILED: LazyLock<Mutex<HashMap<String, FileGlob>>> = LazyLock::new(Mutex::default);
        /// Users' own templates may hold anything.
        const MOST: usize = 1000;
        let mut compiled = COMPILED.lock();
        if let Some(known) = compiled.get(text) {
            return Ok(known.clone());
        }
        let glob = GlobBuilder::new(text).literal_separator(true).build()?;
        let glob = Self {
            text: text.to_owned(),
            matcher: glob.compile_matcher(),
        };
        if compiled.len() < MOST {
            compiled.insert(text.to_owned(), glob.clone());
        }
        Ok(glob)
    }

    pub fn fits(&self, path: &str) -> bool {
        self.matcher.is_match(path)
    }
}

impl<'de> Deserialize<'de> for FileGlob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A regular expression.
#[derive(Clone)]
pub struct Pattern(pub Regex);

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Regex::new(&String::deserialize(from)?)
            .map(Self)
            .map_err(D::Error::custom)
    }
}
