//! Which lines of a failure are shown: those that say why, in the order they came, rather than the
//! last there are.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

use super::output::in_project;

/// As many lines are shown at most.
pub const LONGEST: usize = 20;
/// The longest line that is shown whole, in characters.
const WIDEST: usize = 500;

/// Lines that say why an installation failed.
static WHY_INSTALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        ^\s*(?:×|╰─▶|├─▶|├─|╰─)            # uv
        | ^(?:error|ERROR|hint|fatal)\b:?
        | ^npm\ (?:error|ERR!)
        | ^\s*(?:ERR_PNPM|\x20ERR_)\w*
        | ^error\ (?:An\ unexpected|Command|Couldn't|Your|The\ engine|Found)
        | \b(?:fatal\ error|error):\ 
        | ^\s*(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception):\ 
        | ^gyp\ ERR!\ (?:stack\ Error|not\ found|find)
        | \bis\ not\ in\ this\ registry
        | ^\s*\[stderr\]
        ",
    )
    .expect("the pattern is fixed")
});

/// Lines of npm that say nothing of the cause.
static NOISE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        A\ complete\ log\ of\ this\ run
        | ^npm\ (?:error|ERR!)\s*$
        | _logs/.*debug
        | ^npm\ (?:warn|WARN|notice)
        | ^npm\ (?:error|ERR!)\ \ +(?:-|npm\ ci|npm\ help)
        | ^npm\ (?:error|ERR!)\ (?:Usage|Options|aliases|Run\ .npm\ help)
        ",
    )
    .expect("the pattern is fixed")
});

/// What was written, as what is shown of a failed installation.
pub fn of_install(lines: &[String]) -> Vec<String> {
    let worth = |line: &str| !line.trim().is_empty() && !NOISE.is_match(line);
    let says_why = |at: &usize| {
        let line = plain(&lines[*at]);
        WHY_INSTALL.is_match(&line) && worth(&line)
    };
    let telling: Vec<usize> = (0..lines.len()).filter(says_why).collect();
    let mut shown: BTreeSet<usize> = BTreeSet::new();
    // The first lines name the package, the last ones what came of it.
    let half = LONGEST / 2;
    shown.extend(telling.iter().take(half));
    shown.extend(telling.iter().rev().take(LONGEST - half));
    // What is left is for the end of all, where programs say what they mean.
    for at in (0..lines.len()).rev() {
        if shown.len() >= LONGEST {
            break;
        }
        if worth(&plain(&lines[at])) {
            shown.insert(at);
        }
    }
    told(lines, &shown)
}

/// What was written, as what is shown of an app that failed: the error, and the frames of it that are
/// in the project.
pub fn of_app(lines: &[String]) -> Vec<String> {
    static ERROR: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\s*(?:Uncaught )?(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Warning)\b.*[:\]]|^Error:|error TS\d+|^Traceback|^Caused by|^error:|^\w[\w. ]*: command not found|^sh: |^/bin/sh: |: not found$|^npm (?:error|ERR!)|^node: ")
            .expect("the pattern is fixed")
    });
    static FRAME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"^\s*(?:File "(?<py>[^"]+)", line \d+|at .*?\(?(?<js>(?:file://)?/[^():]+):\d+:\d+\)?$)|^(?<head>(?:file://)?/home/app/workspace/[^():]+):\d+$"#)
            .expect("the pattern is fixed")
    });
    let mut shown: BTreeSet<usize> = BTreeSet::new();
    for (at, line) in lines.iter().enumerate().rev() {
        if shown.len() >= LONGEST {
            break;
        }
        let line = plain(line);
        if NOISE.is_match(&line) {
            continue;
        }
        if ERROR.is_match(&line) {
            shown.insert(at);
        } else if let Some(found) = FRAME.captures(&line) {
            let file = ["py", "js", "head"]
                .iter()
                .find_map(|group| found.name(group));
            if file.is_some_and(|file| in_project(file.as_str()).is_some()) {
                shown.insert(at);
                // The line of code that it shows.
                if found.name("js").is_none() && at + 1 < lines.len() {
                    shown.insert(at + 1);
                }
            }
        }
    }
    // Where nothing of it is an error, and beside it, the end.
    for at in (0..lines.len()).rev() {
        if shown.len() >= LONGEST {
            break;
        }
        let line = plain(&lines[at]);
        let is_frame = FRAME.is_match(&line) || line.trim_start().starts_with(['^', '~']);
        if !line.trim().is_empty() && !is_frame && !NOISE.is_match(&line) {
            shown.insert(at);
        }
    }
    told(lines, &shown)
}

fn told(lines: &[String], shown: &BTreeSet<usize>) -> Vec<String> {
    let mut told: Vec<String> = shown.iter().map(|&at| cut(plain(&lines[at]))).collect();
    // An app that fails at every request says the same at every request.
    told.dedup();
    told
}

fn plain(line: &str) -> String {
    let text = console::strip_ansi_codes(line);
    // What a progress bar wrote over is not what was seen last.
    let text = text.trim_end();
    text.rsplit('\r').next().unwrap_or(text).to_owned()
}

fn cut(line: String) -> String {
    match line.char_indices().nth(WIDEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
