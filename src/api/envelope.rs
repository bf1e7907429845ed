//! `Envelope`: one line of every stream.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Event, InstanceId};

/// `{"v":1,"seq":7,"ts":"…","type":"…","instance":"…","data":{}}`. Within `v` 1 nothing is removed
/// or retyped; readers skip types and fields they do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub v: u32,
    /// Counts from 0 on each stream.
    pub seq: u64,
    pub ts: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    #[serde(flatten)]
    pub event: Event,
}

impl Envelope {
    pub const VERSION: u32 = 1;

    pub fn now(seq: u64, instance: Option<InstanceId>, event: Event) -> Self {
        Self {
            v: Self::VERSION,
            seq,
            ts: Timestamp::now(),
            instance,
            event,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_a_newer_version_is_read() {
        let line = r#"{"v":1,"seq":3,"ts":"2026-11-23T14:03:11Z","type":"new","data":{"a":1}}"#;
        let envelope: Envelope = serde_json::from_str(line).unwrap();
        assert_eq!(envelope.event, Event::Unknown);
    }

    #[test]
    fn the_shape_of_a_line() {
        let envelope = Envelope {
            v: 1,
            seq: 0,
            ts: "2026-11-23T14:03:11Z".parse().unwrap(),
            instance: None,
            event: Event::Heartbeat {},
        };
        assert_eq!(
            serde_json::to_string(&envelope).unwrap(),
            r#"{"v":1,"seq":0,"ts":"2026-11-23T14:03:11Z","type":"heartbeat","data":{}}"#
        );
    }
}
