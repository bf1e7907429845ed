//! Why an app or an installation failed, told from what it wrote and what is known of its project.
//! Nothing is run and nothing is fetched.

mod app_error;
#[cfg(test)]
mod cases;
mod command;
mod excerpt;
mod install;
mod lock;
mod migration;
mod module;
mod npmrc;
mod output;
mod project;
mod runtime_limits;
mod service;
mod variable;

pub use excerpt::{of_app, of_install};
pub use migration::asks_to_generate;
pub use project::{ExcludedFile, ProjectFacts};
pub use runtime_limits::{more_memory, tells_of_memory};

use crate::model::{FailureKind, NextStep, Problem, command_line};
use output::Output;

/// What a failure comes from, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub kind: FailureKind,
    /// What went wrong, to follow a colon.
    pub what: String,
    /// What helps: a sentence without a full stop.
    pub hint: String,
    /// Commands that could help, the most promising first.
    pub next: Vec<NextStep>,
}

/// One cause that is looked for.
type ExplainRule = fn(&Output, &ProjectFacts<'_>) -> Option<Explanation>;

/// What was going on when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureStage {
    Install,
    /// The app ended, or did not come to answer.
    Start,
    /// The app runs and answers badly.
    Answer,
}

impl Explanation {
    fn new(kind: FailureKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            hint: String::new(),
            next: Vec::new(),
        }
    }

    #[must_use]
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    #[must_use]
    fn next(mut self, step: NextStep) -> Self {
        self.next.push(step);
        self
    }

    /// The same on a problem that says how it showed: its headline, then what it wrote.
    #[must_use]
    pub fn onto(self, mut problem: Problem) -> Problem {
        let (headline, rest) = match problem.message.split_once('\n') {
            Some((headline, rest)) => (headline, Some(rest)),
            None => (problem.message.as_str(), None),
        };
        problem.message = match rest {
            Some(rest) => format!("{headline}: {}\n{rest}", self.what),
            None => format!("{headline}: {}", self.what),
        };
        problem.kind = Some(self.kind);
        problem.hint = Some(self.hint);
        problem.next = self.next;
        problem
    }

    /// The hint with the first command in it, where there is no other place for that.
    pub fn hint_with_command(&self) -> String {
        match self.next.first() {
            Some(step) => format!("{}: `{}` {}", self.hint, command_line(&step.argv), step.why),
            None => self.hint.clone(),
        }
    }
}

/// The cause that these lines tell of, if it is one that is known.
pub fn explain(
    lines: &[String],
    during: FailureStage,
    known: &ProjectFacts<'_>,
) -> Option<Explanation> {
    let output = Output::new(lines);
    let told = match during {
        FailureStage::Install => {
            install::explain(&output, known).or_else(|| runtime_limits::explain(&output, known))
        }
        FailureStage::Start | FailureStage::Answer => runtime_limits::explain(&output, known)
            .or_else(|| migration::explain(&output, known, during))
            .or_else(|| module::ended_by(&output, known))
            .or_else(|| variable::explain(&output, known))
            .or_else(|| module::explain(&output, known))
            .or_else(|| service::explain(&output, known))
            .or_else(|| command::explain(&output, known)),
    };
    told.or_else(|| app_error::explain(&output))
}
