//! A module or a file that the app asked for and that is not there.

pub(super) mod node;
pub(super) mod python;

use std::sync::LazyLock;

use regex::Regex;

use super::{
    Explanation, app_error,
    output::{CodeLocation, Output, in_project},
    project::ProjectFacts,
};
use crate::model::{FailureKind, NextStep, command_line};
use node::node;
use python::python;

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($text).expect("the pattern is fixed"));
    };
}

pattern!(
    PYTHON,
    r"(?:ModuleNotFoundError|ImportError): No module named '?(?<name>[\w.]+)'?"
);
pattern!(
    NODE,
    r"Cannot find (?:module|package) '(?<name>[^']+)'(?: imported from (?<from>\S+))?"
);
pattern!(STACK, r"^- (?<file>/\S+)$");
pattern!(FRAME, r#"^\s*File "(?<file>[^"]+)", line (?<line>\d+)"#);
pattern!(
    TS,
    r"^(?<file>[\w./-]+\.tsx?)[(:](?<line>\d+).*error TS2307: Cannot find module '(?<name>[^']+)'"
);
pattern!(
    BUNDLER,
    r#"(?:Failed to resolve import "(?<a>[^"]+)" from "(?<from>[^"]+)"|Module not found: (?:Error: )?Can't resolve '(?<b>[^']+)')"#
);
pattern!(
    PY_FILE,
    r"FileNotFoundError: \[Errno 2\] No such file or directory: '(?<path>[^']+)'"
);
pattern!(
    NODE_FILE,
    r"ENOENT: no such file or directory, \w+ '(?<path>[^']+)'"
);
pattern!(ENV_FILE, r"^node: (?<path>\S*\.env\S*): not found");
pattern!(
    TEMPLATE,
    r"(?:TemplateNotFound|TemplateDoesNotExist): (?<path>\S+)"
);
pattern!(
    VIEW,
    r#"Failed to lookup view "(?<path>[^"]+)" in views directory"#
);
pattern!(SCRIPT, r"can't open file '(?<path>[^']+)'");

/// The same, where that is the very error it ended with: what it said before is not why.
pub fn ended_by(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let error = app_error::last_error(output)?;
    let is_module = PYTHON.is_match(&error) || NODE.is_match(&error);
    is_module.then(|| explain(output, known)).flatten()
}

pub fn explain(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    if let Some(found) = output.last(&PYTHON) {
        return Some(python(&found["name"], output, known));
    }
    // It names the file that asks, which Node's own words, a part of it, do not.
    if let Some(found) = output.last(&TS) {
        let from = CodeLocation {
            file: found["file"].trim_start_matches("./").to_owned(),
            line: found["line"].parse().unwrap_or(0),
        };
        return node(&found["name"], Some(from), known);
    }
    if let Some(found) = output.last(&NODE) {
        let from = found.name("from").map(|it| it.as_str());
        let stack = output.first(&STACK);
        let from = from.or_else(|| stack.as_ref()?.name("file").map(|it| it.as_str()));
        let from = from.and_then(in_project).map(|file| CodeLocation {
            file: file.to_owned(),
            line: 0,
        });
        return node(&found["name"], from, known);
    }
    if let Some(found) = output.last(&BUNDLER) {
        let name = found.name("a").or_else(|| found.name("b"))?.as_str();
        let from = found.name("from").map(|it| CodeLocation {
            file: it.as_str().trim_start_matches("./").to_owned(),
            line: 0,
        });
        return node(name, from, known);
    }
    let pattern = [&*ENV_FILE, &PY_FILE, &NODE_FILE, &SCRIPT, &TEMPLATE, &VIEW];
    let found = pattern.iter().find_map(|pattern| output.last(pattern))?;
    file(&found["path"], known)
}

fn file(path: &str, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let inside = match in_project(path) {
        Some(inside) => inside.to_owned(),
        // Of the system or of a package.
        None if path.starts_with('/') => return None,
        None => path.to_owned(),
    };
    let name = inside.rsplit('/').next().unwrap_or(&inside);
    if name.starts_with(".env") || name.rsplit_once('.').is_some_and(|(_, end)| end == "env") {
        return Some(no_env_file(&inside, known));
    }
    if let Some(twin) = case_twin(&inside, known) {
        return Some(
            Explanation::new(
                FailureKind::FileMissing,
                format!("there is no file `{inside}`; the file is `{twin}`"),
            )
            .hint("write the name as the file has it: Linux tells capitals from small letters"),
        );
    }
    file_left_out(&inside, known).or_else(|| {
        Some(
            Explanation::new(
                FailureKind::FileMissing,
                format!("there is no file `{inside}`"),
            )
            .hint("`codemate-preview sync --status` of the directory lists the files that were left out")
            .next(status_of_sync(known)),
        )
    })
}

fn no_env_file(path: &str, known: &ProjectFacts<'_>) -> Explanation {
    let explained = Explanation::new(
        FailureKind::FileMissing,
        format!("it reads `{path}`, and there is no such file"),
    );
    let Some(sample) = known.samples().first() else {
        return explained.hint(format!(
            "write the variables that it needs to `{path}` in the project"
        ));
    };
    let (from, to) = (known.absolute(&sample.path), known.absolute(path));
    let script = format!(
        "cp -n {} {} && {}",
        quoted(&from),
        quoted(&to),
        command_line(&known.up)
    );
    explained
        .hint(format!(
            "{} is a sample of it: copy it, and fill it in",
            sample.path
        ))
        .next(NextStep {
            argv: vec!["sh".to_owned(), "-c".to_owned(), script],
            why: format!("copies {} to `{path}`, then starts it", sample.path),
        })
}

/// What says why a file that the project has is not inside, where that is known.
pub fn file_left_out(path: &str, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let kept_out = known.why_left_out(path.trim_end_matches('/'))?;
    let explained = Explanation::new(
        FailureKind::FileMissing,
        format!("`{}` was left out: {}", kept_out.path, kept_out.why),
    );
    let Some(pattern) = kept_out.include else {
        return Some(
            explained
                .hint("`codemate-preview sync --status` of the directory lists what is left out")
                .next(status_of_sync(known)),
        );
    };
    let setting = format!("sync.include = [{pattern:?}]");
    Some(
        explained
            .hint(format!(
                "take it in with `[sync] include = [{pattern:?}]` in codemate-preview.toml"
            ))
            .next(known.up_with(&["--config", &setting], "starts it with what was left out")),
    )
}

pub fn status_of_sync(known: &ProjectFacts<'_>) -> NextStep {
    let argv = ["codemate-preview", "sync", "--status", known.directory];
    NextStep {
        argv: argv.map(str::to_owned).into(),
        why: "lists what is left out, and why".to_owned(),
    }
}

/// The project's own frames, outermost first.
pub fn frames(output: &Output) -> Vec<CodeLocation> {
    output
        .lines()
        .iter()
        .filter_map(|line| FRAME.captures(line))
        .filter_map(|found| {
            Some(CodeLocation {
                file: in_project(found.name("file")?.as_str())?.to_owned(),
                line: found["line"].parse().ok()?,
            })
        })
        .collect()
}

/// A file that differs from what was asked for by its capitals alone.
pub fn case_twin<'k>(path: &str, known: &'k ProjectFacts<'_>) -> Option<&'k String> {
    const ENDINGS: [&str; 9] = [
        "",
        ".js",
        ".ts",
        ".json",
        ".mjs",
        ".cjs",
        ".jsx",
        ".tsx",
        "/index.js",
    ];
    let lower = path.to_lowercase();
    let root = known.root().to_lowercase();
    known.files().iter().find(|file| {
        let small = file.to_lowercase();
        ENDINGS.iter().any(|ending| {
            let asked = format!("{lower}{ending}");
            let exact = format!("{path}{ending}");
            let fits = small == asked || small == format!("{root}{asked}");
            fits && !file.ends_with(&exact)
        })
    })
}

/// A word for a shell.
pub fn quoted(text: &str) -> String {
    command_line(&[text.to_owned()])
}
