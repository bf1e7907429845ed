//! An error of the app's own: what it is, and the line of the project that it comes from.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    Explanation,
    module::frames,
    output::{CodeLocation, Output, in_project},
};
use crate::model::FailureKind;

static PYTHON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?<error>(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|NotFound|Required|Failed|Configured)\b(?:: .*)?)$")
        .expect("the pattern is fixed")
});
static NODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:Uncaught )?(?<error>(?:[A-Z]\w*)?(?:Error|Exception)(?: \[[\w]+\])?: .+)$")
        .expect("the pattern is fixed")
});
static AT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s+at .*?\(?(?<file>(?:file://)?/[^():]+):(?<line>\d+):\d+\)?$")
        .expect("the pattern is fixed")
});
static HEAD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?<file>(?:file://)?/home/app/workspace/[^():]+):(?<line>\d+)$")
        .expect("the pattern is fixed")
});
static TS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?<file>[\w./-]+\.[cm]?tsx?)[(:](?<line>\d+)[,:]\d+\)?:? (?:- )?error (?<error>TS\d+: .+)$")
        .expect("the pattern is fixed")
});

/// The line that names the last error.
pub fn last_error(output: &Output) -> Option<String> {
    let (error, _) = python(output).or_else(|| node(output))?;
    Some(error)
}

pub fn explain(output: &Output) -> Option<Explanation> {
    let (error, place) = python(output)
        .or_else(|| node(output))
        .or_else(|| typescript(output))?;
    let error = shortened(&error);
    let (what, hint) = match place {
        Some(place) => (format!("{error} ({place})"), format!("correct {place}")),
        None => (
            error,
            "correct the app, or set `[run] command` in codemate-preview.toml".to_owned(),
        ),
    };
    Some(Explanation::new(FailureKind::AppError, what).hint(hint))
}

fn python(output: &Output) -> Option<(String, Option<CodeLocation>)> {
    if !output.says("Traceback (most recent call last)") && !output.says("  File \"") {
        return None;
    }
    let error = output.last(&PYTHON)?["error"].to_owned();
    Some((error, frames(output).pop()))
}

fn node(output: &Output) -> Option<(String, Option<CodeLocation>)> {
    let lines = output.lines();
    let at = lines.iter().rposition(|line| NODE.is_match(line))?;
    let error = NODE.captures(&lines[at])?["error"].to_owned();
    let own = |pattern: &Regex, line: &String| {
        let found = pattern.captures(line)?;
        Some(CodeLocation {
            file: in_project(found.name("file")?.as_str())?.to_owned(),
            line: found["line"].parse().ok()?,
        })
    };
    let place = lines[at..]
        .iter()
        .find_map(|line| own(&AT, line))
        .or_else(|| lines[..at].iter().rev().find_map(|line| own(&HEAD, line)));
    Some((error, place))
}

fn typescript(output: &Output) -> Option<(String, Option<CodeLocation>)> {
    let found = output.first(&TS)?;
    let place = CodeLocation {
        file: found["file"].trim_start_matches("./").to_owned(),
        line: found["line"].parse().ok()?,
    };
    Some((found["error"].to_owned(), Some(place)))
}

fn shortened(error: &str) -> String {
    const LONGEST: usize = 300;
    match error.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &error[..at]),
        None => error.trim_end_matches('.').to_owned(),
    }
}
