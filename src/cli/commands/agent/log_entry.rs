//! A line of the agent's log, read back from its file and written for people.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One line, as `agent::log` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    pub timestamp: Timestamp,
    pub level: String,
    pub message: String,
    /// What the line is about, outermost first: an instance, a request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Map<String, Value>>,
    /// Everything else that it says.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl LogEntry {
    /// `None` for what a panic or a library has written past the log.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// Whether it is about the instance of this name or id, or of an id that begins so.
    pub fn is_about(&self, instance: &str) -> bool {
        let text = |map: &Map<String, Value>, key: &str| {
            map.get(key).and_then(Value::as_str).map(str::to_owned)
        };
        let of_span = |span: &Map<String, Value>| {
            text(span, "name").as_deref() == Some("instance")
                && (text(span, "preview").as_deref() == Some(instance)
                    || text(span, "id").is_some_and(|id| id.starts_with(instance)))
        };
        self.spans.iter().any(of_span)
            || text(&self.fields, "instance").is_some_and(|id| id.starts_with(instance))
    }

    /// `2026-11-23T14:00:00.123Z  INFO shop: ready … key=value`.
    pub fn text(&self) -> String {
        let at = self.timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let mut line = format!("{at} {:>5} ", self.level);
        for span in &self.spans {
            match (
                span.get("name").and_then(Value::as_str),
                span.get("preview"),
            ) {
                (Some("instance"), Some(preview)) => {
                    let _ = write!(line, "{}: ", bare(preview));
                }
                (name, _) => {
                    let span_fields = span.iter().filter(|(key, _)| *key != "name");
                    let span_fields: Vec<String> =
                        span_fields.map(|(key, value)| pair(key, value)).collect();
                    let _ = write!(
                        line,
                        "{}{{{}}}: ",
                        name.unwrap_or_default(),
                        span_fields.join(" ")
                    );
                }
            }
        }
        line.push_str(&self.message);
        for (key, value) in self.fields.iter().filter(|(key, _)| *key != "target") {
            let _ = write!(line, " {}", pair(key, value));
        }
        line
    }
}

fn pair(key: &str, value: &Value) -> String {
    format!("{key}={}", bare(value))
}

/// Text without its quotes, where it is one word.
fn bare(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '\n']) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-23T14:00:00.123456Z","level":"WARN","message":"the app ended","code":3,"target":"codemate_preview::lifecycle","spans":[{"name":"instance","preview":"shop","id":"1a2b3c"}]}"#;

    #[test]
    fn a_line_is_read_back_and_says_whose_it_is() {
        let entry = LogEntry::parse(LINE).unwrap();
        assert_eq!(
            entry.text(),
            "2026-11-23T14:00:00.123Z  WARN shop: the app ended code=3"
        );
        for about in ["shop", "1a2b3c", "1a2"] {
            assert!(entry.is_about(about), "{about}");
        }
        for other in ["sho", "shops", "2b3c", "instance"] {
            assert!(!entry.is_about(other), "{other}");
        }
    }

    #[test]
    fn a_request_is_told_with_what_it_asked() {
        let line = LINE.replace(
            r#"{"name":"instance","preview":"shop","id":"1a2b3c"}"#,
            r#"{"name":"request","method":"POST","route":"/v1/instances"}"#,
        );
        let text = LogEntry::parse(&line).unwrap().text();
        let want = "request{method=POST route=/v1/instances}: the app ended code=3";
        assert!(text.ends_with(want), "{text}");
    }

    #[test]
    fn what_is_no_line_of_ours_is_none() {
        assert_eq!(
            LogEntry::parse("thread 'main' panicked at src/x.rs:1:1:"),
            None
        );
        assert_eq!(LogEntry::parse("{}"), None);
    }
}
