//! The origin's headers, as an agent wraps them for the edge: `name:value;…`, each in Base64
//! without padding, in one header of the agent's own.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The origin's headers.
const WRAPPED: &str = "cf-cloudflared-response-headers";
/// Who answers: the origin, or the agent for it.
const META: &str = "cf-cloudflared-response-meta";
/// What a visitor's client is told of `META`.
const SOURCE: &str = "x-edge-source";

/// Those of one connection, which go no further.
pub fn is_of_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "upgrade" | "keep-alive" | "transfer-encoding" | "host"
    )
}

/// What a visitor gets of an agent's answer; `None` if it is not to be understood.
pub fn unwrap(of_agent: &HeaderMap) -> Option<HeaderMap> {
    let mut found = HeaderMap::new();
    if let Some(wrapped) = of_agent.get(WRAPPED) {
        for pair in wrapped
            .to_str()
            .ok()?
            .split(';')
            .filter(|it| !it.is_empty())
        {
            let (name, value) = pair.split_once(':')?;
            let name = HeaderName::from_bytes(&BASE64.decode(name).ok()?).ok()?;
            let value = HeaderValue::from_bytes(&BASE64.decode(value).ok()?).ok()?;
            if !is_of_connection(&name) {
                found.append(name, value);
            }
        }
    }
    found.insert(SOURCE, of_agent.get(META)?.clone());
    Some(found)
}
