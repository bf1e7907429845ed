//! Authorizing a request from outside, or answering it with a page that says why not.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    link_token::{self, CookieOptions, LinkCredentials},
    policy::{AccessGrant, LiveGrant},
};
use crate::gateway::{
    proxy::error_page::{self, ErrorPage},
    routing::virtual_hosts::HostMatch,
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Wrong links that are answered in a row, and how many a second after that. Right ones are never
/// counted: a link has 256 bits, so this is against noise and not against luck.
const BURST: f64 = 30.0;
const RATE: f64 = 0.5;

/// A token bucket: how many wrong links of a preview are answered.
pub(in crate::gateway) struct BadLinkAttempts(Mutex<(f64, Instant)>);

impl Default for BadLinkAttempts {
    fn default() -> Self {
        Self(Mutex::new((BURST, Instant::now())))
    }
}

impl BadLinkAttempts {
    /// Count one. Says whether there have been too many.
    fn count(&self) -> bool {
        let mut state = self.0.lock();
        let now = Instant::now();
        let refilled = state.0 + now.duration_since(state.1).as_secs_f64() * RATE;
        let remaining = refilled.min(BURST) - 1.0;
        *state = (remaining.max(0.0), now);
        remaining < 0.0
    }
}

/// The credential by which a request is let in. A browser sends a cookie without being asked by its
/// user, so only requests with a cookie need the check against cross-site requests.
enum CredentialKind {
    Link,
    Cookie,
    Public,
}

/// Authorize a request, and take its credentials out of it.
pub(in crate::gateway) fn authorize(
    host_match: &HostMatch,
    parts: &mut Parts,
) -> Result<AccessGrant, ErrorPage> {
    let policy = &host_match.route.policy;
    let secure = host_match.public_origin.is_secure();
    let now = Timestamp::now();
    let credentials = LinkCredentials::extract(parts, policy.cookie_name(secure));
    let everyone = policy.everyone(now);
    let private = everyone.is_none();
    let by_link = credentials
        .links
        .iter()
        .find_map(|token| Some((token, policy.by_link(token, now)?)));
    let by_cookie = credentials
        .cookies
        .iter()
        .find_map(|cookie| policy.by_cookie(cookie, now));
    let cookie = by_link.as_ref().and_then(|(token, live_grant)| {
        let cookie_options =
            cookie_options(live_grant, parts, secure, policy.frame_ancestors.others);
        link_token::cookie(token, &policy.instance, &cookie_options, now)
    });
    let (by, revoked) = match (by_link, by_cookie, everyone) {
        (Some((_, live_grant)), ..) => (CredentialKind::Link, live_grant.revoked),
        // Who needs no cookie is not bound to one either.
        (None, Some(live_grant), None) => (CredentialKind::Cookie, live_grant.revoked),
        (None, Some(live_grant), Some(_)) => (CredentialKind::Public, live_grant.revoked),
        (None, None, Some(revoked)) => (CredentialKind::Public, revoked),
        (None, None, None) => {
            let too_many = !credentials.links.is_empty() && host_match.route.bad_links.count();
            return Err(if too_many {
                ErrorPage::too_many_wrong_links()
            } else {
                ErrorPage::unauthorized()
            });
        }
    };
    if credentials.in_url && is_navigation(parts) {
        return Err(ErrorPage::redirect(
            link_token::path_only(&parts.uri),
            cookie,
        ));
    }
    if is_cross_origin(host_match, parts, &by) {
        return Err(ErrorPage::cross_origin());
    }
    Ok(AccessGrant { revoked, private })
}

fn cookie_options(
    live_grant: &LiveGrant,
    parts: &Parts,
    secure: bool,
    others: bool,
) -> CookieOptions {
    let framed = header_is(&parts.headers, &SEC_FETCH_DEST, "iframe");
    CookieOptions {
        secure,
        framed: others && framed,
        expires: live_grant.expires,
    }
}

/// Whether somebody opens a page, as browsers say it. Over plain HTTP they say it by what they
/// accept alone.
fn is_navigation(parts: &Parts) -> bool {
    if !matches!(parts.method, Method::GET | Method::HEAD) || is_upgrade(parts) {
        return false;
    }
    match parts.headers.get(SEC_FETCH_MODE) {
        Some(mode) => mode == "navigate",
        None => error_page::accepts_html(&parts.headers),
    }
}

fn is_upgrade(parts: &Parts) -> bool {
    parts.headers.contains_key(header::UPGRADE)
}

/// Whether another site's page asks, where that matters: a browser lets any page open a WebSocket
/// anywhere, and lets pages of sibling hosts post with this one's cookie.
fn is_cross_origin(host_match: &HostMatch, parts: &Parts, by: &CredentialKind) -> bool {
    let headers = &parts.headers;
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next();
    if origins.next().is_some() {
        return true;
    }
    if is_upgrade(parts) {
        return match origin {
            Some(origin) => !host_match.is_own(origin),
            // Browsers always name one; who has a cookie is a browser.
            None => matches!(by, CredentialKind::Cookie) || headers.contains_key(SEC_FETCH_SITE),
        };
    }
    let safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || !matches!(by, CredentialKind::Cookie) {
        return false;
    }
    match headers.get(SEC_FETCH_SITE) {
        Some(site) => !matches!(site.as_bytes(), b"same-origin" | b"none"),
        None => origin.is_some_and(|origin| !host_match.is_own(origin)),
    }
}

fn header_is(headers: &HeaderMap, name: &HeaderName, what: &str) -> bool {
    headers
        .get(name)
        .is_some_and(|value: &HeaderValue| value == what)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wrong_links_are_answered_at_a_rate() {
        let attempts = BadLinkAttempts::default();
        let refused = |many| (0..many).filter(|_| attempts.count()).count();
        assert_eq!(refused(30), 0);
        assert_eq!(refused(5), 5);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(refused(5), 3, "two in four seconds");
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(refused(40), 10, "and no more than that in store");
    }
}
