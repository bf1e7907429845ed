//! Which paths may cross from any source into an instance: one validator for all of them.
//!
//! It refuses rather than repairs. The rules are those of the strictest system a project may be
//! checked out on, so that what works here works on a colleague's machine.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Bytes of a whole path.
pub const LONGEST_PATH: usize = 4096;
/// Bytes of one name.
pub const LONGEST_NAME: usize = 255;
/// Names in one path.
pub const DEEPEST: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    #[error("the name is empty")]
    Empty,
    #[error("the path is absolute")]
    Absolute,
    #[error("`.` and `..` are not names")]
    Dots,
    #[error("the name holds a backslash")]
    Backslash,
    #[error("the name holds a control character")]
    Control,
    #[error("the name holds a character that reorders text")]
    Reordering,
    #[error("the name is reserved on Windows")]
    Reserved,
    #[error("the name holds a colon")]
    Colon,
    #[error("the name ends with a dot or a space")]
    Trailing,
    #[error("the name stands for `.git`")]
    Git,
    #[error("the name is not UTF-8")]
    NotUnicode,
    #[error("the name is longer than {LONGEST_NAME} bytes")]
    NameTooLong,
    #[error("the path is longer than {LONGEST_PATH} bytes")]
    PathTooLong,
    #[error("the path is deeper than {DEEPEST} directories")]
    TooDeep,
}

/// A relative path, `/` between names.
pub fn check(path: &str) -> Result<(), BadPath> {
    if path.starts_with('/') {
        return Err(BadPath::Absolute);
    }
    check_extent(path)?;
    path.split('/').try_for_each(check_name)
}

/// Only what concerns a path as a whole.
pub fn check_extent(path: &str) -> Result<(), BadPath> {
    if path.len() > LONGEST_PATH {
        return Err(BadPath::PathTooLong);
    }
    if path.split('/').count() > DEEPEST {
        return Err(BadPath::TooDeep);
    }
    Ok(())
}

/// Whose names a source may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// Those that every system has, for files that come from elsewhere.
    #[default]
    Everywhere,
    /// Those of this host, for a directory that its user has here: the inside is no stricter.
    Here,
}

impl Names {
    /// A relative path, `/` between names.
    pub fn check(self, path: &str) -> Result<(), BadPath> {
        let name = |name| self.check_name(name);
        if path.starts_with('/') {
            return Err(BadPath::Absolute);
        }
        check_extent(path)?;
        path.split('/').try_for_each(name)
    }

    /// One name of a path. What no file system here would call by another name, and what shows as
    /// what it is, is taken of a directory of this host.
    pub fn check_name(self, name: &str) -> Result<(), BadPath> {
        match (self, check_name(name)) {
            (
                Self::Here,
                Err(BadPath::Reserved | BadPath::Trailing | BadPath::Colon | BadPath::Backslash),
            ) => match name.chars().find_map(unshowable) {
                Some(bad) => Err(bad),
                None if name.contains("%00") => Err(BadPath::Control),
                None if stands_for_git(name) => Err(BadPath::Git),
                None => Ok(()),
            },
            (_, checked) => checked,
        }
    }
}

fn unshowable(c: char) -> Option<BadPath> {
    match c {
        c if c.is_control() => Some(BadPath::Control),
        c if reorders(c) => Some(BadPath::Reordering),
        _ => None,
    }
}

/// One name of a path.
pub fn check_name(name: &str) -> Result<(), BadPath> {
    if name.is_empty() {
        return Err(BadPath::Empty);
    }
    if name == "." || name == ".." {
        return Err(BadPath::Dots);
    }
    if name.len() > LONGEST_NAME {
        return Err(BadPath::NameTooLong);
    }
    for c in name.chars() {
        match c {
            '\\' => return Err(BadPath::Backslash),
            ':' => return Err(BadPath::Colon),
            c => {
                if let Some(bad) = unshowable(c) {
                    return Err(bad);
                }
            }
        }
    }
    // What decodes names once more would see an end here, and the rest of the name not at all.
    if name.contains("%00") {
        return Err(BadPath::Control);
    }
    // Before the trailing dot, so that `.git.` is called what it is.
    if stands_for_git(name) {
        return Err(BadPath::Git);
    }
    if name.ends_with(['.', ' ']) {
        return Err(BadPath::Trailing);
    }
    if is_reserved(name) {
        return Err(BadPath::Reserved);
    }
    Ok(())
}

/// For messages: what would break a line, or show as something else, is spelled out.
pub fn printable(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_control() || reorders(c) || is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

fn reorders(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What some file systems drop when they compare names.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Equal for two names that some file system takes for one: they differ in case, in how accents
/// are composed, or in characters that are not seen.
///
/// By way of capitals and back, so that `ß` is `SS` and a dotless `ı` is `I`, and letter by letter, so that
/// a sigma is one wherever it stands.
pub fn spelling(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfd();
    let folded: String = decomposed
        .normalize(name)
        .chars()
        .filter(|&c| !is_invisible(c))
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect();
    // A letter's other case may be composed.
    decomposed.normalize(&folded).into_owned()
}

fn stands_for_git(name: &str) -> bool {
    let seen = spelling(name);
    let seen = seen.trim_end_matches(['.', ' ']);
    let short = seen
        .strip_prefix("git~")
        .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    seen == ".git" || short
}

fn is_reserved(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_ascii_uppercase();
    if matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$"
    ) {
        return true;
    }
    let Some(unit) = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"))
    else {
        return false;
    };
    let mut unit = unit.chars();
    matches!(
        (unit.next(), unit.next()),
        (Some('0'..='9' | '¹' | '²' | '³'), None)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_of_hostile_paths() {
        use BadPath as B;
        let table: &[(&str, BadPath)] = &[
            ("..", B::Dots),
            ("../x", B::Dots),
            ("a/../../x", B::Dots),
            ("a/..", B::Dots),
            ("./x", B::Dots),
            ("a//b", B::Empty),
            ("a/", B::Empty),
            ("", B::Empty),
            ("/etc/x", B::Absolute),
            ("//h/s", B::Absolute),
            ("\\\\h\\s", B::Backslash),
            ("C:\\x", B::Colon),
            ("C:x", B::Colon),
            ("\\\\?\\C:\\x", B::Backslash),
            ("a\\..\\b", B::Backslash),
            ("..\0", B::Control),
            ("a\0b", B::Control),
            ("a\nb", B::Control),
            ("a\rb", B::Control),
            ("a\u{1b}[0m", B::Control),
            ("a\u{7f}", B::Control),
            ("a\u{85}", B::Control),
            ("a\u{202e}b", B::Reordering),
            ("a\u{2066}b", B::Reordering),
            ("a/\u{200f}", B::Reordering),
            ("CON", B::Reserved),
            ("con", B::Reserved),
            ("nul.txt", B::Reserved),
            ("a/aux.", B::Trailing),
            ("aux.c", B::Reserved),
            ("COM1", B::Reserved),
            ("COM¹", B::Reserved),
            ("lpt².log", B::Reserved),
            ("CONIN$", B::Reserved),
            ("nul .txt", B::Reserved),
            ("x:ads", B::Colon),
            ("x.", B::Trailing),
            ("x ", B::Trailing),
            ("a ./b", B::Trailing),
            ("git~1", B::Git),
            ("GIT~12/hooks/x", B::Git),
            (".GIT/hooks/x", B::Git),
            (".git/config", B::Git),
            (".git./config", B::Git),
            (".git /config", B::Git),
            (".g\u{200c}it/config", B::Git),
            ("\u{feff}.git", B::Git),
            ("a/.Git", B::Git),
            (".g\u{131}t/config", B::Git),
            ("..%00", B::Control),
            ("a%00b", B::Control),
            ("clock$", B::Reserved),
        ];
        for (path, why) in table {
            assert_eq!(check(path), Err(*why), "{path:?}");
        }
    }

    #[test]
    fn a_directory_of_this_host_may_hold_what_other_systems_forbid() {
        use BadPath as B;
        for path in [
            "aux.js", "con", "prn.txt", "a:b.txt", "x:ads", "dot.", "x ", "C:\\x", "a\\b", "nul",
        ] {
            assert_eq!(Names::Here.check(path), Ok(()), "{path:?}");
            assert!(Names::Everywhere.check(path).is_err(), "{path:?}");
        }
        for (path, why) in [
            ("..", B::Dots),
            ("a//b", B::Empty),
            ("/etc/x", B::Absolute),
            ("a:\n", B::Control),
            ("a\\\u{202e}b", B::Reordering),
            ("a\u{7f}.", B::Control),
            ("a%00b", B::Control),
            ("a:%00b", B::Control),
            (".git/config", B::Git),
            (".GIT.", B::Git),
            (".git ", B::Git),
            ("git~1", B::Git),
            ("git~1.", B::Git),
            (".g\u{200c}it", B::Git),
        ] {
            assert_eq!(Names::Here.check(path), Err(why), "{path:?}");
        }
    }

    #[test]
    fn extents() {
        assert_eq!(check(&"a".repeat(256)), Err(BadPath::NameTooLong));
        assert_eq!(check(&"é".repeat(128)), Err(BadPath::NameTooLong));
        assert_eq!(check(&"a".repeat(255)), Ok(()));
        assert_eq!(check(&vec!["d"; 65].join("/")), Err(BadPath::TooDeep));
        assert_eq!(check(&vec!["d"; 64].join("/")), Ok(()));
        let long = vec!["a".repeat(200); 21].join("/");
        assert_eq!(check(&long[..4097]), Err(BadPath::PathTooLong));
        assert_eq!(check(&long[..4096]), Ok(()));
    }

    #[test]
    fn harmless_look_alikes_stay_literal() {
        for path in [
            "%2e%2e/x",
            "\u{2024}\u{2024}/x",
            "\u{ff0e}\u{ff0e}\u{ff0f}x",
            "a\u{2215}b",
            "...x",
            ".gitignore",
            ".github/workflows/ci.yml",
            "git~x",
            "console.py",
            "com.example/App.java",
            "COM10",
            "auxiliary",
            "a b",
            "é",
            "e\u{301}",
            "👩\u{200d}💻.md",
            "[id].tsx",
            "$x",
            "a*b?",
            "~",
            "-rf",
        ] {
            assert_eq!(check(path), Ok(()), "{path:?}");
        }
    }

    #[test]
    fn spellings_of_one_name() {
        for (a, b) in [
            ("README", "readme"),
            ("é", "e\u{301}"),
            ("É", "e\u{301}"),
            ("ß", "SS"),
            ("ß", "ẞ"),
            ("\u{131}", "I"),
            ("\u{130}", "i\u{307}"),
            ("ΟΔΟΣ", "οδος"),
            ("\u{212a}", "k"),
            ("ſ", "s"),
            ("a\u{200d}", "a"),
        ] {
            assert_eq!(spelling(a), spelling(b), "{a} {b}");
        }
        for (a, b) in [
            ("a", "b"),
            ("e", "é"),
            ("a", "a-"),
            ("o", "ø"),
            ("ﬁle", "fille"),
        ] {
            assert_ne!(spelling(a), spelling(b), "{a} {b}");
        }
    }

    #[test]
    fn messages_cannot_be_forged() {
        assert_eq!(
            printable("a\n\u{202e}b\u{1b}é"),
            "a\\u{a}\\u{202e}b\\u{1b}é"
        );
    }

    proptest! {
        #[test]
        fn a_spelling_is_its_own(name in any::<String>()) {
            let once = spelling(&name);
            prop_assert_eq!(spelling(&once), once);
        }

        #[test]
        fn what_passes_stays_below(path in any::<String>()) {
            if check(&path).is_ok() {
                let path = std::path::Path::new(&path);
                prop_assert!(path.components().all(|c| matches!(c, std::path::Component::Normal(_))));
            }
        }

        #[test]
        fn a_hostile_name_anywhere_is_refused(
            before in prop::collection::vec("[a-z]{1,8}", 0..5),
            hostile in prop::sample::select(vec!["..", ".", "", ".git", "a\\b", "nul", "x:y", "a\n", "a.", "\u{202e}"]),
            after in prop::collection::vec("[a-z]{1,8}", 0..5),
        ) {
            let path: Vec<&str> = before.iter().map(String::as_str).chain([hostile]).chain(after.iter().map(String::as_str)).collect();
            prop_assert!(check(&path.join("/")).is_err());
        }
    }
}
