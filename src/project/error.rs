//! `ProjectError`: why a project has no plan, and what to say or change so that it gets one.

use std::fmt::Write as _;

use crate::model::{Candidate, Code, Problem};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    #[error("there are no files in `{root}`")]
    EmptyDirectory { root: String },
    #[error("cannot read `{path}`: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("no template fits this project")]
    NothingDetected {
        candidates: Vec<Candidate>,
        /// Directories inside that a template does fit, each with its title.
        roots: Vec<(String, String)>,
    },
    #[error("{} fit this project equally well", listed(candidates))]
    Ambiguous { candidates: Vec<Candidate> },
    /// A template has to know something that the files do not tell.
    #[error("template `{template}` needs an answer: {question}")]
    NeedsAnswer {
        template: String,
        fact: String,
        question: String,
        hint: Option<String>,
    },
    #[error("template `{template}` cannot install this project: {reason}")]
    Unsupported { template: String, reason: String },
    #[error("template `{file}`: {key}: {reason}")]
    BadTemplate {
        file: String,
        key: String,
        reason: String,
    },
    #[error("there is no template `{asked}`")]
    NoSuchTemplate {
        asked: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    #[error("{from} asks for {stack} {asked}, and there is only {}", available.join(", "))]
    VersionUnavailable {
        stack: String,
        asked: String,
        from: String,
        available: Vec<String>,
    },
    #[error("{from} asks for {stack} `{asked}`, which is no version")]
    VersionUnreadable {
        stack: String,
        asked: String,
        from: String,
    },
    /// Its own tools would refuse it as well.
    #[error("{file} cannot be read: {reason}, line {line}, column {column}")]
    BrokenManifest {
        file: String,
        /// Both counted from 1.
        line: usize,
        column: usize,
        reason: String,
    },
    #[error("setting `{key}`: {reason}")]
    BadOptions { key: String, reason: String },
}

impl ProjectError {
    pub fn problem(&self) -> Problem {
        let code = match self {
            Self::BadTemplate { .. } | Self::NoSuchTemplate { .. } | Self::BadOptions { .. } => {
                Code::Config
            }
            _ => Code::Detect,
        };
        let problem = Problem::new(code, self.to_string());
        match self {
            Self::EmptyDirectory { .. } => {
                problem.hint("go to the project's directory, or name it with `-C DIR`")
            }
            Self::NothingDetected { roots, .. } => nothing(problem, roots),
            Self::Ambiguous { candidates } => candidates.iter().filter(|it| it.score > 0).fold(
                problem.hint("choose one with `--template`, or `template = …` in codemate-preview.toml"),
                |problem, it| {
                    problem.next(
                        &["codemate-preview", "up", "--template", &it.template],
                        &format!("takes {}", it.template),
                    )
                },
            ),
            Self::NeedsAnswer { fact, hint, .. } => {
                let example = hint.as_deref().unwrap_or("…");
                problem.hint(format!(
                    "answer with `--set {fact}={example}`, or `set.{fact} = \"{example}\"` in codemate-preview.toml"
                ))
            }
            Self::Unsupported { .. } => problem
                .hint("or say how with `install.commands` in codemate-preview.toml; `[]` installs nothing"),
            Self::NoSuchTemplate { nearest: Some(nearest), .. } => {
                problem.hint(format!("did you mean `{nearest}`?"))
            }
            Self::NoSuchTemplate { known, .. } => problem.hint(format!("there are {}", known.join(", "))),
            Self::VersionUnavailable { available, .. } => {
                let best = available.first().map_or("…", String::as_str);
                problem.hint(format!(
                    "take another with `version = \"{best}\"` in codemate-preview.toml, or an image of your own with `--image`"
                ))
            }
            Self::VersionUnreadable { from, .. } if from.starts_with("setting") => {
                problem.hint("write a version or a range of them, such as `3.13`")
            }
            Self::VersionUnreadable { from, .. } => problem.hint(format!(
                "write a version in {from}, or say `version = \"…\"` in codemate-preview.toml, which counts before it"
            )),
            Self::BrokenManifest { file, line, .. } => {
                problem.hint(format!("correct {file} at line {line}, and run this again"))
            }
            Self::Unreadable { .. } | Self::BadTemplate { .. } | Self::BadOptions { .. } => problem,
        }
    }
}

fn nothing(problem: Problem, roots: &[(String, String)]) -> Problem {
    let Some((first, _)) = roots.first() else {
        return problem
            .hint("say how to run it: `template = …`, or `image = …` and `run.command = […]`, in codemate-preview.toml")
            .next(&["codemate-preview", "detect"], "says of each template why it does not fit");
    };
    let mut hint =
        "it holds several apps; choose one with `root = …` in codemate-preview.toml: ".to_owned();
    for (index, (root, title)) in roots.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(hint, "{comma}`{root}` ({title})");
    }
    problem
        .hint(hint)
        .next(&["codemate-preview", "up", "-C", first], "runs that app")
}

fn listed(candidates: &[Candidate]) -> String {
    let names: Vec<String> = candidates
        .iter()
        .filter(|it| it.score > 0)
        .map(|it| format!("`{}`", it.template))
        .collect();
    names.join(" and ")
}
