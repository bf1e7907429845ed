//! Which values of an environment are secrets, and how variables are written down as a `.env`.

use std::collections::BTreeMap;

use crate::model::Secret;

/// Parts of names whose values nobody shows.
const TELLING: [&str; 12] = [
    "KEY",
    "SECRET",
    "TOKEN",
    "PASS",
    "PWD",
    "CREDENTIAL",
    "PRIVATE",
    "AUTH",
    "DSN",
    "SALT",
    "HASH",
    "WEBHOOK",
];
/// Ends of names that hold where something is, or what it is called.
const PLACES: [&str; 6] = ["HOST", "URL", "PORT", "NAME", "USER", "DOMAIN"];
/// A value that is shorter is a word or a number that text is full of.
const SHORTEST: usize = 8;
/// One word that is longer is none.
const LONGEST_WORD: usize = 20;

/// Whether an app's output is cleaned of a value. Hosts, ports, words and plain addresses are left,
/// for errors are about them.
pub fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    if password(value).is_some() {
        return true;
    }
    if value.len() < SHORTEST {
        return false;
    }
    let is_told = TELLING.iter().any(|part| name.contains(part))
        && !PLACES.iter().any(|part| name.ends_with(part));
    is_told && !value.contains("://") || !is_address(value) && !is_ordinary(value)
}

/// Of a URL.
pub fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

/// A host, with a port or not, or a URL that holds nothing but one and a path.
fn is_address(value: &str) -> bool {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/');
    let is_url = rest.len() < value.len();
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    let is_host = host == "localhost" || is_url || host.contains('.') && !rest.contains('_');
    is_host && rest.chars().all(is_plain) && host.len() < 64 && !rest.contains("//")
}

/// A word, a number, or a path.
fn is_ordinary(value: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '.' | ',' | ' ');
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | ':');
    let is_path = value.starts_with(['/', '.']) && value.len() < 64;
    value.chars().all(is_number)
        || is_path
        || value.len() <= LONGEST_WORD && value.chars().all(is_word)
}

/// As every reader reads it back, as far as they agree.
pub fn lines(variables: &BTreeMap<String, Secret>) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=?&~-".contains(c);
    let line = |(name, value): (&String, &Secret)| {
        let value = value.reveal();
        let quote = match value {
            value if value.chars().all(is_plain) => "",
            value if !value.contains('\'') => "'",
            value if !value.contains(['"', '\\']) => "\"",
            _ => "`",
        };
        format!("{name}={quote}{value}{quote}\n")
    };
    variables.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EnvFile;

    #[test]
    fn what_errors_are_about_is_no_secret() {
        for (name, value) in [
            ("DB_HOST", "localhost"),
            ("DB_HOST", "127.0.0.1:5432"),
            ("REDIS_URL", "redis://localhost:6379/0"),
            ("API_URL", "http://localhost:3000/api"),
            ("DATABASE_URL", "sqlite:///db.sqlite3"),
            ("NODE_ENV", "development"),
            ("DEBUG", "True"),
            ("POSTGRES_DB", "my_database"),
            ("HASH", "short"),
            ("MEDIA", "./uploads/media"),
            ("NUMBER", "1234567890"),
            ("AUTH_HOST", "auth.example.com"),
        ] {
            assert!(!is_secret(name, value), "{name}={value}");
        }
    }

    #[test]
    fn what_proves_who_one_is_is_one() {
        for (name, value) in [
            ("SECRET_KEY", "supersecret"),
            ("X", "sk_live_4eC39HqLyjWDarjtT1"),
            (
                "DATABASE_URL",
                "postgres://app:hunter2@db.example.com:5432/app",
            ),
            (
                "MONGO",
                "mongodb+srv://u:p@cluster0.example.net/?retryWrites=true",
            ),
            ("DB_PASSWORD", "correct horse"),
            ("CALLBACK", "https://hooks.example.com/x?token=abcdef"),
            ("BCRYPT", "$2a$10$bY3ZpvQN"),
            ("API_KEY", "abcd.efgh.ijkl"),
        ] {
            assert!(is_secret(name, value), "{name}={value}");
        }
        assert_eq!(password("postgres://app:hunter2@db/app"), Some("hunter2"));
        assert_eq!(password("redis://localhost:6379"), None);
    }

    #[test]
    fn what_is_written_down_is_read_back() {
        let values = [
            "plain",
            "",
            "a b",
            "it's",
            "a#b",
            "x \"y\"",
            "$2a$10$x",
            "{\"a\": 1}",
            "C:\\new",
            "a\nb",
            " padded ",
        ];
        let variables: BTreeMap<String, Secret> = values
            .iter()
            .enumerate()
            .map(|(index, value)| (format!("X{index:02}"), Secret::new(*value)))
            .collect();
        let read = EnvFile::parse(&lines(&variables));
        let read: Vec<_> = read.variables.iter().map(|it| it.value.reveal()).collect();
        assert_eq!(read, values);
    }
}
