//! What an event is as a line for people. Pure.

use super::{style::Paint, text};
use crate::model::{AppExit, DetectReport, Event, StepState, StepUpdate, SyncReport, Verification};

/// `None` for what is told otherwise or not at all.
pub fn event(event: &Event, verbose: bool, paint: Paint) -> Option<String> {
    match event {
        Event::Detect(report) => Some(detected(report, paint)),
        Event::Step(step) => finished(step, paint),
        Event::Sync(report) => synced(report, paint),
        Event::Warning { message, hint } => Some(warning(message, hint.as_deref(), paint)),
        Event::Refused(refused) => Some(mark(paint.warn("!"), "refused", &refused.to_string(), 0)),
        Event::AppReady {
            ms, port, status, ..
        } => {
            let how = answers(*port, *status);
            Some(mark(paint.good("✓"), "ready", &how, *ms))
        }
        Event::TunnelReady { url, verified, .. } => {
            let how = match verified {
                Verification::EndToEnd => "",
                Verification::Unverified { .. } => " (not verified)",
            };
            Some(mark(paint.good("✓"), "tunnel", &format!("{url}{how}"), 0))
        }
        Event::TunnelUrlChanged { old, new } => Some(warning(
            &format!("the public URL is now {new}; {old} leads nowhere"),
            None,
            paint,
        )),
        Event::TunnelDown { kind, why } => Some(mark(
            paint.bad("✗"),
            "tunnel",
            &format!("{kind} is down: {why}"),
            0,
        )),
        Event::AppExit(exit) => Some(exited(exit, paint)),
        Event::Port(seen) if verbose => Some(format!("  port {} is open", seen.port)),
        Event::State { to: Some(to), .. } if verbose => Some(format!("  {}", to.as_str())),
        _ => None,
    }
}

/// A status that says that all is well is not worth the words.
fn answers(port: Option<u16>, status: Option<u16>) -> String {
    let status = status.filter(|status| !(200..400).contains(status));
    match (port, status) {
        (Some(port), Some(status)) => format!("it answers with status {status} on port {port}"),
        (Some(port), None) => format!("it answers on port {port}"),
        _ => "it is up".to_owned(),
    }
}

fn detected(report: &DetectReport, paint: Paint) -> String {
    let version = report.version.as_ref().map(|choice| {
        let from = match (&choice.from, &choice.because) {
            (Some(file), _) => format!(" from {file}"),
            (None, Some(why)) => format!(": {why}"),
            (None, None) => String::new(),
        };
        format!(", version {}{from}", choice.version)
    });
    let place = match report.plan.root.as_str() {
        "" => String::new(),
        root => format!(", in {root}"),
    };
    let detail = format!(
        "{}{}{place}",
        report.plan.title,
        version.unwrap_or_default()
    );
    mark(paint.good("✓"), "detect", &detail, 0)
}

fn finished(step: &StepUpdate, paint: Paint) -> Option<String> {
    let sign = match step.state {
        StepState::Started | StepState::Progress => return None,
        StepState::Done => paint.good("✓"),
        StepState::Skipped => paint.faint("-"),
        StepState::Failed => paint.bad("✗"),
    };
    Some(mark(sign, &step.id, &step.detail, step.ms))
}

pub fn running(step: &StepUpdate, seconds: u64) -> String {
    mark("…", &step.id, &step.detail, seconds * 1_000)
}

fn mark(sign: impl std::fmt::Display, id: &str, detail: &str, ms: u64) -> String {
    let detail = text::harmless(detail);
    let took = if ms == 0 {
        String::new()
    } else {
        format!("  {}", text::took(ms))
    };
    format!("{sign} {id:<8} {detail}{took}")
        .trim_end()
        .to_owned()
}

/// A first full comparison is a step of its own; here are edits, and what could not come along.
fn synced(report: &SyncReport, paint: Paint) -> Option<String> {
    let mut lines = Vec::new();
    if !report.full && report.files + report.deleted > 0 {
        let first = report.paths.first().map_or("", String::as_str);
        let others = (report.files + report.deleted).saturating_sub(1);
        let what = if others == 0 {
            first.to_owned()
        } else {
            format!("{first} and {others} more")
        };
        let caused = report
            .caused
            .as_ref()
            .map_or_else(String::new, |caused| format!(": {caused}"));
        lines.push(mark(
            paint.good("✓"),
            "sync",
            &format!("{what}{caused}"),
            report.ms,
        ));
    }
    lines.extend(
        report
            .refused
            .iter()
            .map(|refused| warning(refused, None, paint)),
    );
    (!lines.is_empty()).then(|| lines.join("\n"))
}

pub fn warning(message: &str, hint: Option<&str>, paint: Paint) -> String {
    let message = text::harmless(message);
    let hint = hint.map(|hint| format!("\n{} {}", paint.note("hint:"), text::harmless(hint)));
    format!(
        "{} {message}{}",
        paint.warn("warning:"),
        hint.unwrap_or_default()
    )
}

fn exited(exit: &AppExit, paint: Paint) -> String {
    let how = match (exit.out_of_memory, exit.code, exit.signal) {
        (true, ..) => "out of memory".to_owned(),
        (_, Some(code), _) => format!("with code {code}"),
        (_, None, Some(signal)) => format!("by signal {signal}"),
        (_, None, None) => String::new(),
    };
    mark(paint.bad("✗"), "exit", &format!("the app ended {how}"), 0)
}
