//! Installing what a project depends on, inside, and knowing when that is still good.

use std::collections::VecDeque;

use regex::Regex;
use tokio::sync::{mpsc, watch};

use super::{
    disk::{self, Overrun},
    environment::variables::Variables,
    events::step::Step,
};
use crate::{
    engine::link::{Link, RunSpec},
    lifecycle::{
        LifecycleError,
        remedy::missing_tool::{MissingTool, Stage},
    },
    model::{BuildProgress, Event, Fallback, Plan},
};

/// How much of a step's output is looked through for why it failed: the first lines name what was
/// being done, the last ones what came of it.
const FIRST_LINES: usize = 200;
const LAST_LINES: usize = 2000;

/// Run the plan's steps in order. The first that fails, and that no way round makes good, ends it.
/// With `may_build` one that lacks a compiler ends it at once, to be repeated where there is one.
pub async fn install(
    link: &Link,
    plan: &Plan,
    variables: &Variables,
    (step, mut overrun): (&Step<'_>, watch::Receiver<Option<Overrun>>),
    may_build: bool,
) -> Result<(), LifecycleError> {
    let Some(install) = &plan.install else {
        return Ok(());
    };
    let job = Job {
        link,
        plan,
        variables,
        step,
        may_build,
    };
    for (index, argv) in install.commands.iter().enumerate() {
        let fallbacks = install.fallbacks.iter().filter(|it| it.command == index);
        tokio::select! {
            done = run_with_fallbacks(&job, argv, FallbackSet::new(fallbacks)) => done?,
            error = disk::overrun(&mut overrun) => return Err(error),
        }
    }
    Ok(())
}

/// What every command of an installation has.
struct Job<'a> {
    link: &'a Link,
    plan: &'a Plan,
    variables: &'a Variables,
    step: &'a Step<'a>,
    /// Whether what fails for want of a compiler is tried again where there is one: then nothing
    /// else is tried here.
    may_build: bool,
}

/// Run a command; where it fails, what its output points to in its place, and so on.
async fn run_with_fallbacks(
    job: &Job<'_>,
    argv: &[String],
    mut fallbacks: FallbackSet<'_>,
) -> Result<(), LifecycleError> {
    let mut failed = match run(job, argv, &mut fallbacks).await {
        Err(error @ LifecycleError::Install { .. }) => error,
        done => return done,
    };
    if let LifecycleError::Install { lines, .. } = &failed
        && job.may_build
        && MissingTool::from(lines, Stage::Install).is_some()
    {
        return Err(failed);
    }
    while let Some(fallback) = fallbacks.take_match() {
        let mut done = Ok(());
        for argv in &fallback.commands {
            done = run(job, argv, &mut fallbacks).await;
            if done.is_err() {
                break;
            }
        }
        match done {
            Ok(()) => {
                job.step.warn(Event::Warning {
                    message: fallback.say.clone(),
                    hint: None,
                });
                return Ok(());
            }
            Err(error @ LifecycleError::Install { .. }) => failed = error,
            Err(error) => return Err(error),
        }
    }
    Err(failed)
}

/// The ways round one command that are left, and which of them its last output points to.
struct FallbackSet<'p>(Vec<FallbackRule<'p>>);

struct FallbackRule<'p> {
    fallback: &'p Fallback,
    pattern: Regex,
    fits: bool,
}

impl<'p> FallbackSet<'p> {
    /// A pattern that is none fits nothing: templates are checked, and a plan is of one of them.
    fn new(fallbacks: impl Iterator<Item = &'p Fallback>) -> Self {
        let fallback = |fallback: &'p Fallback| {
            let pattern = Regex::new(&fallback.when).ok()?;
            Some(FallbackRule {
                fallback,
                pattern,
                fits: false,
            })
        };
        Self(fallbacks.filter_map(fallback).collect())
    }

    fn begin(&mut self) {
        for fallback in &mut self.0 {
            fallback.fits = false;
        }
    }

    fn note_line(&mut self, line: &str) {
        for fallback in &mut self.0 {
            fallback.fits |= fallback.pattern.is_match(line);
        }
    }

    /// The first that fits, which is left no more.
    fn take_match(&mut self) -> Option<&'p Fallback> {
        let at = self.0.iter().position(|fallback| fallback.fits)?;
        Some(self.0.remove(at).fallback)
    }
}

async fn run(
    job: &Job<'_>,
    argv: &[String],
    fallbacks: &mut FallbackSet<'_>,
) -> Result<(), LifecycleError> {
    let Job {
        link,
        plan,
        variables,
        step,
        ..
    } = *job;
    fallbacks.begin();
    let spec = RunSpec {
        argv: argv.to_vec(),
        env: variables.for_command(Some(plan)),
        cwd: plan.root.clone(),
    };
    let (to, mut lines) = mpsc::channel(256);
    let mut first = Vec::new();
    let mut last = VecDeque::new();
    let mask = variables.mask();
    let mut retain = |text: String| {
        let text = mask.clean(text);
        fallbacks.note_line(&text);
        if first.len() < FIRST_LINES {
            first.push(text.clone());
        } else {
            if last.len() == LAST_LINES {
                last.pop_front();
            }
            last.push_back(text.clone());
        }
        step.progress(BuildProgress::Line { text });
    };
    let exit = {
        let running = link.run(spec, to);
        tokio::pin!(running);
        loop {
            tokio::select! {
                exit = &mut running => break exit?,
                Some(line) = lines.recv() => retain(line.text),
            }
        }
    };
    while let Ok(line) = lines.try_recv() {
        retain(line.text);
    }
    let mut lines = first;
    lines.extend(last);
    let command = argv.join(" ");
    if exit.code == Some(0) {
        Ok(())
    } else if exit.out_of_memory {
        Err(LifecycleError::InstallOutOfMemory {
            command,
            limit_bytes: exit.limit_bytes,
            lines,
        })
    } else {
        let code = exit
            .code
            .unwrap_or_else(|| 128 + exit.signal.unwrap_or_default());
        Err(LifecycleError::Install {
            command,
            argv: argv.to_vec(),
            code,
            lines,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_taken_once_and_only_where_the_last_output_points_to_it() {
        let fallback = |when: &str| Fallback {
            command: 0,
            when: when.to_owned(),
            commands: Vec::new(),
            say: when.to_owned(),
        };
        let all = [fallback("behind"), fallback("("), fallback("^peer")];
        let mut fallbacks = FallbackSet::new(all.iter());
        let mut after = |lines: &[&str]| {
            fallbacks.begin();
            for line in lines {
                fallbacks.note_line(line);
            }
            fallbacks.take_match().map(|it| it.say.as_str())
        };
        assert_eq!(after(&["nothing"]), None);
        assert_eq!(after(&["the lock is behind", "peer"]), Some("behind"));
        assert_eq!(after(&["the lock is behind"]), None);
        assert_eq!(after(&["no peer", "peer x"]), Some("^peer"));
        assert_eq!(after(&["peer x"]), None);
    }
}
