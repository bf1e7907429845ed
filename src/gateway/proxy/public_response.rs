//! Response headers that are removed, changed or added for visitors from outside.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::error_page::X_ROBOTS_TAG;
use crate::gateway::access::{
    link_token,
    policy::{AccessGrant, FrameAncestors},
};

/// What caches of a provider go by, before `Cache-Control`; see RFC 9213.
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// Of an answer that is passed on as it is otherwise.
pub(super) fn restrict(
    headers: &mut HeaderMap,
    grant: &AccessGrant,
    frame_ancestors: &FrameAncestors,
) {
    if headers.contains_key(header::SET_COOKIE) {
        link_token::keep_own_cookies(headers);
    }
    headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
    limit_frames(headers, frame_ancestors);
    if grant.private {
        keep_from_caches(headers);
    }
}

/// Browsers hold a page to every policy it comes with, so ours only ever narrows the app's. They
/// look at `X-Frame-Options` no more once a policy speaks of frames, so what that says is said
/// again, unless the user named sites that may.
fn limit_frames(headers: &mut HeaderMap, frame_ancestors: &FrameAncestors) {
    let denies = headers
        .get_all(header::X_FRAME_OPTIONS)
        .iter()
        .any(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"deny"));
    let policy = if denies && !frame_ancestors.others {
        HeaderValue::from_static("frame-ancestors 'none'")
    } else {
        frame_ancestors.header.clone()
    };
    headers.append(header::CONTENT_SECURITY_POLICY, policy);
}

/// A tunnel's provider may cache, and hand what one visitor was let in for to anyone.
fn keep_from_caches(headers: &mut HeaderMap) {
    let directives: Vec<String> = headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|part| part.trim().to_owned())
        .collect();
    let name = |part: &str| {
        part.split('=')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let shared =
        |part: &&String| matches!(name(part).as_str(), "" | "public" | "s-maxage" | "private");
    let mut retained: Vec<&str> = directives
        .iter()
        .filter(|part| !shared(part))
        .map(String::as_str)
        .collect();
    retained.insert(0, "private");
    if let Ok(value) = HeaderValue::from_str(&retained.join(", ")) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    let ours = HeaderValue::from_static("no-store");
    headers.insert(CDN_CACHE_CONTROL, ours);
    headers.remove("surrogate-control");
    headers.remove("cloudflare-cdn-cache-control");
}
