//! A program that the start command names and that is not there.

use std::sync::LazyLock;

use regex::Regex;

use super::{Explanation, output::Output, project::ProjectFacts};
use crate::{lifecycle::remedy::program, model::FailureKind};

static NOT_FOUND: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"^(?:sh|bash|/bin/sh): (?:\d+|line \d+): (?<name>[\w@./+-]+): (?:not found|command not found)$",
        r"^(?<name>[\w@.+-]+): not found$",
        r"^(?<name>[\w@.+-]+): command not found$",
        r"^sh: (?<name>[\w@.+-]+): (?:not found|Permission denied)$",
        r"spawn (?<name>[\w@.+-]+) ENOENT",
    ]
    .map(|pattern| Regex::new(pattern).expect("the pattern is fixed"))
    .into()
});

pub fn explain(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let found = NOT_FOUND.iter().find_map(|pattern| output.last(pattern))?;
    let name = found["name"].rsplit('/').next()?.to_owned();
    if name.starts_with("ps") && name.len() == 2 {
        return None;
    }
    let explained = Explanation::new(
        FailureKind::ModuleMissing,
        format!("the start command runs `{name}`, which is not installed"),
    );
    if let Some(package) = program("python", &name) {
        return Some(explained.hint(format!("add `{package}` to the project's manifest")));
    }
    let package = program("node", &name).unwrap_or(&name);
    if known.npm_depends_on(package) {
        return Some(
            explained
                .hint(format!(
                    "package.json names `{package}`, and it is not there: install anew"
                ))
                .next(known.up_with(&["--rebuild"], "installs everything anew")),
        );
    }
    Some(if known.package_json().is_some() {
        explained.hint(format!(
            "package.json does not name it: `npm install --save-dev {package}` in the project adds it"
        ))
    } else {
        explained.hint("bring an image that has it with `--image`, or start the app otherwise with `[run] command` in codemate-preview.toml")
    })
}
