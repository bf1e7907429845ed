//! Connections that an instance's sandbox refused: emitted as they happen, and again as the likely
//! reason when an installation fails.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::StreamExt;
use jiff::Timestamp;

use super::journal::{Journal, JournalEntry};
use crate::{
    engine::{Capability, Engine},
    model::{EgressDenial, Event, InstanceId},
};

/// How many are named in one warning.
const NAMED: usize = 5;

/// Emit each until the container or the task ends; none of an engine that does not tell them. What the
/// journal has already is not emitted again.
pub async fn report(engine: Arc<dyn Engine>, id: InstanceId, journal: Arc<Journal>) {
    if !engine.capabilities().has(Capability::Refusals) {
        return;
    }
    let told = |entry: &JournalEntry| matches!(entry.event, Event::Refused(_)).then_some(entry.at);
    let since = journal.follow().0.iter().rev().find_map(told);
    let mut refusals = match engine.refusals(&id, since).await {
        Ok(refusals) => refusals,
        Err(error) => {
            tracing::warn!(instance = %id, %error, "refused connections are not told");
            return;
        }
    };
    while let Some(Ok(refused)) = refusals.next().await {
        journal.emit(Event::Refused(refused));
    }
}

/// What a step that failed may have failed for, if anything was refused since it began.
pub fn explain(journal: &Journal, began: Timestamp) -> Option<Event> {
    let (past, _) = journal.follow();
    let refused: Vec<&EgressDenial> = past
        .iter()
        .filter(|entry| entry.at >= began)
        .filter_map(|entry| match &entry.event {
            Event::Refused(refused) => Some(refused),
            _ => None,
        })
        .collect();
    if refused.is_empty() {
        return None;
    }
    let names: BTreeSet<&str> = refused
        .iter()
        .filter_map(|refused| refused.name())
        .collect();
    let told: BTreeSet<String> = if names.is_empty() {
        refused.iter().map(ToString::to_string).collect()
    } else {
        names.iter().map(|&name| name.to_owned()).collect()
    };
    let more = told.len().saturating_sub(NAMED);
    let mut list = told.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        list = format!("{list} and {more} more");
    }
    let hint = (!names.is_empty()).then(|| {
        let quoted: Vec<String> = names
            .iter()
            .take(NAMED)
            .map(|name| format!("\"{name}\""))
            .collect();
        format!(
            "if it needs them, add {} to `egress = {{ allow = […] }}` in `[network]` of \
             codemate-preview.toml, or to `--egress`",
            quoted.join(", ")
        )
    });
    Some(Event::Warning {
        message: format!("the sandbox refused it connections: {list}"),
        hint,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DenialStage;

    fn refused(by: DenialStage, host: &str, port: u16) -> Event {
        Event::Refused(EgressDenial {
            by,
            host: host.to_owned(),
            port,
        })
    }

    #[test]
    fn a_failure_is_explained_by_what_was_refused_meanwhile() {
        let journal = Journal::new();
        journal.emit(refused(DenialStage::Dns, "before.example.com", 53));
        let began = Timestamp::now();
        assert_eq!(explain(&journal, began), None);
        journal.emit(refused(DenialStage::Tcp, "203.0.113.9", 22));
        let Some(Event::Warning {
            message,
            hint: None,
        }) = explain(&journal, began)
        else {
            panic!("an address is told, and cannot be allowed");
        };
        assert!(message.ends_with("203.0.113.9:22 over TCP"), "{message}");
        journal.emit(refused(DenialStage::Dns, "b.example.com", 53));
        journal.emit(refused(DenialStage::Tls, "b.example.com", 443));
        journal.emit(refused(DenialStage::Tls, "a.example.com", 443));
        let Some(Event::Warning {
            message,
            hint: Some(hint),
        }) = explain(&journal, began)
        else {
            panic!("names can be allowed");
        };
        assert!(
            message.ends_with(": a.example.com, b.example.com"),
            "{message}"
        );
        assert!(
            hint.contains("add \"a.example.com\", \"b.example.com\" to"),
            "{hint}"
        );
    }
}
