//! Keys that a settings file may not hold, and what their writer most likely meant.

use serde::Serialize;
use serde_json::Value;

/// A key nothing reads.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// Dotted, from the top of the file.
    pub key: String,
    pub nearest: Option<String>,
}

/// The first key of `table` that is none of `T`'s. Objects that are empty by default are free-form.
pub fn unknown<T: Serialize + Default>(table: &toml::Table) -> Option<UnknownKey> {
    let known = serde_json::to_value(T::default()).ok()?;
    search(table, &known, "")
}

fn search(table: &toml::Table, known: &Value, under: &str) -> Option<UnknownKey> {
    let known = known.as_object().filter(|keys| !keys.is_empty())?;
    table.iter().find_map(|(key, value)| match (known.get(key), value) {
        (None, _) => Some(UnknownKey {
            key: format!("{under}{key}"),
            nearest: nearest(key, known.keys()).map(|near| format!("{under}{near}")),
        }),
        (Some(inner), toml::Value::Table(table)) => {
            search(table, inner, &format!("{under}{key}."))
        }
        (Some(_), _) => None,
    })
}

/// The known key that is a slip of the finger or two away.
fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let (distance, near) = known.map(|other| (distance(key, other), other)).min()?;
    (distance <= 2 || distance * 3 <= key.len()).then_some(near)
}

/// Insertions, deletions and replacements between two texts (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Options;

    fn find(text: &str) -> Option<UnknownKey> {
        unknown::<Options>(&text.parse().unwrap())
    }

    #[test]
    fn known_keys_pass() {
        assert_eq!(find("port = 1\n[run]\ncommand = []\n[env]\nANY = 'x'\n[set]\nentry = 'y'"), None);
    }

    #[test]
    fn a_slip_is_named_with_what_was_meant() {
        let found = find("prot = 80").unwrap();
        assert_eq!(found.nearest.as_deref(), Some("port"));
        let found = find("[limits]\nmemroy = '1g'").unwrap();
        assert_eq!(found.key, "limits.memroy");
        assert_eq!(found.nearest.as_deref(), Some("limits.memory"));
        assert_eq!(find("entirely_different = 1").unwrap().nearest, None);
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
