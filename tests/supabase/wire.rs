//! What a Realtime server says and looks into: changes, bindings, filters, tokens.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A change as the real one tells it. A deleted row has nothing but `old`.
pub fn change(kind: &str, record: &Value, old: &Value) -> Value {
    json!({
        "type": kind,
        "schema": "public",
        "table": "project_files",
        "commit_timestamp": "2026-11-23T10:00:00.000Z",
        "columns": [
            { "name": "project_id", "type": "uuid" },
            { "name": "path", "type": "text" },
            { "name": "content", "type": "text" },
            { "name": "rev", "type": "int8" },
        ],
        "record": record,
        "old_record": old,
        "errors": null,
    })
}

/// What was asked for, each with an id of its own.
pub fn bindings(payload: &Value) -> Vec<Value> {
    let asked = payload["config"]["postgres_changes"].as_array().unwrap();
    let numbered = asked.iter().zip(2_594_587..);
    numbered
        .map(|(binding, id)| {
            let mut binding = binding.clone();
            binding["id"] = json!(id);
            binding
        })
        .collect()
}

pub fn system(extension: &str, status: &str, message: &str, topic: &str) -> Value {
    json!({
        "extension": extension,
        "status": status,
        "message": message,
        "channel": topic.strip_prefix("realtime:").unwrap(),
    })
}

/// The one filter there is, `<column>=eq.<value>`, on the new row or, deleted, on what is left.
pub fn passes(binding: &Value, data: &Value) -> bool {
    let kind = binding["event"].as_str().unwrap();
    if kind != "*" && data["type"] != kind || binding["table"] != data["table"] {
        return false;
    }
    let Some(filter) = binding["filter"].as_str() else {
        return true;
    };
    let (column, value) = filter.split_once("=eq.").unwrap();
    let row = if data["type"] == "DELETE" {
        &data["old_record"]
    } else {
        &data["record"]
    };
    row[column] == value
}

/// The reason for which a token that has ended is refused.
pub fn expired(token: &str) -> Option<String> {
    let claims = token.split('.').nth(1)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let ends = claims["exp"].as_i64()?;
    let now = jiff::Timestamp::now().as_second();
    (ends <= now).then(|| "InvalidJWTExpiration: Token has expired".to_owned())
}

/// A JWT as far as Realtime's clients look into one. Ends in `seconds`.
pub fn a_token(name: &str, seconds: i64) -> String {
    let ends = jiff::Timestamp::now().as_second() + seconds;
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = part(json!({ "role": "authenticated", "sub": name, "exp": ends }));
    format!("{head}.{claims}.c2lnbmF0dXJl")
}
