//! Why an app or an installation failed, told from what it wrote and what is known of its project.
//! Nothing is run and nothing is fetched.

#[cfg(test)]
mod cases;
mod command;
mod compose;
mod excerpt;
#[cfg(test)]
mod fixture;
mod install;
mod known;
mod lacking;
mod lock;
mod migration;
mod module;
#[cfg(test)]
mod more_cases;
mod node_module;
mod output;
mod own;
mod python_module;
mod service;
mod signs;
mod surroundings;
mod variable;

pub use excerpt::{of_app, of_install};
pub use known::{KeptOut, Known};
pub use surroundings::more_memory;

use crate::model::{FailureKind, NextStep, Problem, command_line};
use output::Output;

/// What a failure comes from, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub kind: FailureKind,
    /// What went wrong, to follow a colon.
    pub what: String,
    /// What helps: a sentence without a full stop.
    pub hint: String,
    /// Commands that could help, the most promising first.
    pub next: Vec<NextStep>,
}

/// One cause that is looked for.
type Rule = fn(&Output, &Known<'_>) -> Option<Explained>;

/// What was going on when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum During {
    Install,
    /// The app ended, or did not come to answer.
    Start,
    /// The app runs and answers badly.
    Answer,
}

impl Explained {
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
pub fn explain(lines: &[String], during: During, known: &Known<'_>) -> Option<Explained> {
    let output = Output::new(lines);
    let told = match during {
        During::Install => {
            install::explain(&output, known).or_else(|| surroundings::explain(&output, known))
        }
        During::Start | During::Answer => surroundings::explain(&output, known)
            .or_else(|| migration::explain(&output, known, during))
            .or_else(|| module::ended_by(&output, known))
            .or_else(|| variable::explain(&output, known))
            .or_else(|| module::explain(&output, known))
            .or_else(|| service::explain(&output, known))
            .or_else(|| command::explain(&output, known)),
    };
    told.or_else(|| own::explain(&output))
}
