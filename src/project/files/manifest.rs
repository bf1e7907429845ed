//! Manifests as values, and where one that does not parse is wrong.

use serde_json::Value;

use super::tree::Tree;
use crate::project::ProjectError;

/// A manifest is read whole, whatever else is read of a project.
const CAP: usize = 4 << 20;

/// The manifests of a stack that its tools cannot do without where they are there.
const MANIFESTS: [(&str, &str, Syntax); 4] = [
    ("node", "package.json", Syntax::Json),
    ("python", "pyproject.toml", Syntax::Toml),
    ("python", "Pipfile", Syntax::Toml),
    ("python", "requirements.txt", Syntax::Lines),
];

#[derive(Debug, Clone, Copy)]
enum Syntax {
    Json,
    Toml,
    /// Anything goes but the marks of a merge.
    Lines,
}

/// A manifest that does not parse, with the stack it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenManifest {
    pub stack: &'static str,
    pub error: ProjectError,
}

/// The manifests of a tree's top that do not parse.
pub fn broken(tree: &dyn Tree) -> Vec<BrokenManifest> {
    let syntax_fault = |(stack, file, syntax): &(&'static str, &str, Syntax)| {
        if !tree.files().iter().any(|it| it == file) {
            return None;
        }
        let syntax_fault = syntax_fault(&tree.read(file, CAP)?, *syntax)?;
        let error = ProjectError::BrokenManifest {
            file: (*file).to_owned(),
            line: syntax_fault.line,
            column: syntax_fault.column,
            reason: syntax_fault.reason,
        };
        Some(BrokenManifest { stack, error })
    };
    MANIFESTS.iter().filter_map(syntax_fault).collect()
}

#[derive(Debug, PartialEq, Eq)]
struct SyntaxFault {
    line: usize,
    column: usize,
    reason: String,
}

fn syntax_fault(text: &str, syntax: Syntax) -> Option<SyntaxFault> {
    let conflict = conflict(text);
    let parsed = match syntax {
        Syntax::Json => serde_json::from_str::<Value>(text)
            .err()
            .map(|error| of_json(text, &error)),
        Syntax::Toml => toml::from_str::<toml::Table>(text)
            .err()
            .map(|error| of_toml(text, &error)),
        Syntax::Lines => return conflict,
    };
    // The marks say more than what a parser made of them.
    parsed.map(|syntax_fault| conflict.unwrap_or(syntax_fault))
}

/// Where a merge left its marks.
fn conflict(text: &str) -> Option<SyntaxFault> {
    let begins = |line: &str| line.starts_with("<<<<<<< ");
    let line = text.lines().position(begins)?;
    text.lines()
        .skip(line)
        .any(|line| line.starts_with(">>>>>>> "))
        .then(|| SyntaxFault {
            line: line + 1,
            column: 1,
            reason: "a merge left its conflict marks here".to_owned(),
        })
}

fn of_json(text: &str, error: &serde_json::Error) -> SyntaxFault {
    let said = error.to_string();
    let reason = said.split(" at line ").next().unwrap_or(&said);
    let (line, column) = (error.line().max(1), error.column().max(1));
    // The parser stops at what follows a comma; where it stands, nobody looks.
    let before = text.lines().take(line).collect::<Vec<_>>().join("\n");
    let upto = before.len()
        - before.lines().last().map_or(0, |last| {
            last.chars()
                .skip(column.saturating_sub(1))
                .map(char::len_utf8)
                .sum()
        });
    let before = before.get(..upto).unwrap_or("").trim_end();
    if reason.starts_with("trailing comma")
        && let Some(comma) = before.strip_suffix(',')
    {
        return SyntaxFault {
            line: comma.lines().count().max(1),
            column: comma.lines().last().map_or(0, |last| last.chars().count()) + 1,
            reason: "there is a comma too many".to_owned(),
        };
    }
    SyntaxFault {
        line,
        column,
        reason: if text.trim().is_empty() {
            "it is empty".to_owned()
        } else {
            reason.to_owned()
        },
    }
}

fn of_toml(text: &str, error: &toml::de::Error) -> SyntaxFault {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.get(..at).unwrap_or("");
    SyntaxFault {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
        reason: error.message().lines().collect::<Vec<_>>().join(", "),
    }
}

/// A JSON file, if it is one.
pub fn json(tree: &dyn Tree, path: &str) -> Option<Value> {
    serde_json::from_str(&tree.read(path, CAP)?).ok()
}

/// A TOML file as the same kind of value.
pub fn toml(tree: &dyn Tree, path: &str) -> Option<Value> {
    toml::from_str(&tree.read(path, CAP)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

    #[test]
    fn a_fault_is_told_with_its_place() {
        for (file, text, place, reason) in [
            (
                "package.json",
                "{\n  \"scripts\": {\n    \"dev\": \"vite\",\n  }\n}\n",
                (3, 18),
                "a comma too many",
            ),
            ("package.json", "{\"a\": 1,}", (1, 8), "a comma too many"),
            (
                "package.json",
                "{\n  // no\n}",
                (2, 3),
                "key must be a string",
            ),
            ("package.json", "", (1, 1), "empty"),
            ("package.json", "{\"a\": 1", (1, 7), "EOF"),
            (
                "package.json",
                "{\n<<<<<<< HEAD\n\"a\": 1\n=======\n\"a\": 2\n>>>>>>> x\n}",
                (2, 1),
                "conflict marks",
            ),
            ("pyproject.toml", "[project\nname = 'x'\n", (1, 9), ""),
            ("pyproject.toml", "a = 1\nb = ü\n", (2, 5), ""),
            ("Pipfile", "[packages]\nflask = \n", (2, 9), ""),
            (
                "requirements.txt",
                "flask\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n",
                (2, 1),
                "conflict marks",
            ),
        ] {
            let found = broken(&MemoryTree::new([(file, text)]));
            let [BrokenManifest { error, .. }] = &found[..] else {
                panic!("{file}: {text}: {found:?}");
            };
            let ProjectError::BrokenManifest {
                file: named,
                line,
                column,
                reason: said,
            } = error
            else {
                panic!("{error}");
            };
            assert_eq!(
                (named.as_str(), (*line, *column)),
                (file, place),
                "{text}: {said}"
            );
            assert!(said.contains(reason), "{text}: {said}");
        }
    }

    #[test]
    fn what_parses_is_not_broken() {
        for (file, text) in [
            ("package.json", "\u{feff}{}".trim_start_matches('\u{feff}')),
            ("package.json", "[]"),
            ("pyproject.toml", ""),
            ("requirements.txt", "!! not a requirement\n<<<<<<< alone\n"),
            ("other.json", "{"),
        ] {
            assert_eq!(broken(&MemoryTree::new([(file, text)])), [], "{text}");
        }
    }
}
