//! `ProjectError`: why a project has no plan, and what to say or change so that it gets one.

use std::fmt::Write as _;

use crate::{
    model::{Candidate, Code, Problem},
    project::detection::other_languages::OtherLanguage,
};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    #[error("there are no files in `{root}`")]
    EmptyDirectory { root: String },
    #[error("cannot read `{path}`: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{}", unrecognised(roots, foreign.as_deref(), unused.as_deref()))]
    NothingDetected {
        candidates: Vec<Candidate>,
        /// Directories inside that a template does fit, each with its title.
        roots: Vec<(String, String)>,
        /// What the project is written in.
        foreign: Option<Box<OtherLanguage>>,
        /// A file that tells another program how the project is run.
        unused: Option<String>,
        /// The project's, on this machine.
        directory: Option<String>,
    },
    #[error("{} fit this project equally well", listed(candidates))]
    Ambiguous {
        candidates: Vec<Candidate>,
        directory: Option<String>,
    },
    /// A template has to know something that the files do not tell.
    #[error("template `{template}` needs an answer: {question}")]
    NeedsAnswer {
        template: String,
        fact: String,
        question: String,
        hint: Option<String>,
        directory: Option<String>,
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
        let mut problem = Problem::new(code, self.to_string());
        if let Self::NothingDetected { candidates, .. } | Self::Ambiguous { candidates, .. } = self
        {
            problem.candidates.clone_from(candidates);
        }
        match self {
            Self::EmptyDirectory { .. } => {
                problem.hint("go to the project's directory, or name it with `-C DIR`")
            }
            Self::NothingDetected { roots, foreign, unused, directory, .. } => {
                let directory = directory.as_deref();
                nothing(problem, roots, foreign.as_deref(), unused.as_deref(), directory)
            }
            Self::Ambiguous { candidates, directory } => {
                let place = place(directory.clone(), "");
                candidates.iter().filter(|it| it.score > 0).fold(
                    problem.hint("choose one with `--template`, or `template = …` in codemate-preview.toml"),
                    |problem, it| {
                        problem.next(
                            &["codemate-preview", "up", "-C", &place, "--template", &it.template],
                            &format!("takes {}", it.template),
                        )
                    },
                )
            }
            Self::NeedsAnswer { fact, hint, directory, .. } => {
                let example = hint.as_deref().unwrap_or("…");
                let problem = problem.hint(format!(
                    "answer with `--set {fact}={example}`, or `set.{fact} = \"{example}\"` in codemate-preview.toml"
                ));
                let place = place(directory.clone(), "");
                let answer = format!("{fact}={example}");
                problem.next(
                    &["codemate-preview", "up", "-C", &place, "--set", &answer],
                    "answers with what is likeliest",
                )
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

/// A directory of a project, as a command names it from wherever the user is.
pub fn place(directory: Option<String>, root: &str) -> String {
    let directory = directory.unwrap_or_else(|| ".".to_owned());
    if root.is_empty() {
        directory
    } else {
        format!("{directory}/{root}")
    }
}

fn unrecognised(
    roots: &[(String, String)],
    foreign: Option<&OtherLanguage>,
    unused: Option<&str>,
) -> String {
    match (roots, foreign, unused) {
        ([_, _, ..], ..) => "the project holds several apps, and none is clearly meant".to_owned(),
        (_, Some(foreign), _) => {
            format!(
                "{}: {} is not supported yet",
                foreign.file, foreign.language
            )
        }
        (_, None, Some(file)) => {
            format!("no template fits this project, and a preview does not use its {file}")
        }
        (_, None, None) => "no template fits this project".to_owned(),
    }
}

fn nothing(
    problem: Problem,
    roots: &[(String, String)],
    foreign: Option<&OtherLanguage>,
    unused: Option<&str>,
    directory: Option<&str>,
) -> Problem {
    const MOST: usize = 6;
    const SUPPORTED: &str =
        "a preview runs Python (Flask, FastAPI, Django and others), Node.js, and static files";
    let here = place(directory.map(str::to_owned), "");
    let detect = ["codemate-preview", "detect", "-C", &here];
    let why = "says of each template why it does not fit";
    if roots.is_empty() {
        let (image, command) = foreign.map_or(("…", "…".to_owned()), |it| {
            let words: Vec<String> = it
                .command
                .iter()
                .map(|word| format!("\"{word}\""))
                .collect();
            (it.image, words.join(", "))
        });
        let own = if unused == Some("Dockerfile") {
            "; an image that you build of the Dockerfile does too"
        } else {
            ""
        };
        return problem
            .hint(format!(
                "{SUPPORTED}; to run it in an image of your own, put `image = \"{image}\"` and `run.command = [{command}]` into codemate-preview.toml{own}"
            ))
            .next(&detect, why);
    }
    let mut hint = "choose one with `root = …` in codemate-preview.toml: ".to_owned();
    for (index, (root, title)) in roots.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(hint, "{comma}`{root}` ({title})");
    }
    roots
        .iter()
        .take(MOST)
        .fold(problem.hint(hint), |problem, (root, title)| {
            let place = place(directory.map(str::to_owned), root);
            let why = format!("runs that app ({title})");
            problem.next(&["codemate-preview", "up", "-C", &place], &why)
        })
        .next(&detect, why)
}

fn listed(candidates: &[Candidate]) -> String {
    let names: Vec<String> = candidates
        .iter()
        .filter(|it| it.score > 0)
        .map(|it| format!("`{}`", it.template))
        .collect();
    names.join(" and ")
}
