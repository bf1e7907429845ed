//! What a program wrote, ready to be searched: lines without colours, and where in the project they
//! point.

use regex::{Captures, Regex};

use crate::model::ContainerSpec;

/// A place in the project's own files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeLocation {
    /// Relative to the project.
    pub file: String,
    pub line: u32,
}

impl std::fmt::Display for CodeLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

pub struct Output {
    lines: Vec<String>,
}

impl Output {
    pub fn new(lines: &[String]) -> Self {
        let plain = |line: &String| {
            let text = console::strip_ansi_codes(line);
            text.trim_end().to_owned()
        };
        Self {
            lines: lines.iter().map(plain).collect(),
        }
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// What `pattern` captures in the last line that it is found in: what is said last is nearest
    /// to the end.
    pub fn last(&self, pattern: &Regex) -> Option<Captures<'_>> {
        self.lines
            .iter()
            .rev()
            .find_map(|line| pattern.captures(line))
    }

    pub fn first(&self, pattern: &Regex) -> Option<Captures<'_>> {
        self.lines.iter().find_map(|line| pattern.captures(line))
    }

    pub fn has(&self, pattern: &Regex) -> bool {
        self.lines.iter().any(|line| pattern.is_match(line))
    }

    pub fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

/// A path inside as one of the project's, if it is one and not of what was installed.
pub fn in_project(path: &str) -> Option<&str> {
    let path = path.strip_prefix("file://").unwrap_or(path);
    let inside = match path.strip_prefix(ContainerSpec::WORKSPACE) {
        Some(rest) => rest.strip_prefix('/')?,
        None if path.starts_with('/') => return None,
        None => path.strip_prefix("./").unwrap_or(path),
    };
    let installed = ["node_modules", "site-packages", ".venv", "venv"];
    let is_installed = inside.split('/').any(|name| installed.contains(&name));
    let is_code =
        !inside.is_empty() && !inside.starts_with(['<', '.']) && !inside.contains("node:");
    (is_code && !is_installed).then_some(inside)
}
