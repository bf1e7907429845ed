//! Puts what is known of a project to a failure of it, so that the failure says why.

use std::path::PathBuf;

use futures_util::StreamExt;

use super::{Instance, prepare::open_source};
use crate::{
    engine::LogQuery,
    lifecycle::{
        LifecycleError,
        explain::{self, ExcludedFile, Explanation, FailureStage, ProjectFacts},
    },
    model::{Code, LastExit, Phase, Problem},
    project::LocalTree,
};

/// As much of a log is looked through for a cause.
const LOOKED_AT: u32 = 200;

impl Instance {
    /// The same failure with its cause, where what was written and what is known of the project
    /// tell it, and with the command that shows all of what was written.
    pub(in crate::lifecycle) async fn explain(&mut self, error: LifecycleError) -> LifecycleError {
        if let LifecycleError::AppExited { exit, .. } = &error {
            self.record.last_exit = Some(LastExit::now(exit));
        }
        let mut problem = error.problem();
        let (lines, during) = match &error {
            LifecycleError::AppExited { exit, .. } => {
                (exit.last_lines.clone(), FailureStage::Start)
            }
            LifecycleError::Install { lines, .. }
            | LifecycleError::InstallOutOfMemory { lines, .. } => {
                (lines.clone(), FailureStage::Install)
            }
            LifecycleError::NotReady { last_lines, .. } => (
                self.lines_with(last_lines.clone()).await,
                FailureStage::Start,
            ),
            _ => return error,
        };
        let has_written = !lines.is_empty();
        let is_own_fault = problem.code == Code::TimedOut;
        let explained = match self.cause(lines, during).await {
            // What an app says while it does not listen need not be why.
            Some(found) if is_own_fault && found.kind == crate::model::FailureKind::AppError => {
                None
            }
            found => found,
        };
        let ran_out = matches!(
            &error,
            LifecycleError::AppExited { exit, .. } if exit.out_of_memory
        ) || matches!(&error, LifecycleError::InstallOutOfMemory { .. });
        problem = match explained {
            _ if ran_out => self.out_of_memory(problem),
            Some(explained) => explained.onto(problem),
            None => problem,
        };
        if has_written {
            problem = self.with_logs(problem);
        }
        self.make_absolute(&mut problem);
        LifecycleError::Explained {
            problem: Box::new(problem),
        }
    }

    /// What these lines tell of a cause. Reads the project's files.
    pub(in crate::lifecycle) async fn cause(
        &self,
        lines: Vec<String>,
        during: FailureStage,
    ) -> Option<Explanation> {
        let record = self.record.clone();
        let given = self.variables().await.ok()?;
        let mut given_names = given.project_env.names.clone();
        given_names.extend(given.all().keys().cloned());
        let done = tokio::task::spawn_blocking(move || {
            let directory = PathBuf::from(record.source.directory());
            let tree = LocalTree::open(&directory).ok()?;
            let source = record
                .plan
                .as_ref()
                .and_then(|plan| open_source(&record, plan).ok());
            let left_out = |path: &str| {
                let kept_out = source.as_ref()?.left_out(path)?;
                Some(ExcludedFile {
                    why: kept_out.why.to_string(),
                    include: kept_out.include(),
                    path: kept_out.path,
                })
            };
            let name = record.name.to_string();
            let mut known =
                ProjectFacts::new(&name, record.source.directory(), record.up_command(), &tree);
            known.plan = record.plan.as_ref();
            known.given = given_names;
            known.left_out = Some(&left_out);
            known.memory = Some(record.limits.memory_bytes);
            explain::explain(&lines, during, &known)
        });
        done.await.ok().flatten()
    }

    /// What the app wrote last, as the engine has it.
    pub(in crate::lifecycle) async fn last_lines(&self) -> Vec<String> {
        // What an installation wrote before says nothing of the app.
        let since = match self.record.phase {
            Phase::Starting { since } => Some(since),
            _ => None,
        };
        let query = LogQuery {
            since,
            tail: Some(LOOKED_AT),
            ..LogQuery::default()
        };
        let Ok(mut written) = self.context.engine.logs(&self.record.id, query).await else {
            return Vec::new();
        };
        let mask = self.masking.now();
        let mut lines = Vec::new();
        while let Some(Ok(line)) = written.next().await {
            lines.push(mask.clean(line.text));
        }
        lines
    }

    /// The same with what the guest has heard, which the engine may not have yet.
    pub(in crate::lifecycle) async fn lines_with(&self, recent: Vec<String>) -> Vec<String> {
        let mut lines = self.last_lines().await;
        if lines.last() != recent.last() {
            lines.extend(recent);
        }
        lines
    }

    fn out_of_memory(&self, problem: Problem) -> Problem {
        let memory = self.record.limits.memory_bytes;
        let (kind, step) = explain::more_memory(memory, self.record.up_command());
        let mut problem = problem.of(kind);
        problem.next.push(step);
        problem
    }

    /// A command that starts this preview names it, so that it runs wherever its reader is.
    fn make_absolute(&self, problem: &mut Problem) {
        let up = self.record.up_command();
        for step in &mut problem.next {
            let starts = step.argv.get(..2) == up.get(..2);
            let names_another = step.argv.get(2).is_some_and(|word| !word.starts_with('-'));
            if starts && !names_another {
                step.argv.splice(2..2, up[2..].iter().cloned());
            }
        }
    }

    fn with_logs(&self, problem: Problem) -> Problem {
        problem.next(
            &["codemate-preview", "logs", self.record.name.as_str()],
            "shows all that it wrote",
        )
    }
}
