//! A directory that the app takes for granted and git does not keep, for nothing is in it: one for
//! logs, uploads or static files.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};

use bytes::Bytes;
use regex::Regex;

use crate::{
    lifecycle::instance::Instance,
    model::{ContainerSpec, Plan},
    project::workspace,
    store::ReasonedNames,
};

/// What is put in it, as people do who want git to keep it.
const KEEPS: &str = ".gitkeep";
/// What files are called that a program makes itself.
const WRITTEN: [&str; 8] = [
    "log", "db", "sqlite", "sqlite3", "pid", "sock", "out", "tmp",
];

/// The directory itself is named.
static ITSELF: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?:Directory '(?<starlette>[^']+)' does not exist|No directory exists at '?(?<aiohttp>[^'\s]+)|"root" path "(?<fastify>[^"]+)" must exist|ENOENT: no such file or directory, (?:scandir|opendir|watch|access) '(?<node>[^']+)')"#,
    )
    .expect("the pattern is fixed")
});
/// A file in it is named, or a directory below it.
static WITHIN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?:ENOENT: no such file or directory, (?<call>open|mkdir) '(?<node>[^']+)'|FileNotFoundError: .*No such file or directory: '(?<python>[^']+)')",
    )
    .expect("the pattern is fixed")
});

impl Instance {
    /// A directory of the project's that these lines miss, where the project has none of that name.
    pub(super) async fn directory(&self, plan: &Plan, lines: &[String]) -> Option<ReasonedNames> {
        let name = missed(lines, &plan.root)?;
        let known = &self.record.remedies.directories;
        if known.iter().any(|it| it.names.contains(&name)) {
            return None;
        }
        // What is there and is kept out has another remedy.
        let there = Path::new(self.record.source.directory()).join(&name);
        let is_there = tokio::fs::symlink_metadata(there).await.is_ok();
        (!is_there).then(|| ReasonedNames {
            because: format!("the directory `{name}` is not in the project, and the app needs it"),
            names: vec![name],
        })
    }
}

/// The files that have these directories be there, relative to the project.
pub(in crate::lifecycle) fn placeholder_files(
    directories: &[ReasonedNames],
) -> BTreeMap<String, Bytes> {
    let names = directories.iter().flat_map(|it| &it.names);
    names
        .map(|name| (format!("{name}/{KEEPS}"), Bytes::new()))
        .collect()
}

/// The directory that the last such line misses, relative to the project.
fn missed(lines: &[String], root: &str) -> Option<String> {
    lines.iter().rev().find_map(|line| {
        if let Some(found) = ITSELF.captures(line) {
            return within_project(first(&found)?, root);
        }
        let found = WITHIN.captures(line)?;
        let path = Path::new(first(&found)?);
        let is_made = found.name("call").is_some_and(|it| it.as_str() == "mkdir");
        let name = path.file_name()?.to_str()?;
        let is_written = WRITTEN
            .iter()
            .any(|end| name.rsplit_once('.').is_some_and(|(_, it)| it == *end));
        (is_made || is_written).then(|| within_project(path.parent()?.to_str()?, root))?
    })
}

/// The group that took part, but for the name of the call.
fn first<'l>(found: &regex::Captures<'l>) -> Option<&'l str> {
    let groups = found.iter().skip(1).flatten();
    let mut groups = groups.map(|it| it.as_str());
    groups.find(|it| !matches!(*it, "open" | "mkdir"))
}

/// A path of the app's as one of the project's; `None` for the project itself and outside of it.
fn within_project(path: &str, root: &str) -> Option<String> {
    let absolute = Path::new(&workspace(root)).join(path);
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    let inside = plain.strip_prefix(ContainerSpec::WORKSPACE).ok()?;
    let inside = inside.to_str().filter(|it| !it.is_empty())?;
    let is_installed = |part: &str| matches!(part, "node_modules" | ".venv" | ".git");
    (!inside.split('/').any(is_installed)).then(|| inside.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missed_by(line: &str) -> Option<String> {
        missed(&[line.to_owned()], "")
    }

    #[test]
    fn a_directory_is_read_from_what_the_app_wrote() {
        for (line, directory) in [
            (
                "Error: ENOENT: no such file or directory, open '/home/app/workspace/adapters/log/../../logs/emergency.log'",
                "logs",
            ),
            (
                "FileNotFoundError: [Errno 2] No such file or directory: '/home/app/workspace/var/app.log'",
                "var",
            ),
            (
                "FileNotFoundError: [Errno 2] No such file or directory: 'data/shop.sqlite3'",
                "data",
            ),
            ("RuntimeError: Directory 'static' does not exist", "static"),
            (
                "ValueError: No directory exists at '/home/app/workspace/web/static'",
                "web/static",
            ),
            (
                "Error: \"root\" path \"/home/app/workspace/public\" must exist",
                "public",
            ),
            (
                "Error: ENOENT: no such file or directory, scandir './uploads'",
                "uploads",
            ),
            (
                "Error: ENOENT: no such file or directory, mkdir '/home/app/workspace/tmp/cache'",
                "tmp",
            ),
        ] {
            assert_eq!(missed_by(line).as_deref(), Some(directory), "{line}");
        }
        let line = "RuntimeError: Directory 'static' does not exist".to_owned();
        assert_eq!(missed(&[line], "api").as_deref(), Some("api/static"));
    }

    #[test]
    fn nothing_is_made_for_a_file_that_is_read_or_is_elsewhere() {
        for line in [
            "FileNotFoundError: [Errno 2] No such file or directory: 'secrets/key.pem'",
            "Error: ENOENT: no such file or directory, open '/home/app/workspace/config/default.json'",
            "Error: ENOENT: no such file or directory, open '/var/log/app.log'",
            "Error: ENOENT: no such file or directory, open '/home/app/workspace/app.log'",
            "Error: ENOENT: no such file or directory, scandir '/home/app/workspace/../other'",
            "Error: ENOENT: no such file or directory, scandir '/home/app/workspace/node_modules/x/y'",
        ] {
            assert_eq!(missed_by(line), None, "{line}");
        }
    }

    #[test]
    fn a_file_keeps_each() {
        let told = ReasonedNames {
            names: vec!["logs".to_owned()],
            because: String::new(),
        };
        let files = placeholder_files(&[told]);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["logs/.gitkeep"]);
    }
}
