//! Whether a request from outside may come in, and what its sender hears if not.

use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    gate::{Held, Pass},
    lobby::Visit,
    page::{self, Page},
    ticket::{self, Delivery, Tickets},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Wrong links that are answered in a row, and how many a second after that. Right ones are never
/// counted: a link has 256 bits, so this is against noise and not against luck.
const BURST: f64 = 30.0;
const RATE: f64 = 0.5;

/// How many wrong links are answered at one entrance of an instance.
pub(super) struct Wrong(Mutex<(f64, Instant)>);

impl Default for Wrong {
    fn default() -> Self {
        Self(Mutex::new((BURST, Instant::now())))
    }
}

impl Wrong {
    /// Count one. Says whether there have been too many.
    fn count(&self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let refilled = state.0 + now.duration_since(state.1).as_secs_f64() * RATE;
        let left = refilled.min(BURST) - 1.0;
        *state = (left.max(0.0), now);
        left < 0.0
    }
}

/// What lets a visitor in. Only a cookie is sent by a browser that was not asked by its user.
enum By {
    Link,
    Cookie,
    Nothing,
}

/// Let a request in, with what it showed taken out of it.
pub(super) fn admit(visit: &Visit, parts: &mut Parts) -> Result<Pass, Page> {
    let gate = &visit.hosted.gate;
    let secure = visit.shown.is_secure();
    let now = Timestamp::now();
    let tickets = Tickets::take(parts, gate.cookie_name(secure));
    let everyone = gate.everyone(now);
    let private = everyone.is_none();
    let linked = tickets
        .links
        .iter()
        .find_map(|token| Some((token, gate.by_link(token, now)?)));
    let carried = tickets
        .cookies
        .iter()
        .find_map(|cookie| gate.by_cookie(cookie, now));
    let cookie = linked.as_ref().and_then(|(token, held)| {
        let delivery = delivery(held, parts, secure, gate.frames.others);
        ticket::cookie(token, &gate.instance, &delivery, now)
    });
    let (by, ends) = match (linked, carried, everyone) {
        (Some((_, held)), ..) => (By::Link, held.ends),
        // Who needs no cookie is not bound to one either.
        (None, Some(held), None) => (By::Cookie, held.ends),
        (None, Some(held), Some(_)) => (By::Nothing, held.ends),
        (None, None, Some(ends)) => (By::Nothing, ends),
        (None, None, None) => {
            let too_many = !tickets.links.is_empty() && visit.hosted.wrong.count();
            return Err(if too_many {
                Page::too_many_wrong_links()
            } else {
                Page::locked()
            });
        }
    };
    if tickets.in_url && is_navigation(parts) {
        return Err(Page::moved(ticket::path_alone(&parts.uri), cookie));
    }
    if is_foreign(visit, parts, &by) {
        return Err(Page::foreign());
    }
    Ok(Pass { ends, private })
}

fn delivery(held: &Held, parts: &Parts, secure: bool, others: bool) -> Delivery {
    let framed = says(&parts.headers, &SEC_FETCH_DEST, "iframe");
    Delivery {
        secure,
        framed: others && framed,
        expires: held.expires,
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
        None => page::reads_html(&parts.headers),
    }
}

fn is_upgrade(parts: &Parts) -> bool {
    parts.headers.contains_key(header::UPGRADE)
}

/// Whether another site's page asks, where that matters: a browser lets any page open a WebSocket
/// anywhere, and lets pages of sibling hosts post with this one's cookie.
fn is_foreign(visit: &Visit, parts: &Parts, by: &By) -> bool {
    let headers = &parts.headers;
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next();
    if origins.next().is_some() {
        return true;
    }
    if is_upgrade(parts) {
        return match origin {
            Some(origin) => !visit.is_own(origin),
            // Browsers always name one; who has a cookie is a browser.
            None => matches!(by, By::Cookie) || headers.contains_key(SEC_FETCH_SITE),
        };
    }
    let safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || !matches!(by, By::Cookie) {
        return false;
    }
    match headers.get(SEC_FETCH_SITE) {
        Some(site) => !matches!(site.as_bytes(), b"same-origin" | b"none"),
        None => origin.is_some_and(|origin| !visit.is_own(origin)),
    }
}

fn says(headers: &HeaderMap, name: &HeaderName, what: &str) -> bool {
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
        let wrong = Wrong::default();
        let refused = |many| (0..many).filter(|_| wrong.count()).count();
        assert_eq!(refused(30), 0);
        assert_eq!(refused(5), 5);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(refused(5), 3, "two in four seconds");
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(refused(40), 10, "and no more than that in store");
    }
}
