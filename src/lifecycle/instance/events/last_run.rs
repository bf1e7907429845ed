//! What a run leaves behind when its container goes: what it wrote and what happened to it, bounded,
//! for `logs` and `events` of a preview that is down.

use std::{collections::VecDeque, time::Duration};

use futures_util::StreamExt;
use jiff::Timestamp;

use crate::{
    engine::{EngineError, LogQuery},
    lifecycle::{
        LifecycleError, Manager,
        instance::{
            Instance,
            environment::variables::{Variables, project_env},
        },
    },
    model::{Event, InstanceId, LogLine, LogStream, Mask, Phase, StepState},
    store::{Intent, PastEvent, Record},
};

/// How much of a log's beginning is kept, and how much of its end, in bytes as they are written.
const FIRST: usize = 64 << 10;
const NEWEST: usize = 4 << 20;
/// What a line takes beside its text.
const BESIDE: usize = 80;
/// How long an engine may take to give a log out before its container goes all the same.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end of a log may take once the container is gone.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The beginning and the end of a log.
#[derive(Debug, Default)]
struct RetainedLog {
    first: Vec<LogLine>,
    first_is_full: bool,
    first_bytes: usize,
    newest: VecDeque<LogLine>,
    newest_bytes: usize,
    left_out: u64,
    last: Option<Timestamp>,
}

impl RetainedLog {
    fn push(&mut self, line: LogLine) {
        self.last = Some(line.at);
        let bytes = cost(&line);
        if !self.first_is_full && self.first_bytes + bytes <= FIRST {
            self.first_bytes += bytes;
            return self.first.push(line);
        }
        self.first_is_full = true;
        self.newest_bytes += bytes;
        self.newest.push_back(line);
        while self.newest_bytes > NEWEST
            && let Some(oldest) = self.newest.pop_front()
        {
            self.newest_bytes -= cost(&oldest);
            self.left_out += 1;
        }
    }

    /// What there is, with a line that says how much is not.
    fn lines(&self) -> impl Iterator<Item = LogLine> {
        let gap = (self.left_out > 0).then(|| LogLine {
            at: self
                .newest
                .front()
                .map_or(Timestamp::UNIX_EPOCH, |it| it.at),
            stream: LogStream::Stderr,
            text: format!(
                "[codemate-preview: {} lines are left out here]",
                self.left_out
            ),
        });
        let newest = self.newest.iter().cloned();
        self.first.iter().cloned().chain(gap).chain(newest)
    }
}

fn cost(line: &LogLine) -> usize {
    line.text.len() + BESIDE
}

impl Instance {
    /// Take the container away, and keep what it wrote if it may have run.
    pub(in crate::lifecycle) async fn remove_container(
        &self,
        grace: Duration,
        may_have_run: bool,
    ) -> Result<(), LifecycleError> {
        let (engine, id) = (&self.context.engine, &self.record.id);
        if !may_have_run {
            return Ok(engine.remove(id, grace).await?);
        }
        let mut kept = RetainedLog::default();
        let so_far = LogQuery::default();
        let there = tokio::time::timeout(PATIENCE, self.read_log(so_far, &mut kept)).await;
        if kept.last.is_some() {
            self.save_log(&kept).await;
        }
        if grace.is_zero() || !matches!(there, Ok(Ok(()))) {
            return Ok(engine.remove(id, grace).await?);
        }
        // What it says as it ends.
        let before = kept.last;
        let rest = LogQuery {
            follow: true,
            since: before,
            tail: None,
        };
        let removed = {
            let saying = self.read_log(rest, &mut kept);
            let removing = engine.remove(id, grace);
            tokio::pin!(saying, removing);
            tokio::select! {
                removed = &mut removing => {
                    let _ = tokio::time::timeout(LAST_WORDS, saying).await;
                    removed
                }
                // All is said.
                _ = &mut saying => removing.await,
            }
        };
        if kept.last != before {
            self.save_log(&kept).await;
        }
        Ok(removed?)
    }

    /// Whether a container of it may be there, with a log that nobody has kept.
    pub(in crate::lifecycle) fn may_have_run(&self) -> bool {
        let is_settled = matches!(
            self.record.phase,
            Phase::Failed { .. } | Phase::Asleep { .. }
        );
        self.record.generation > 0
            && (self.state.live().is_some() || self.record.intent == Intent::Up || !is_settled)
    }

    async fn read_log(&self, query: LogQuery, kept: &mut RetainedLog) -> Result<(), EngineError> {
        let mut lines = self.context.engine.logs(&self.record.id, query).await?;
        while let Some(line) = lines.next().await {
            kept.push(line?);
        }
        Ok(())
    }

    async fn save_log(&self, kept: &RetainedLog) {
        let mask = self.masking.now();
        let lines: Vec<LogLine> = kept.lines().map(|line| clean(&mask, line)).collect();
        let id = self.record.id.clone();
        let done = self
            .context
            .store
            .run(move |store| store.keep_log(&id, &lines));
        if let Err(error) = done.await {
            tracing::warn!(instance = %self.record.id, %error, "what it wrote is not kept");
        }
    }

    /// A new container runs: what an older one wrote is not shown as this one's.
    pub(in crate::lifecycle) async fn forget_log(&self) {
        let id = self.record.id.clone();
        let done = self.context.store.run(move |store| store.forget_log(&id));
        if let Err(error) = done.await {
            tracing::warn!(instance = %self.record.id, %error, "an older log stays");
        }
    }

    /// Have the next agent know what happened.
    pub(in crate::lifecycle) async fn save_events(&self) {
        if self.record.generation == 0 {
            return;
        }
        let (past, _) = self.journal.follow();
        let worth: Vec<PastEvent> = past
            .into_iter()
            .filter(|entry| outlives(&entry.event))
            .map(|entry| PastEvent {
                at: entry.at,
                event: entry.event,
            })
            .collect();
        let id = self.record.id.clone();
        let done = self
            .context
            .store
            .run(move |store| store.keep_events(&id, &worth));
        if let Err(error) = done.await {
            tracing::warn!(instance = %self.record.id, %error, "what happened is not kept");
        }
    }
}

/// Output is in the log, and a pulse is nothing that happened.
fn outlives(event: &Event) -> bool {
    match event {
        Event::Step(step) => step.state != StepState::Progress,
        Event::Log(_) | Event::Heartbeat {} | Event::Result(_) => false,
        _ => true,
    }
}

fn clean(mask: &Mask, mut line: LogLine) -> LogLine {
    line.text = mask.clean(line.text);
    line
}

impl Manager {
    /// What an instance's last run wrote, where that is kept and its container is gone.
    pub async fn retained_log(
        &self,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<Vec<LogLine>, LifecycleError> {
        let id = id.clone();
        let lines = self
            .context
            .store
            .run(move |store| store.kept_log(&id))
            .await?;
        Ok(chosen(lines, query))
    }

    /// What hides the values of its variables in what it writes: those it runs with, and those it
    /// would be started with now.
    pub async fn masks(&self, record: &Record) -> Result<[Mask; 2], LifecycleError> {
        let kept = self.secrets(record.id.clone()).await?;
        let mut variables = Variables::of(&record.options, &record.env_flags, &kept);
        if let Some(plan) = &record.plan {
            variables.project_env = project_env(record, plan).await;
        }
        let (_, handle) = self.lookup(record.id.as_str())?;
        Ok([handle.masking.now(), variables.mask()])
    }
}

fn chosen(lines: Vec<LogLine>, query: LogQuery) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = lines
        .into_iter()
        .filter(|line| query.since.is_none_or(|since| line.at > since))
        .collect();
    let most = query.tail.map_or(usize::MAX, |tail| {
        usize::try_from(tail).unwrap_or(usize::MAX)
    });
    lines.drain(..lines.len().saturating_sub(most));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: i64, text: &str) -> LogLine {
        LogLine {
            at: Timestamp::from_second(second).unwrap(),
            stream: LogStream::Stdout,
            text: text.to_owned(),
        }
    }

    #[test]
    fn the_beginning_and_the_end_of_a_long_log_are_kept() {
        let mut kept = RetainedLog::default();
        let long = "x".repeat(1 << 10);
        for second in 0..10_000 {
            kept.push(line(second, &long));
        }
        let lines: Vec<LogLine> = kept.lines().collect();
        let bytes: usize = lines.iter().map(cost).sum();
        assert!(bytes <= FIRST + NEWEST + 1024, "{bytes}");
        assert!(bytes > NEWEST, "{bytes}");
        assert_eq!(lines[0].at.as_second(), 0);
        assert_eq!(lines.last().unwrap().at.as_second(), 9_999);
        let gap = lines
            .iter()
            .position(|it| it.text.starts_with('['))
            .unwrap();
        let missing = 10_000 - (lines.len() - 1);
        assert_eq!(
            lines[gap].text,
            format!("[codemate-preview: {missing} lines are left out here]")
        );
    }

    #[test]
    fn a_short_log_is_whole() {
        let mut kept = RetainedLog::default();
        for second in 0..3 {
            kept.push(line(second, "short"));
        }
        assert_eq!(kept.lines().count(), 3);
    }

    #[test]
    fn a_query_takes_the_last_lines_since_a_time() {
        let lines: Vec<LogLine> = (0..10).map(|second| line(second, "")).collect();
        let query = LogQuery {
            follow: false,
            since: Some(Timestamp::from_second(4).unwrap()),
            tail: Some(2),
        };
        let seconds = |query| {
            let lines = chosen(lines.clone(), query);
            lines.iter().map(|it| it.at.as_second()).collect::<Vec<_>>()
        };
        assert_eq!(seconds(query), [8, 9]);
        assert_eq!(
            seconds(LogQuery {
                tail: None,
                ..query
            }),
            [5, 6, 7, 8, 9]
        );
        assert_eq!(seconds(LogQuery::default()).len(), 10);
    }

    #[test]
    fn progress_does_not_outlive_its_step() {
        let step = |state| {
            Event::Step(crate::model::StepUpdate {
                id: "install".to_owned(),
                state,
                detail: String::new(),
                ms: 0,
                progress: None,
            })
        };
        assert!(!outlives(&step(StepState::Progress)));
        assert!(outlives(&step(StepState::Failed)));
        assert!(!outlives(&Event::Heartbeat {}));
    }
}
