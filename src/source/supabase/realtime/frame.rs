//! The text frames of Phoenix channels, version 2.0.0: `[join_ref, ref, topic, event, payload]`.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::Subscription;
use crate::model::Secret;

/// The join reference of the one channel a connection has.
const JOIN: &str = "1";
const HEART: &str = "phoenix";

/// What a frame means to us.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PhoenixMessage {
    Joined,
    Refused(String),
    /// From now on changes are told.
    Confirmed,
    /// The server gave the subscription up.
    Trouble(String),
    Changed,
    Closed,
    /// The heartbeat of this reference was answered.
    Beat(u64),
    Other,
}

#[derive(Deserialize)]
struct PhoenixFrame(IgnoredAny, Option<String>, String, String, Value);

/// Reads and writes the frames of one connection.
pub(super) struct FrameCodec {
    topic: String,
    last: u64,
}

impl FrameCodec {
    pub(super) fn new(what: &Subscription) -> Self {
        Self {
            topic: format!("realtime:project:{}", what.project),
            last: 1,
        }
    }

    /// The token goes here and not after: a filter is checked as whoever joins, and one without a
    /// token may not even see the column.
    pub(super) fn join(&self, what: &Subscription, token: Option<&Secret>) -> String {
        let mut change = json!({
            "event": "*",
            "schema": what.schema,
            "table": what.table,
        });
        if let Some(column) = &what.column {
            change["filter"] = json!(format!("{column}=eq.{}", what.project));
        }
        let mut payload = json!({
            "config": {
                "broadcast": { "ack": false, "self": false },
                "presence": { "key": "", "enabled": false },
                "postgres_changes": [change],
                "private": false,
            },
        });
        if let Some(token) = token {
            payload["access_token"] = json!(token.reveal());
        }
        json!([JOIN, JOIN, self.topic, "phx_join", payload]).to_string()
    }

    pub(super) fn token(&mut self, token: &Secret) -> String {
        let payload = json!({ "access_token": token.reveal() });
        let number = self.next().to_string();
        json!([JOIN, number, self.topic, "access_token", payload]).to_string()
    }

    /// With the reference that answers it.
    pub(super) fn heartbeat(&mut self) -> (u64, String) {
        let number = self.next();
        let frame = json!([null, number.to_string(), HEART, "heartbeat", {}]);
        (number, frame.to_string())
    }

    pub(super) fn leave(&mut self) -> String {
        let number = self.next().to_string();
        json!([JOIN, number, self.topic, "phx_leave", {}]).to_string()
    }

    pub(super) fn read(&self, text: &str) -> PhoenixMessage {
        // What cannot be read may have told of a change, and a hint too many does no harm.
        let Ok(PhoenixFrame(_, number, topic, event, payload)) = serde_json::from_str(text) else {
            return PhoenixMessage::Changed;
        };
        let number = number.unwrap_or_default();
        if topic == HEART {
            return match (event.as_str(), number.parse()) {
                ("phx_reply", Ok(number)) => PhoenixMessage::Beat(number),
                _ => PhoenixMessage::Other,
            };
        }
        if topic != self.topic {
            return PhoenixMessage::Other;
        }
        match event.as_str() {
            "postgres_changes" => PhoenixMessage::Changed,
            "phx_reply" if number == JOIN => match text_of(&payload, "/status").as_str() {
                "ok" => PhoenixMessage::Joined,
                _ => PhoenixMessage::Refused(reason(&payload)),
            },
            "system" => match text_of(&payload, "/status").as_str() {
                "ok" if text_of(&payload, "/extension") == "postgres_changes" => {
                    PhoenixMessage::Confirmed
                }
                "error" => PhoenixMessage::Trouble(text_of(&payload, "/message")),
                _ => PhoenixMessage::Other,
            },
            "phx_close" | "phx_error" => PhoenixMessage::Closed,
            _ => PhoenixMessage::Other,
        }
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

/// Why a join was refused; of a form unknown here, as it is.
fn reason(payload: &Value) -> String {
    match payload.pointer("/response/reason") {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => payload
            .get("response")
            .map_or_else(|| "no reason was given".to_owned(), Value::to_string),
    }
}

fn text_of(payload: &Value, at: &str) -> String {
    match payload.pointer(at) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart() {
        let frames = FrameCodec::new(&Subscription {
            project: "p".to_owned(),
            schema: "public".to_owned(),
            table: "files".to_owned(),
            column: Some("project_id".to_owned()),
        });
        let topic = "realtime:project:p";
        let read = |join: Value, number: Value, topic: &str, event: &str, payload: Value| {
            frames.read(&json!([join, number, topic, event, payload]).to_string())
        };
        let ok = json!({ "status": "ok", "response": {} });
        let one = || json!("1");
        assert_eq!(
            read(one(), one(), topic, "phx_reply", ok.clone()),
            PhoenixMessage::Joined
        );
        let no = json!({ "status": "error", "response": { "reason": "Busy: x" } });
        assert_eq!(
            read(one(), one(), topic, "phx_reply", no),
            PhoenixMessage::Refused("Busy: x".to_owned())
        );
        // The answer to a token or a leave is not the answer to the join.
        assert_eq!(
            read(one(), json!("5"), topic, "phx_reply", ok.clone()),
            PhoenixMessage::Other
        );
        assert_eq!(
            read(Value::Null, json!("7"), "phoenix", "phx_reply", ok.clone()),
            PhoenixMessage::Beat(7)
        );
        let live = json!({ "extension": "postgres_changes", "status": "ok", "message": "x" });
        assert_eq!(
            read(one(), Value::Null, topic, "system", live),
            PhoenixMessage::Confirmed
        );
        let presence = json!({ "extension": "system", "status": "ok" });
        assert_eq!(
            read(one(), Value::Null, topic, "system", presence),
            PhoenixMessage::Other
        );
        let gone = json!({ "extension": "system", "status": "error", "message": "expired" });
        assert_eq!(
            read(one(), Value::Null, topic, "system", gone),
            PhoenixMessage::Trouble("expired".to_owned())
        );
        assert_eq!(
            read(
                Value::Null,
                Value::Null,
                "realtime:other",
                "phx_close",
                json!({})
            ),
            PhoenixMessage::Other
        );
        assert_eq!(frames.read("[null,null,"), PhoenixMessage::Changed);
    }
}
