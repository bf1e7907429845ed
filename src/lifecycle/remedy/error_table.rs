//! What an app says that ends for want of something, and what that is: a table.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::{Captures, Regex};
use serde::Deserialize;

use crate::store::ReasonedVariable;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    take: Vec<Take>,
    gone: Vec<Gone>,
    variable: Vec<Variable>,
    removed: BTreeMap<String, String>,
    moved: BTreeMap<String, String>,
    /// The package of a program, by stack.
    program: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Take {
    stack: String,
    #[serde(with = "pattern")]
    when: Regex,
    packages: Vec<String>,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gone {
    stack: String,
    #[serde(with = "pattern")]
    when: Regex,
    since: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    stack: String,
    #[serde(with = "pattern")]
    when: Regex,
    name: String,
    value: String,
    why: String,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    toml::from_str(include_str!("error_table.toml")).expect("a test reads what is embedded")
});

/// Packages, and why they are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackagesToTake {
    /// As their installer is told them.
    pub packages: Vec<String>,
    pub because: String,
}

/// The first version of an interpreter without what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneSince {
    pub since: String,
    pub because: String,
}

/// What the packages of this stack ask for in these lines; the last line that asks counts.
pub fn taken(stack: &str, lines: &[String]) -> Option<PackagesToTake> {
    let rows = TABLE.take.iter().filter(|row| row.stack == stack);
    let rows: Vec<&Take> = rows.collect();
    lines.iter().rev().find_map(|line| {
        let line = console::strip_ansi_codes(line);
        rows.iter().find_map(|row| {
            let found = row.when.captures(&line)?;
            Some(PackagesToTake {
                packages: row.packages.iter().map(|it| filled(it, &found)).collect(),
                because: filled(&row.why, &found),
            })
        })
    })
}

/// The variable that lets programs of this stack run which say so.
pub fn variable(stack: &str, lines: &[String]) -> Option<ReasonedVariable> {
    let mut rows = TABLE.variable.iter().filter(|row| row.stack == stack);
    let row = rows.find(|row| lines.iter().any(|line| row.when.is_match(line)))?;
    Some(ReasonedVariable {
        name: row.name.clone(),
        value: row.value.clone(),
        because: row.why.clone(),
    })
}

/// What newer versions of a stack do not have, where these lines ask for it.
pub fn gone(stack: &str, lines: &[String]) -> Option<GoneSince> {
    static MODULE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"No module named '(?<name>\w+)'").expect("the pattern is fixed")
    });
    lines.iter().rev().find_map(|line| {
        let module = MODULE.captures(line).filter(|_| stack == "python");
        if let Some(found) = module {
            let since = removed(&found["name"])?;
            return Some(GoneSince {
                since: since.to_owned(),
                because: format!(
                    "`{}` is no part of Python {since} and later",
                    &found["name"]
                ),
            });
        }
        let row = TABLE
            .gone
            .iter()
            .find(|row| row.stack == stack && row.when.is_match(line))?;
        Some(GoneSince {
            since: row.since.clone(),
            because: row.why.clone(),
        })
    })
}

/// The first version of Python without a module that it had once.
pub fn removed(module: &str) -> Option<&'static str> {
    TABLE.removed.get(module).map(String::as_str)
}

/// The package that has a module which Python itself had once.
pub fn moved(module: &str) -> Option<&'static str> {
    TABLE.moved.get(module).map(String::as_str)
}

/// The package that has a program.
pub fn program(stack: &str, name: &str) -> Option<&'static str> {
    TABLE.program.get(stack)?.get(name).map(String::as_str)
}

/// Whether a compiler says that what it was given is wrong.
pub fn is_of_a_compiler(line: &str) -> bool {
    static SAID: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\.(?:c|cc|cpp|cxx|pyx|h):\d+:\d+: (?:fatal )?error: |error: command '\S*(?:gcc|g\+\+|cc|c\+\+)\S*' failed with exit|subprocess-exited-with-error|Cython\.Compiler\.Errors|error: metadata-generation-failed")
            .expect("the pattern is fixed")
    });
    SAID.is_match(line)
}

fn filled(text: &str, found: &Captures<'_>) -> String {
    let name = found.name("name").map_or("", |name| name.as_str());
    text.replace("{name}", name)
}

/// Patterns as their texts.
mod pattern {
    use regex::Regex;
    use serde::{Deserialize, Deserializer, de::Error};

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Regex, D::Error> {
        let text = String::deserialize(from)?;
        Regex::new(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Vec<String> {
        vec!["Traceback".to_owned(), line.to_owned()]
    }

    #[test]
    fn what_is_asked_for_is_taken() {
        for (stack, line, expected) in [
            (
                "python",
                "ImportError: cannot import name 'Markup' from 'flask' (/home/app/venv/x.py)",
                "flask<2.3 werkzeug<3",
            ),
            (
                "python",
                "ImportError: cannot import name 'url_quote' from 'werkzeug.urls' (/x)",
                "werkzeug<3 flask<3",
            ),
            (
                "python",
                "ImportError: cannot import name 'secure_filename' from 'werkzeug' (/x)",
                "werkzeug<1 flask<2 jinja2<3 markupsafe<2.1 itsdangerous<2.1",
            ),
            (
                "python",
                "ImportError: cannot import name 'safe_str_cmp' from 'werkzeug.security'",
                "werkzeug<2.1 flask<2.2",
            ),
            (
                "python",
                "RuntimeError: Form data requires \"python-multipart\" to be installed.",
                "python-multipart",
            ),
            (
                "python",
                "ImportError: Missing optional dependency 'openpyxl'.  Use pip or conda",
                "openpyxl",
            ),
            (
                "python",
                "TypeError: Field.__init__() got an unexpected keyword argument 'default'",
                "marshmallow<4",
            ),
            (
                "node",
                "Error: Please install mysql2 package manually",
                "mysql2",
            ),
        ] {
            let taken = taken(stack, &said(line)).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(taken.packages.join(" "), expected, "{line}");
            assert!(!taken.because.contains('{'), "{}", taken.because);
        }
    }

    #[test]
    fn what_a_row_takes_is_named_wherever_it_fits() {
        for row in &TABLE.take {
            let pattern = row.when.as_str();
            let is_filled = row.packages.iter().any(|it| it.contains("{name}"));
            // A name in one alternative alone would leave nothing to install in the others.
            let is_whole = !pattern.contains('|') || pattern.find('(') < pattern.find('|');
            assert!(
                !is_filled || pattern.contains("?P<name>") && is_whole,
                "{pattern}"
            );
        }
    }

    #[test]
    fn what_nobody_asked_for_is_not() {
        for line in [
            "ModuleNotFoundError: No module named 'acme'",
            "Error: Please install reqests package manually",
            "listening on 3000",
        ] {
            assert_eq!(taken("python", &said(line)), None, "{line}");
            assert_eq!(taken("node", &said(line)), None, "{line}");
        }
    }

    #[test]
    fn what_python_took_away_has_a_version() {
        for (line, since) in [
            (
                "AttributeError: module 'collections' has no attribute 'Mapping'",
                "3.10",
            ),
            ("ModuleNotFoundError: No module named 'imp'", "3.12"),
            ("ModuleNotFoundError: No module named 'cgi'", "3.13"),
            (
                "RuntimeError: There is no current event loop in thread 'MainThread'.",
                "3.14",
            ),
        ] {
            let found = gone("python", &said(line));
            assert_eq!(found.map(|it| it.since).as_deref(), Some(since));
        }
        assert_eq!(gone("python", &said("No module named 'impala'")), None);
        assert_eq!(moved("cgi"), Some("legacy-cgi"));
        assert_eq!(program("node", "tsc"), Some("typescript"));
        assert_eq!(program("python", "tsc"), None);
    }

    #[test]
    fn what_node_took_away_has_a_version() {
        for (line, since) in [
            ("TypeError: Utils.isRegExp is not a function", "23"),
            ("TypeError: util_1.isArray is not a function", "23"),
            ("TypeError: crypto.createCipher is not a function", "22"),
            ("ReferenceError: primordials is not defined", "12"),
        ] {
            let found = gone("node", &said(line));
            assert_eq!(found.map(|it| it.since).as_deref(), Some(since), "{line}");
        }
        for line in [
            "TypeError: shop.isOpen is not a function",
            "TypeError: lodash.isRegExp is not a function",
        ] {
            assert_eq!(gone("node", &said(line)), None, "{line}");
        }
    }

    #[test]
    fn a_compiler_is_known_by_what_it_says() {
        assert!(is_of_a_compiler(
            "ast3/Python/ast.c:4534:24: error: too many arguments"
        ));
        assert!(is_of_a_compiler(
            "error: command '/usr/bin/x86_64-linux-gnu-gcc' failed with exit code 1"
        ));
        assert!(!is_of_a_compiler(
            "error: [Errno 2] No such file or directory: 'gcc'"
        ));
    }
}
