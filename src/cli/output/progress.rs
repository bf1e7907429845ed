//! What is being done now: a spinner on a terminal, a line per change elsewhere.

use std::{
    io::{self, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::{narrate, text};
use crate::model::{BuildProgress, StepState, StepUpdate};

/// How often a long step is told again where there is no spinner.
const STILL: Duration = Duration::from_secs(10);
const TURN: Duration = Duration::from_millis(100);

pub struct Progress {
    kind: ProgressKind,
    current: Option<CurrentStep>,
}

enum ProgressKind {
    Off,
    Plain,
    /// Made when there is first something to show.
    Spinner(Option<ProgressBar>),
}

struct CurrentStep {
    step: StepUpdate,
    since: Instant,
    last_shown: Instant,
}

impl Progress {
    pub fn off() -> Self {
        Self {
            kind: ProgressKind::Off,
            current: None,
        }
    }

    pub fn plain() -> Self {
        Self {
            kind: ProgressKind::Plain,
            current: None,
        }
    }

    pub fn spinner() -> Self {
        Self {
            kind: ProgressKind::Spinner(None),
            current: None,
        }
    }

    pub fn is_off(&self) -> bool {
        matches!(self.kind, ProgressKind::Off)
    }

    pub fn step(&mut self, step: &StepUpdate) {
        match step.state {
            StepState::Started => {
                let now = Instant::now();
                self.current = Some(CurrentStep {
                    step: step.clone(),
                    since: now,
                    last_shown: now,
                });
                self.show(&format!("{} {}", step.id, step.detail));
            }
            StepState::Progress => {
                if let Some(progress) = &step.progress {
                    self.show(&format!("{} {}", step.id, build_line(progress)));
                }
            }
            StepState::Done | StepState::Skipped | StepState::Failed => self.current = None,
        }
    }

    /// Something that has no end of its own, such as finding the agent.
    pub fn show(&mut self, message: &str) {
        if let ProgressKind::Spinner(bar) = &mut self.kind {
            let message = text::harmless(message).replace('\n', " ");
            bar.get_or_insert_with(new_bar).set_message(message);
        }
    }

    /// To be called now and then while a stream is silent.
    pub fn tick(&mut self) {
        let Some(current) = &mut self.current else {
            return;
        };
        if matches!(self.kind, ProgressKind::Plain) && current.last_shown.elapsed() >= STILL {
            current.last_shown = Instant::now();
            let line = narrate::running(&current.step, current.since.elapsed().as_secs());
            self.line(&line);
        }
    }

    /// A line on standard error, above the spinner if there is one.
    pub fn line(&self, line: &str) {
        match &self.kind {
            ProgressKind::Spinner(Some(bar)) => bar.suspend(|| to_stderr(line)),
            _ => to_stderr(line),
        }
    }

    /// Do something with the terminal while no spinner draws.
    pub fn clear(&mut self) {
        if let ProgressKind::Spinner(bar) = &mut self.kind
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    bar.set_style(style);
    bar.enable_steady_tick(TURN);
    bar
}

fn build_line(progress: &BuildProgress) -> String {
    match progress {
        BuildProgress::Step {
            current,
            total,
            text,
        } => format!("[{current}/{total}] {text}"),
        BuildProgress::Line { text } => text.clone(),
    }
}

/// Nobody can be told that standard error is closed.
fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
