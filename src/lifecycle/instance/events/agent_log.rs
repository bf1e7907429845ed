//! What an event is in the agent's log. The log tells a night's story, so it has what changed and
//! why, and neither what an app wrote nor how far a step has come.

use tracing::{debug, info, warn};

use crate::model::{AppExit, Event, PhaseKind, StepState, StepUpdate, SyncReport, Verification};

/// Write one event, in the span of its instance.
pub fn log(event: &Event) {
    match event {
        Event::State { from, to } => {
            let from = from.map(PhaseKind::as_str);
            if let Some(to) = to.map(PhaseKind::as_str) {
                info!(from, to, "it is {to} now");
            } else {
                info!(from, "it was removed with everything it kept");
            }
        }
        Event::Step(step) => log_step(step),
        Event::AppReady {
            urls,
            ms,
            port,
            status,
            ..
        } => info!(url = urls.local, port, status, ms, "the app answers"),
        Event::AppExit(exit) => log_exit(exit),
        Event::Sync(report) => log_sync(report),
        Event::TunnelReady {
            kind,
            url,
            verified,
        } => match verified {
            Verification::EndToEnd => info!(%kind, %url, "the tunnel is open"),
            Verification::Unverified { reason } => {
                warn!(%kind, %url, reason, "the tunnel is open, but nothing came back through it");
            }
        },
        Event::TunnelUrlChanged { old, new } => warn!(%old, %new, "the public URL changed"),
        Event::TunnelDown { kind, why } => warn!(%kind, why, "the tunnel is down"),
        Event::Refused(refused) => {
            warn!(what = %refused, "the sandbox refused a connection that the app began");
        }
        Event::Warning { message, hint } => warn!(hint, "{message}"),
        Event::Port(seen) => debug!(port = seen.port, "it listens on a port"),
        Event::Detect(report) => info!(stack = report.plan.title, "the project was recognised"),
        // Content of the app's, or answers to one caller.
        Event::Log(_)
        | Event::Hello { .. }
        | Event::Heartbeat {}
        | Event::Result(_)
        | Event::Unknown => {}
    }
}

fn log_step(step: &StepUpdate) {
    let StepUpdate { id, detail, ms, .. } = step;
    match step.state {
        StepState::Started => debug!(step = id, "began: {detail}"),
        StepState::Progress => {}
        StepState::Done => info!(step = id, ms, "done: {detail}"),
        StepState::Skipped => debug!(step = id, "skipped: {detail}"),
        StepState::Failed => warn!(step = id, ms, "failed: {detail}"),
    }
}

/// The last lines stay out: they are the app's.
fn log_exit(exit: &AppExit) {
    let AppExit {
        code,
        signal,
        out_of_memory,
        peak_bytes,
        limit_bytes,
        ..
    } = exit;
    warn!(
        code,
        signal, out_of_memory, peak_bytes, limit_bytes, "the app ended by itself"
    );
}

fn log_sync(report: &SyncReport) {
    let SyncReport {
        files,
        deleted,
        bytes,
        ms,
        caused,
        ..
    } = report;
    if let Some(caused) = caused {
        info!(files, deleted, bytes, ms, caused, "an edit went in");
    } else {
        debug!(files, deleted, bytes, ms, "an edit went in");
    }
    if !report.refused.is_empty() {
        let count = report.refused.len();
        warn!(count, first = report.refused[0], "paths were refused");
    }
}
