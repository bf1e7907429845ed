//! `.dockerignore`, with Docker's own meaning.
//!
//! Not gitignore's: patterns are anchored at the root, a directory that matches takes everything
//! below with it, the last line that matches decides, and an exception may bring back a file from
//! below an excluded directory.

use regex::RegexSet;

#[derive(Debug, Clone)]
pub struct DockerIgnore {
    patterns: RegexSet,
    lines: Vec<DockerIgnoreLine>,
    /// Numbers of lines that are not patterns, from 1.
    bad: Vec<usize>,
}

#[derive(Debug, Clone)]
struct DockerIgnoreLine {
    /// From 1.
    number: usize,
    is_exception: bool,
    names: Vec<String>,
}

impl DockerIgnore {
    pub fn none() -> Self {
        Self::parse("")
    }

    pub fn parse(text: &str) -> Self {
        let mut bad = Vec::new();
        let mut lines = Vec::new();
        let mut sources = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, raw) in text.lines().enumerate() {
            if raw.starts_with('#') || raw.trim().is_empty() {
                continue;
            }
            let raw = raw.trim();
            let (is_exception, pattern) = raw
                .strip_prefix('!')
                .map_or((false, raw), |rest| (true, rest.trim()));
            let names = clean(pattern);
            match translate(&names).filter(|_| !pattern.is_empty()) {
                // Cleaned to the root itself, which no path is.
                Some(_) if names.is_empty() => {}
                Some(source) if regex::Regex::new(&source).is_ok() => {
                    sources.push(source);
                    lines.push(DockerIgnoreLine {
                        number: index + 1,
                        is_exception,
                        names,
                    });
                }
                _ => bad.push(index + 1),
            }
        }
        // Each was compiled above; together they can only be too large.
        let patterns = RegexSet::new(&sources).unwrap_or_else(|_| {
            lines.clear();
            RegexSet::empty()
        });
        Self {
            patterns,
            lines,
            bad,
        }
    }

    pub fn bad_lines(&self) -> &[usize] {
        &self.bad
    }

    /// Whether it leaves everything out but what it names, as `*` and `!src` do.
    pub fn is_a_list_of_exceptions(&self) -> bool {
        self.lines.iter().any(|line| {
            let is_everything = line.names.iter().all(|name| name == "*" || name == "**");
            let is_any_depth = line.names.len() == 1 || line.names.iter().any(|name| name == "**");
            !line.is_exception && is_everything && is_any_depth
        })
    }

    /// The number of the line that excludes `path`, if one does. Of its ancestors, only those with
    /// more than `freed` names count: the others were included by a stronger rule.
    pub fn excludes(&self, path: &str, freed: usize) -> Option<usize> {
        if self.lines.is_empty() {
            return None;
        }
        let mut matched = vec![false; self.lines.len()];
        let ends = path
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([path.len()]);
        for end in ends.skip(freed) {
            for index in &self.patterns.matches(&path[..end]) {
                matched[index] = true;
            }
        }
        let last = &self.lines[matched.iter().rposition(|&hit| hit)?];
        (!last.is_exception).then_some(last.number)
    }

    /// The same for a directory, if nothing below it can be included, so that it need not be read.
    pub fn prunes(&self, dir: &str, freed: usize) -> Option<usize> {
        self.excludes(dir, freed)
            .filter(|_| !self.lines.iter().any(|line| line.may_include_below(dir)))
    }
}

impl DockerIgnoreLine {
    fn may_include_below(&self, dir: &str) -> bool {
        if !self.is_exception {
            return false;
        }
        let mut names = self.names.iter();
        for part in dir.split('/') {
            match names.next() {
                // It has had its say on the directory itself.
                None => return false,
                Some(name) if name.contains("**") => return true,
                Some(name) if name.contains(['*', '?', '[', '\\']) => {}
                Some(name) if name != part => return false,
                Some(_) => {}
            }
        }
        names.next().is_some()
    }
}

/// The names of a pattern, `.` and `..` resolved as far as the root.
fn clean(pattern: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in pattern.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name.to_owned()),
        }
    }
    names
}

/// Go's `filepath.Match`, and `**` for any number of directories.
fn translate(names: &[String]) -> Option<String> {
    let pattern = names.join("/");
    let mut out = String::from(r"\A(?s:");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                out.push_str(if chars.peek().is_none() {
                    ".*"
                } else {
                    "(?:.*/)?"
                });
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => out.push_str(&class(&mut chars)?),
            '\\' => out.push_str(&regex::escape(chars.next()?.encode_utf8(&mut [0; 4]))),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push_str(r")\z");
    Some(out)
}

/// The rest of a character class after its `[`; `None` if it does not end or is empty.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut out = String::from("[");
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut is_empty = true;
    loop {
        let c = match chars.next()? {
            ']' if is_empty => return None,
            ']' => break,
            '-' if !is_empty => {
                out.push('-');
                continue;
            }
            '\\' => chars.next()?,
            c => c,
        };
        is_empty = false;
        // Escaped whatever it is: `[`, `&&` and `~~` mean more to this engine than to Go's.
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
    // A separator is never matched by a class.
    out.push(']');
    Some(format!("[{out}&&[^/]]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(lines: &str, path: &str) -> bool {
        DockerIgnore::parse(lines).excludes(path, 0).is_some()
    }

    /// The examples of Docker's documentation and of its matcher's own behaviour.
    #[test]
    fn documented_cases() {
        let table: &[(&str, &str, bool)] = &[
            ("*/temp*", "somedir/temporary.txt", true),
            ("*/temp*", "somedir/temp", true),
            ("*/temp*", "temp", false),
            ("*/*/temp*", "somedir/subdir/temporary.txt", true),
            ("*/*/temp*", "somedir/temporary.txt", false),
            ("temp?", "tempa", true),
            ("temp?", "tempb", true),
            ("temp?", "temp", false),
            ("temp?", "x/tempa", false),
            ("**/*.go", "a.go", true),
            ("**/*.go", "a/b/c.go", true),
            ("foo/bar", "foo/bar", true),
            ("/foo/bar", "foo/bar", true),
            ("/foo/bar/", "foo/bar", true),
            ("foo/bar/", "foo/bar/baz", true),
            ("node_modules", "node_modules/x", true),
            ("node_modules", "web/node_modules/x", false),
            ("**/node_modules", "web/node_modules/x", true),
            ("**", "a/b", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("**file", "file", true),
            ("**file", "dir/file", true),
            ("**/file", "dir/dir/file", true),
            ("dir/**", "dir/file", true),
            ("**/**", "a", true),
            ("[a-c].txt", "b.txt", true),
            ("[a-c].txt", "d.txt", false),
            ("[^a-c].txt", "d.txt", true),
            ("[^a-c].txt", "/.txt", false),
            ("[^a]b", "x/b", false),
            ("a[b-d]e", "ace", true),
            ("[&&x]", "&", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a.b", "axb", false),
            ("a+(b)|c^$", "a+(b)|c^$", true),
            ("#x", "#x", false),
            (" #x", "#x", true),
            ("./a", "a", true),
            ("a/../b", "b", true),
            ("../a", "a", true),
            ("a/./b", "a/b", true),
            (".", "a", false),
            ("/", "a", false),
            ("\u{feff}a", "a", true),
            ("  a  ", "a", true),
            ("a\r", "a", true),
            ("A", "a", false),
        ];
        for (lines, path, expected) in table {
            assert_eq!(excluded(lines, path), *expected, "{lines:?} on {path:?}");
        }
    }

    #[test]
    fn the_last_match_wins() {
        assert!(excluded("*.md\n!README.md", "CHANGELOG.md"));
        assert!(!excluded("*.md\n!README.md", "README.md"));
        let three = "*.md\n!README*.md\nREADME-secret.md";
        assert!(!excluded(three, "README.md"));
        assert!(excluded(three, "README-secret.md"));
        let undone = "*.md\nREADME-secret.md\n!README*.md";
        assert!(!excluded(undone, "README-secret.md"));
        assert!(excluded("!a\na", "a"));
        assert!(!excluded("a\n! a", "a"));
    }

    #[test]
    fn an_exception_reaches_below_an_excluded_directory() {
        let lines = "docs\n!docs/README.md\n!docs/*/keep\n!**/z";
        assert!(excluded(lines, "docs/guide.md"));
        assert!(!excluded(lines, "docs/README.md"));
        let rules = DockerIgnore::parse("docs\nout\n!docs/README.md");
        assert!(rules.prunes("docs", 0).is_none());
        assert!(rules.prunes("docs/sub", 0).is_some());
        assert!(rules.prunes("out", 0).is_some());
        assert!(DockerIgnore::parse(lines).prunes("docs/sub", 0).is_none());
        assert!(
            DockerIgnore::parse("*\n!**/x")
                .prunes("any/where", 0)
                .is_none()
        );
        assert!(
            DockerIgnore::parse("*\n!src/**")
                .prunes("src/a", 0)
                .is_none()
        );
    }

    #[test]
    fn a_list_of_exceptions_is_told_from_a_list_of_files() {
        for lines in [
            "*\n!dist",
            "**\n!src/**",
            "/*\n!a",
            "**/*\n!a",
            "node_modules\n*\n!x",
            "./*",
        ] {
            assert!(
                DockerIgnore::parse(lines).is_a_list_of_exceptions(),
                "{lines:?}"
            );
        }
        for lines in [
            "",
            "*.md\n!README.md",
            "src",
            "*/temp",
            "!*",
            "**/*.py",
            "*/*",
        ] {
            assert!(
                !DockerIgnore::parse(lines).is_a_list_of_exceptions(),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn the_line_is_numbered() {
        let rules = DockerIgnore::parse("# c\n\ndocs\n!docs/a\ndocs/a/b");
        assert_eq!(rules.excludes("docs/x", 0), Some(3));
        assert_eq!(rules.excludes("docs/a/b", 0), Some(5));
        assert_eq!(rules.excludes("docs/a", 0), None);
    }

    #[test]
    fn a_freed_directory_is_not_excluded_by_its_own_name() {
        let rules = DockerIgnore::parse("dist\n**/*.map");
        assert!(rules.excludes("dist/a.js", 0).is_some());
        assert!(rules.excludes("dist/a.js", 1).is_none());
        assert!(rules.excludes("dist/a.map", 1).is_some());
    }

    #[test]
    fn what_is_not_a_pattern_is_named() {
        let rules = DockerIgnore::parse("ok\n[a\n!\n[]\na\\\n[]a]");
        assert_eq!(rules.bad_lines(), [2, 3, 4, 5, 6]);
        assert!(rules.excludes("ok", 0).is_some());
    }
}
