//! What the output of a failed installation or start says is missing: found by a table.

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

/// When the output was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    #[default]
    Install,
    Start,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    cause: Vec<Cause>,
    package: Vec<Pattern>,
    foreign: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cause {
    needs: String,
    when: String,
    #[serde(default)]
    at: Stage,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    when: String,
}

struct Patterns {
    causes: Vec<(Stage, String, Regex)>,
    packages: Vec<Regex>,
    foreign: Vec<Regex>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let table: Table =
        toml::from_str(include_str!("missing_tool.toml")).expect("a test reads what is embedded");
    let regex = |text: &str| Regex::new(text).expect("a test compiles what is embedded");
    Patterns {
        causes: table
            .cause
            .iter()
            .map(|cause| (cause.at, cause.needs.clone(), regex(&cause.when)))
            .collect(),
        packages: table.package.iter().map(|it| regex(&it.when)).collect(),
        foreign: table.foreign.iter().map(|it| regex(&it.when)).collect(),
    }
});

/// Something that the build layer has and the slim image has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingTool {
    /// Such as `a compiler`.
    pub needs: String,
    /// The package that needs it, where the output names it.
    pub package: Option<String>,
}

impl MissingTool {
    /// The first cause of the table that a line names.
    pub fn from(lines: &[String], stage: Stage) -> Option<Self> {
        let mut causes = PATTERNS.causes.iter().filter(|(at, _, _)| *at == stage);
        let (_, needs, _) = causes.find(|(_, _, when)| lines.iter().any(|it| when.is_match(it)))?;
        Some(Self {
            needs: needs.clone(),
            package: package(lines),
        })
    }
}

impl std::fmt::Display for MissingTool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = self.package.as_deref().unwrap_or("what is installed");
        write!(f, "{who} needs {}", self.needs)
    }
}

/// A line that fits a pattern, and what the pattern names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternMatch {
    pub name: Option<String>,
}

/// The package that an installer failed at.
pub fn package(lines: &[String]) -> Option<String> {
    named(&PATTERNS.packages, lines)?.name
}

/// Whether what is installed was chosen by a lock file of another system; and what is not there.
pub fn foreign_lock(lines: &[String]) -> Option<PatternMatch> {
    named(&PATTERNS.foreign, lines)
}

fn named(patterns: &[Regex], lines: &[String]) -> Option<PatternMatch> {
    patterns.iter().find_map(|pattern| {
        let found = lines.iter().find_map(|line| pattern.captures(line))?;
        let name = found.name("name").map(|name| name.as_str().to_owned());
        Some(PatternMatch { name })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_installer_s_words_for_what_is_missing_are_known() {
        for (said, needs, package) in [
            (
                "error: Failed to build `psycopg2==2.9.10`\n  Error: pg_config executable not found.",
                "the headers of PostgreSQL",
                Some("psycopg2"),
            ),
            (
                "  × Failed to build `uwsgi==2.0.28`\n    Exception: you need a C compiler to build uWSGI",
                "a compiler",
                Some("uwsgi"),
            ),
            (
                "× Failed to download and build `yarl==1.8.1`\n error: command 'gcc' failed: No such file or directory",
                "a compiler",
                Some("yarl"),
            ),
            (
                "error: [Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'",
                "a compiler",
                None,
            ),
            (
                "error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory",
                "a compiler",
                None,
            ),
            (
                "Failed to build `mysqlclient==2.2.4`\nException: Can not find valid pkg-config name.",
                "the headers of MySQL",
                Some("mysqlclient"),
            ),
            (
                "Git executable not found. Ensure that Git is installed",
                "git",
                None,
            ),
            (
                "npm error code ENOENT\nnpm error syscall spawn git\nnpm error path git",
                "git",
                None,
            ),
            (
                "npm error path /home/app/workspace/node_modules/bcrypt\nnpm error node-pre-gyp ERR! install request failed",
                "a compiler: its ready-made file could not be fetched",
                Some("bcrypt"),
            ),
            (
                "npm error path /home/app/workspace/node_modules/better-sqlite3\nnpm error prebuild-install warn install getaddrinfo ENOTFOUND",
                "a compiler: its ready-made file could not be fetched",
                Some("better-sqlite3"),
            ),
            (
                "npm ERR! gyp ERR! find Python\nnpm ERR! gyp ERR! stack Error: Could not find any Python installation to use",
                "Python to compile with",
                None,
            ),
            ("gyp ERR! stack Error: not found: make", "make", None),
            (
                "src/x.c:4:10: fatal error: ffi.h: No such file or directory",
                "a library's headers",
                None,
            ),
        ] {
            let found = MissingTool::from(&lines(said), Stage::Install);
            let found = found.unwrap_or_else(|| panic!("{said}"));
            assert_eq!(found.needs, needs, "{said}");
            assert_eq!(found.package.as_deref(), package, "{said}");
        }
    }

    #[test]
    fn other_failures_lack_nothing() {
        for said in [
            "npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree",
            "error: No solution found when resolving dependencies",
            "npm error 404 Not Found - GET left-padd",
            "ModuleNotFoundError: No module named 'flask'",
            "SyntaxError: invalid syntax",
            "added 12 packages, and audited 13 packages in 2s",
        ] {
            assert_eq!(
                MissingTool::from(&lines(said), Stage::Install),
                None,
                "{said}"
            );
            assert_eq!(
                MissingTool::from(&lines(said), Stage::Start),
                None,
                "{said}"
            );
            assert_eq!(foreign_lock(&lines(said)), None, "{said}");
        }
    }

    #[test]
    fn a_library_is_missed_at_the_start() {
        for said in [
            "ImportError: libmariadb.so.3: cannot open shared object file: No such file or directory",
            "ImportError: no pq wrapper available.",
        ] {
            assert!(
                MissingTool::from(&lines(said), Stage::Start).is_some(),
                "{said}"
            );
            assert_eq!(
                MissingTool::from(&lines(said), Stage::Install),
                None,
                "{said}"
            );
        }
    }

    #[test]
    fn a_lock_file_of_another_system_is_known_by_what_it_left_out() {
        for (said, name) in [
            (
                "Error: Cannot find module @rollup/rollup-linux-x64-gnu. npm has a bug related to optional dependencies",
                Some("@rollup/rollup-linux-x64-gnu"),
            ),
            (
                "Error: The package \"@esbuild/linux-x64\" could not be found, and is needed by esbuild.",
                Some("@esbuild/linux-x64"),
            ),
            (
                "Error: Cannot find module '../lightningcss.linux-x64-gnu.node'",
                Some("../lightningcss.linux-x64-gnu.node"),
            ),
            ("Error: Cannot find native binding. npm has a bug", None),
        ] {
            let found = foreign_lock(&lines(said))
                .unwrap_or_else(|| panic!("{said}"))
                .name;
            assert_eq!(found.as_deref(), name, "{said}");
        }
        assert_eq!(
            foreign_lock(&lines("Error: Cannot find module '@rollup/pluginutils'")),
            None
        );
    }
}
