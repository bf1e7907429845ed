//! What the gateway says itself, where there is no app to say it: a page for browsers, a
//! [`Problem`] for everything else.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::model::{Code, Problem};

use super::body::ReplyBody;
use crate::gateway::{
    access::csrf::CsrfRefusal,
    routing::routes::{RouteEntry, Target},
};

const TEMPLATE: &str = include_str!("error_page.html");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors *";

pub(super) const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// One answer of the gateway's own.
pub(in crate::gateway) struct ErrorPage {
    status: StatusCode,
    problem: Box<Problem>,
    kind: PageKind,
    /// Names and states of instances, each name a link.
    links: Box<[(String, String, &'static str)]>,
    /// Nothing that follows on the visitor's connection is read.
    closes: bool,
    /// A hint for people at this machine alone.
    pub(super) local_hint: Option<Box<str>>,
    /// What is said besides.
    extra: Box<[(HeaderName, HeaderValue)]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum PageKind {
    /// The state changes by itself, so the page asks again.
    Waiting,
    Neutral,
    Error,
}

impl ErrorPage {
    pub(in crate::gateway) fn new(status: StatusCode, kind: PageKind, problem: Problem) -> Self {
        Self {
            status,
            problem: Box::new(problem),
            kind,
            links: Box::default(),
            closes: false,
            local_hint: None,
            extra: Box::default(),
        }
    }

    /// A message no well-behaved client sends. Where it ends is anyone's guess.
    pub(in crate::gateway) fn refused(status: StatusCode, why: impl Into<String>) -> Self {
        let page = Self::new(status, PageKind::Error, Problem::new(Code::Usage, why));
        Self {
            closes: true,
            ..page
        }
    }

    /// Says nothing about what else there is, for the name may be anyone's.
    pub(in crate::gateway) fn no_such_preview() -> Self {
        let problem = Problem::new(Code::NotFound, "there is no preview at this address")
            .hint("it may have been taken down or renamed")
            .next(
                &["codemate-preview", "ls"],
                "lists the previews of this machine",
            );
        Self::new(StatusCode::NOT_FOUND, PageKind::Neutral, problem)
    }

    /// A path that `public_deny` has.
    pub(in crate::gateway) fn private() -> Self {
        let problem = Problem::new(
            Code::Policy,
            "the owner of this preview keeps this path private",
        )
        .hint("it can be seen only on the machine where the preview runs");
        Self::new(StatusCode::FORBIDDEN, PageKind::Neutral, problem)
    }

    /// Says nothing about what there would be to see.
    pub(in crate::gateway) fn unauthorized() -> Self {
        let problem = Problem::new(Code::Credential, "this preview is private").hint(
            "open the whole link you were given; it may have ended, and its owner can make another",
        );
        let page = Self::new(StatusCode::UNAUTHORIZED, PageKind::Neutral, problem);
        // HTTP asks for a scheme. No browser knows this one, so none asks for a password.
        page.with(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Preview-Link"),
        )
        .with(X_ROBOTS_TAG, HeaderValue::from_static("noindex"))
    }

    pub(in crate::gateway) fn too_many_wrong_links() -> Self {
        let later = HeaderValue::from_static("60");
        let mut page = Self::unauthorized().with(header::RETRY_AFTER, later);
        page.status = StatusCode::TOO_MANY_REQUESTS;
        page.closes = true;
        page
    }

    /// A page of another site asks in the name of a visitor of this one.
    pub(in crate::gateway) fn cross_origin() -> Self {
        let problem = Problem::new(Code::Policy, "this request comes from another site's page");
        Self::new(StatusCode::FORBIDDEN, PageKind::Error, problem)
    }

    /// The same place without the secret in its URL.
    pub(in crate::gateway) fn redirect(location: HeaderValue, cookie: Option<HeaderValue>) -> Self {
        let problem = Problem::new(Code::Credential, "go on without the link's secret");
        let page = Self::new(StatusCode::SEE_OTHER, PageKind::Neutral, problem);
        let page = page
            .with(X_ROBOTS_TAG, HeaderValue::from_static("noindex"))
            .with(header::LOCATION, location);
        match cookie {
            Some(cookie) => page.with(header::SET_COOKIE, cookie),
            None => page,
        }
    }

    fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        let mut extra = self.extra.into_vec();
        extra.push((name, value));
        Self {
            extra: extra.into(),
            ..self
        }
    }

    /// What visitors from outside get in place of a cause, which may quote what the app printed.
    pub(super) fn failed_for_public() -> Self {
        let problem = Problem::new(Code::NotFound, "this preview is out of order")
            .hint("its owner can see why")
            .retryable();
        Self::new(StatusCode::SERVICE_UNAVAILABLE, PageKind::Error, problem)
    }

    /// What visitors from outside get in place of the command that wakes it.
    pub(super) fn asleep_for_public() -> Self {
        let problem = Problem::new(Code::NotFound, "this preview is asleep")
            .hint("its owner can bring it back")
            .retryable();
        Self::new(StatusCode::SERVICE_UNAVAILABLE, PageKind::Neutral, problem)
    }

    /// The same for a visitor from outside, who can run no command here.
    pub(super) fn for_public(mut self) -> Self {
        self.problem.next.clear();
        self.local_hint = None;
        self
    }

    /// For a person on this machine who asked for no preview in particular.
    pub(super) fn index(entries: &[std::sync::Arc<RouteEntry>], port: u16) -> Self {
        let problem = if entries.is_empty() {
            Problem::new(Code::NotFound, "no preview is running")
                .hint("start one in a project's directory")
                .next(&["codemate-preview", "up"], "starts a preview")
        } else {
            Problem::new(Code::NotFound, "previews on this machine")
                .hint("each one has an address of its own")
        };
        let mut page = Self::new(StatusCode::NOT_FOUND, PageKind::Neutral, problem);
        page.links = entries
            .iter()
            .map(|entry| {
                let url = format!("http://{}.localhost:{port}/", entry.name);
                (entry.name.to_string(), url, state(&entry.route.target))
            })
            .collect();
        page
    }

    pub(super) fn starting(name: &str, detail: &str) -> Self {
        let mut problem = Problem::new(Code::NotFound, format!("{name} is starting")).retryable();
        if !detail.is_empty() {
            problem = problem.hint(detail);
        }
        Self::new(StatusCode::SERVICE_UNAVAILABLE, PageKind::Waiting, problem)
    }

    pub(super) fn failed(problem: &Problem) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            PageKind::Error,
            problem.clone(),
        )
    }

    pub(super) fn asleep(name: &str) -> Self {
        let problem = Problem::new(Code::NotFound, format!("{name} is asleep"))
            .hint("run this in its project's directory to bring it back")
            .next(&["codemate-preview", "up"], "wakes the preview")
            .retryable();
        Self::new(StatusCode::SERVICE_UNAVAILABLE, PageKind::Neutral, problem)
    }

    pub(super) fn not_listening(name: &str, port: u16) -> Self {
        let problem = Problem::new(
            Code::AppExited,
            format!("the app is not listening on port {port}"),
        )
        .hint("it may be restarting, or have stopped; its log says which")
        .next(
            &["codemate-preview", "logs", name],
            "shows what the app printed",
        )
        .retryable();
        Self::new(StatusCode::BAD_GATEWAY, PageKind::Error, problem)
    }

    pub(super) fn broken(status: StatusCode, name: &str, what: &str) -> Self {
        let problem = Problem::new(Code::AppExited, what)
            .next(
                &["codemate-preview", "logs", name],
                "shows what the app printed",
            )
            .retryable();
        Self::new(status, PageKind::Error, problem)
    }

    /// To whoever opened a page of another site that reaches for this one.
    pub(super) fn cross_site(why: CsrfRefusal, name: &str) -> Self {
        let problem = Problem::new(Code::Policy, why.to_string()).hint(format!(
            "only {name}'s own pages may do that here. A front end elsewhere on this machine may send \
             JSON to it if {name}'s CORS rules agree; a sign-in that returns by a form can be tried at \
             the public URL",
        ));
        Self::new(StatusCode::FORBIDDEN, PageKind::Error, problem)
    }

    /// The answer, in the form the visitor reads.
    pub(in crate::gateway) fn answer(mut self, request_headers: &HeaderMap) -> Response<ReplyBody> {
        if let Some(hint) = self.local_hint.take() {
            *self.problem = self.problem.hint(hint);
        }
        let (kind, text) = if accepts_html(request_headers) {
            ("text/html; charset=utf-8", self.html())
        } else {
            let json = serde_json::to_string(&self.problem).unwrap_or_default();
            ("application/json", json + "\n")
        };
        let mut response = Response::new(ReplyBody::page(text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let fixed = [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-store"),
            (header::VARY, "Accept"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in &self.extra {
            headers.insert(name, value.clone());
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.kind == PageKind::Waiting {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }

    fn html(&self) -> String {
        let waiting = self.kind == PageKind::Waiting;
        let colour = match self.kind {
            PageKind::Waiting => "#d99a1c",
            PageKind::Neutral => "#8a8f98",
            PageKind::Error => "#d5483f",
        };
        // Filled from the last to the first, so that no text can hold a mark that is still to come.
        TEMPLATE
            .replace("{{colour}}", colour)
            .replace("{{busy}}", if waiting { " busy" } else { "" })
            .replace(
                "{{refresh}}",
                if waiting {
                    "\n<meta http-equiv=\"refresh\" content=\"1\">"
                } else {
                    ""
                },
            )
            .replace("{{status}}", &escape(&self.status.to_string()))
            .replace("{{title}}", &self.title())
            .replace("{{body}}", &self.body())
    }

    /// The message's first line; what follows are lines an app printed.
    fn title(&self) -> String {
        let line = self.problem.message.lines().next().unwrap_or_default();
        let mut letters = line.chars();
        let first = letters
            .next()
            .map(|c| c.to_uppercase().to_string())
            .unwrap_or_default();
        escape(&(first + letters.as_str()))
    }

    fn body(&self) -> String {
        let mut body = String::new();
        let printed: Vec<&str> = self.problem.message.lines().skip(1).collect();
        if let Some(hint) = &self.problem.hint {
            let _ = writeln!(body, "<p class=\"hint\">{}</p>", escape(hint));
        }
        if !printed.is_empty() {
            let _ = writeln!(body, "<pre>{}</pre>", escape(&printed.join("\n")));
        }
        for step in &self.problem.next {
            let command = escape(&step.argv.join(" "));
            let _ = writeln!(body, "<pre title=\"{}\">{command}</pre>", escape(&step.why));
        }
        if !self.links.is_empty() {
            body.push_str("<ul>\n");
            for (name, url, state) in &self.links {
                let (name, url) = (escape(name), escape(url));
                let _ = writeln!(
                    body,
                    "<li><a href=\"{url}\">{name}</a><span>{state}</span></li>"
                );
            }
            body.push_str("</ul>\n");
        }
        body
    }
}

fn state(target: &Target) -> &'static str {
    match target {
        Target::Ready { .. } => "ready",
        Target::Starting { .. } => "starting",
        Target::Failed { .. } => "failed",
        Target::Asleep => "asleep",
    }
}

/// Whether the visitor names HTML, as browsers do for pages; `*/*` alone does not.
pub(in crate::gateway) fn accepts_html(request_headers: &HeaderMap) -> bool {
    request_headers.get_all(header::ACCEPT).iter().any(|value| {
        value.to_str().unwrap_or_default().split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            kind.eq_ignore_ascii_case("text/html") && !parts.any(|part| part == "q=0")
        })
    })
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // A brace begins a mark of the template.
            '{' => safe.push_str("&#123;"),
            '\n' | '\t' => safe.push(c),
            c if c.is_control() => {}
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_an_app_printed_becomes_markup() {
        let problem = Problem::new(
            Code::AppExited,
            "{{body}}<b>\n<script>alert(1)</script>\u{1b}[31m",
        )
        .hint("\"><img src=x onerror=alert(1)>")
        .next(&["a", "<u>"], "'\"");
        let html = ErrorPage::failed(&problem).html();
        for bad in ["<script", "<img", "<b>", "<u>", "\u{1b}", "{{"] {
            assert!(!html.contains(bad), "{bad}");
        }
    }

    #[test]
    fn who_gets_html() {
        let asks = |accept: &'static str| {
            accepts_html(&HeaderMap::from_iter([(
                header::ACCEPT,
                HeaderValue::from_static(accept),
            )]))
        };
        assert!(asks("text/html,application/xhtml+xml,*/*;q=0.8"));
        assert!(!asks("*/*"));
        assert!(!asks("application/json"));
        assert!(!asks("text/html;q=0"));
        assert!(!accepts_html(&HeaderMap::new()));
    }

    #[test]
    fn a_waiting_page_asks_again_and_no_other_does() {
        assert!(
            ErrorPage::starting("shop", "installing")
                .html()
                .contains("http-equiv=\"refresh\"")
        );
        assert!(!ErrorPage::asleep("shop").html().contains("http-equiv"));
    }
}
