//! `Step`: one step of a start, reported as it starts, goes on and ends.

use std::fmt::Display;

use tokio::time::Instant;

use super::journal::Journal;
use crate::model::{BuildProgress, Event, StepState, StepUpdate};

pub struct Step<'a> {
    journal: &'a Journal,
    id: &'static str,
    detail: String,
    began: Instant,
}

impl<'a> Step<'a> {
    pub fn start(journal: &'a Journal, id: &'static str, detail: impl Into<String>) -> Self {
        let step = Self {
            journal,
            id,
            detail: detail.into(),
            began: Instant::now(),
        };
        step.emit(StepState::Started, step.detail.clone(), None);
        step
    }

    /// Say that a step was not needed, and why.
    pub fn skip(journal: &'a Journal, id: &'static str, why: impl Into<String>) {
        let step = Self {
            journal,
            id,
            detail: String::new(),
            began: Instant::now(),
        };
        step.emit(StepState::Skipped, why.into(), None);
    }

    pub fn progress(&self, progress: BuildProgress) {
        self.emit(StepState::Progress, self.detail.clone(), Some(progress));
    }

    /// Tell of something that is not the step's end.
    pub fn warn(&self, event: Event) {
        self.journal.emit(event);
    }

    /// End the step as `result` says, and hand it on.
    pub fn end<T, E: Display>(self, result: Result<T, E>) -> Result<T, E> {
        match &result {
            Ok(_) => self.emit(StepState::Done, self.detail.clone(), None),
            Err(error) => {
                let text = error.to_string();
                let headline = text.lines().next().unwrap_or_default().to_owned();
                self.emit(StepState::Failed, headline, None);
            }
        }
        result
    }

    fn emit(&self, state: StepState, detail: String, progress: Option<BuildProgress>) {
        let ms = match state {
            StepState::Done | StepState::Failed => self.began.elapsed().as_millis(),
            StepState::Started | StepState::Progress | StepState::Skipped => 0,
        };
        self.journal.emit(Event::Step(StepUpdate {
            id: self.id.to_owned(),
            state,
            detail,
            ms: u64::try_from(ms).unwrap_or(u64::MAX),
            progress,
        }));
    }
}
