//! What a refusal means, in the codes of every PostgREST and gateway that is about.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use crate::source::supabase::SupabaseError;

/// The longest text of a server that a message repeats.
const MOST_SAID: usize = 300;

/// PostgREST, the gateway and Storage say it each in their own words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    code: Option<serde_json::Value>,
    message: Option<String>,
    msg: Option<String>,
    error: Option<serde_json::Value>,
    #[serde(rename = "statusCode")]
    status_code: Option<serde_json::Value>,
}

/// What an answer that is no success says. `subject` is the table or object asked for.
pub fn refusal(status: u16, headers: &HeaderMap, body: &[u8], subject: &str) -> SupabaseError {
    use SupabaseError as E;
    let parsed: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    let code = parsed.code.as_ref().map(text_of).unwrap_or_default();
    let said = said(&parsed, &code, body);
    match code.as_str() {
        "PGRST301" | "PGRST302" | "PGRST303" => return credential(said),
        "42P01" | "PGRST205" | "PGRST106" => {
            let table = subject.to_owned();
            return E::NoTable { table, said };
        }
        // A missing column with the name of a function is taken for a call of that function.
        "42703" | "PGRST204" | "42809" | "42883" => return E::NoColumn { said },
        "42501" => return E::Denied { said },
        "57014" => return E::QueryTimeout { said },
        "22P02" | "22007" | "22003" | "PGRST100" => return E::BadValue { said },
        "PGRST003" => return E::Unavailable { status: 504, said },
        "PGRST000" | "PGRST001" | "PGRST002" => return E::Unavailable { status, said },
        // Connections, resources, shutdown, deadlocks.
        code if is_passing(code) => return E::Unavailable { status, said },
        _ => {}
    }
    match true_status(status, &parsed) {
        401 => credential(said),
        403 => E::Denied { said },
        413 | 414 => E::TooLarge { said },
        429 => E::RateLimited {
            after: retry_after(headers),
        },
        status @ (408 | 500..) => E::Unavailable { status, said },
        status => E::Unexpected { status, said },
    }
}

fn is_passing(code: &str) -> bool {
    let is_sqlstate = code.len() == 5 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    is_sqlstate && ["08", "40", "53", "57", "55"].contains(&&code[..2])
}

fn credential(said: String) -> SupabaseError {
    let hint = if said.contains("API key") {
        "check SUPABASE_KEY: it has to be a key of this very project"
    } else {
        "sign in again with `codemate-preview supabase login`, or renew the token"
    };
    SupabaseError::Credential {
        said,
        hint: hint.to_owned(),
    }
}

/// Storage answers 400 whatever it means, and says what it means in the body.
fn true_status(status: u16, body: &ErrorBody) -> u16 {
    let inner = body.status_code.as_ref().map(text_of);
    match inner.and_then(|text| text.parse().ok()) {
        Some(inner) if status == 400 && (400..600).contains(&inner) => inner,
        _ => status,
    }
}

fn said(parsed: &ErrorBody, code: &str, body: &[u8]) -> String {
    let error = parsed.error.as_ref().map(text_of);
    let words = parsed.message.clone().or_else(|| parsed.msg.clone());
    let text = match words.or(error) {
        Some(words) if code.is_empty() => words,
        Some(words) => format!("{code}: {words}"),
        None if code.is_empty() => String::from_utf8_lossy(body).into_owned(),
        None => code.to_owned(),
    };
    plain(&text)
}

/// One line, not too long.
pub fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_control() || c == ' ').collect();
    let words = words.into_iter().filter(|word| !word.is_empty());
    let mut line = words.collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MOST_SAID) {
        line.truncate(end);
        line.push('…');
    }
    if line.is_empty() {
        line.push_str("it said nothing");
    }
    line
}

fn text_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as recorded from PostgREST 12, its successors' documentation, or Storage.
    const RECORDED: &[(u16, &str, &str)] = &[
        (
            401,
            r#"{"code":"PGRST301","message":"JWT expired"}"#,
            "Credential",
        ),
        (
            401,
            r#"{"code":"PGRST303","message":"JWT expired"}"#,
            "Credential",
        ),
        (401, r#"{"message":"Invalid API key"}"#, "Credential"),
        (
            401,
            r#"{"code":"42501","message":"permission denied"}"#,
            "Denied",
        ),
        (
            403,
            r#"{"code":"42501","message":"permission denied"}"#,
            "Denied",
        ),
        (404, r#"{"code":"42P01","message":"relation"}"#, "NoTable"),
        (
            404,
            r#"{"code":"PGRST205","message":"Could not find"}"#,
            "NoTable",
        ),
        (400, r#"{"code":"42703","message":"column"}"#, "NoColumn"),
        (400, r#"{"code":"PGRST204","message":"column"}"#, "NoColumn"),
        (
            400,
            r#"{"code":"22P02","message":"invalid input"}"#,
            "BadValue",
        ),
        (
            500,
            r#"{"code":"57014","message":"canceling"}"#,
            "QueryTimeout",
        ),
        (
            503,
            r#"{"code":"PGRST001","message":"no connection"}"#,
            "Unavailable",
        ),
        (
            504,
            r#"{"code":"PGRST003","message":"pool"}"#,
            "Unavailable",
        ),
        (
            500,
            r#"{"code":"57P01","message":"terminating"}"#,
            "Unavailable",
        ),
        (
            503,
            r#"{"code":"53300","message":"too many"}"#,
            "Unavailable",
        ),
        (
            400,
            r#"{"statusCode":"404","error":"not_found"}"#,
            "Unexpected",
        ),
        (
            400,
            r#"{"statusCode":403,"error":"Unauthorized"}"#,
            "Denied",
        ),
        (413, "Payload Too Large", "TooLarge"),
        (429, "", "RateLimited"),
        (502, "<html>", "Unavailable"),
        (418, "teapot", "Unexpected"),
    ];

    #[test]
    fn both_generations_of_codes_mean_the_same() {
        for (status, body, expected) in RECORDED {
            let error = refusal(*status, &HeaderMap::new(), body.as_bytes(), "t");
            let text = format!("{error:?}");
            let kind = text.split([' ', '{']).next();
            assert_eq!(kind, Some(*expected), "{status} {body}");
        }
    }

    #[test]
    fn a_server_cannot_forge_lines() {
        assert_eq!(plain("a\n\u{1b}[31m  b"), "a [31m b");
        assert_eq!(plain(&"x".repeat(400)).chars().count(), MOST_SAID + 1);
        assert_eq!(plain(" \n"), "it said nothing");
    }
}
