//! Ending what an agent that was killed left running.

use std::{collections::BTreeSet, time::Duration};

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::{
    Programs,
    process::{self, ProcessHandle},
};
use crate::store::TunnelRecord;

/// What the kernel may take to end a process after SIGKILL.
const KILLED: Duration = Duration::from_secs(2);
/// Between looks at processes that are not our children.
const LOOK: Duration = Duration::from_millis(20);
/// How often new processes of the same tunnel are looked for after the known ones were killed.
const ROUNDS: usize = 3;

/// End the process of a record, its group, and whatever else carries its mark. Says whether
/// nothing of them is left.
pub(super) async fn end(record: &TunnelRecord, programs: &Programs) -> bool {
    let mut left = find(record, programs).await;
    if left.is_empty() {
        return true;
    }
    let pids: Vec<i32> = left
        .iter()
        .map(|process| process.pid.as_raw_pid())
        .collect();
    tracing::warn!(key = %record.key, ?pids, "ending what a tunnel left running");
    for grace in [programs.timing.first_grace, programs.timing.second_grace] {
        signal(&left, Signal::TERM);
        wait(&mut left, grace).await;
    }
    for _ in 0..ROUNDS {
        kill(&mut left).await;
        left.extend(marked(record.mark.clone(), programs).await);
        if left.is_empty() {
            return true;
        }
    }
    tracing::error!(key = %record.key, "some of a tunnel's processes cannot be ended");
    false
}

/// Kill every process that carries the mark.
pub(super) async fn kill_marked(mark: &str, programs: &Programs) {
    for _ in 0..ROUNDS {
        let mut left = marked(mark.to_owned(), programs).await;
        if left.is_empty() {
            return;
        }
        kill(&mut left).await;
    }
    tracing::error!("some of a tunnel's processes cannot be killed");
}

async fn find(record: &TunnelRecord, programs: &Programs) -> Vec<ProcessHandle> {
    let record = record.clone();
    let look = move || {
        // Another kernel numbered its processes anew, and none of the old ones is left.
        if process::boot_id().ok().as_deref() != Some(&record.boot_id) {
            return Vec::new();
        }
        let mut found: Vec<ProcessHandle> = record
            .process
            .as_ref()
            .map(process::recorded)
            .unwrap_or_default();
        let known: BTreeSet<i32> = found
            .iter()
            .map(|process| process.pid.as_raw_pid())
            .collect();
        let others = process::marked(&record.mark);
        found.extend(
            others
                .into_iter()
                .filter(|process| !known.contains(&process.pid.as_raw_pid())),
        );
        found
    };
    programs
        .scope
        .spawn_blocking(look)
        .await
        .unwrap_or_default()
}

async fn marked(mark: String, programs: &Programs) -> Vec<ProcessHandle> {
    programs
        .scope
        .spawn_blocking(move || process::marked(&mark))
        .await
        .unwrap_or_default()
}

async fn kill(left: &mut Vec<ProcessHandle>) {
    signal(left, Signal::KILL);
    wait(left, KILLED).await;
}

fn signal(left: &[ProcessHandle], signal: Signal) {
    for process in left {
        process.signal(signal);
    }
}

/// Until all have ended, but no longer; keeps those that have not.
async fn wait(left: &mut Vec<ProcessHandle>, grace: Duration) {
    let until = Instant::now() + grace;
    loop {
        left.retain(ProcessHandle::is_alive);
        if left.is_empty() || Instant::now() >= until {
            return;
        }
        sleep(LOOK).await;
    }
}
