//! What the gateway says itself, where there is no app to say it: a page for browsers, a
//! [`Problem`] for everything else.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::model::{Code, Problem};

use super::{
    body::Reply,
    cross_site::CrossSite,
    route::{Entry, Target},
};

const TEMPLATE: &str = include_str!("page.html");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors *";

pub(super) const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// One answer of the gateway's own.
pub(super) struct Page {
    status: StatusCode,
    problem: Box<Problem>,
    mood: Mood,
    /// Names and states of instances, each name a link.
    links: Box<[(String, String, &'static str)]>,
    /// Nothing that follows on the visitor's connection is read.
    final_word: bool,
    /// A hint for people at this machine alone.
    pub(super) at_home: Option<Box<str>>,
    /// What is said besides.
    extra: Box<[(HeaderName, HeaderValue)]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// Will change by itself; the page asks again.
    Waiting,
    Resting,
    Broken,
}

impl Page {
    pub(super) fn new(status: StatusCode, mood: Mood, problem: Problem) -> Self {
        Self {
            status,
            problem: Box::new(problem),
            mood,
            links: Box::default(),
            final_word: false,
            at_home: None,
            extra: Box::default(),
        }
    }

    /// A message no well-behaved client sends. Where it ends is anyone's guess.
    pub(super) fn refused(status: StatusCode, why: impl Into<String>) -> Self {
        let page = Self::new(status, Mood::Broken, Problem::new(Code::Usage, why));
        Self {
            final_word: true,
            ..page
        }
    }

    /// Says nothing about what else there is, for the name may be anyone's.
    pub(super) fn no_such_preview() -> Self {
        let problem = Problem::new(Code::NotFound, "there is no preview at this address")
            .hint("it may have been taken down or renamed")
            .next(
                &["codemate-preview", "ls"],
                "lists the previews of this machine",
            );
        Self::new(StatusCode::NOT_FOUND, Mood::Resting, problem)
    }

    /// A path that `public_deny` has.
    pub(super) fn private() -> Self {
        let problem = Problem::new(
            Code::Policy,
            "the owner of this preview keeps this path private",
        )
        .hint("it can be seen only on the machine where the preview runs");
        Self::new(StatusCode::FORBIDDEN, Mood::Resting, problem)
    }

    /// Says nothing about what there would be to see.
    pub(super) fn locked() -> Self {
        let problem = Problem::new(Code::Credential, "this preview is private").hint(
            "open the whole link you were given; it may have ended, and its owner can make another",
        );
        let page = Self::new(StatusCode::UNAUTHORIZED, Mood::Resting, problem);
        // HTTP asks for a scheme. No browser knows this one, so none asks for a password.
        page.with(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Preview-Link"),
        )
        .with(X_ROBOTS_TAG, HeaderValue::from_static("noindex"))
    }

    pub(super) fn too_many_wrong_links() -> Self {
        let later = HeaderValue::from_static("60");
        let mut page = Self::locked().with(header::RETRY_AFTER, later);
        page.status = StatusCode::TOO_MANY_REQUESTS;
        page.final_word = true;
        page
    }

    /// A page of another site asks in the name of a visitor of this one.
    pub(super) fn foreign() -> Self {
        let problem = Problem::new(Code::Policy, "this request comes from another site's page");
        Self::new(StatusCode::FORBIDDEN, Mood::Broken, problem)
    }

    /// The same place without the secret in its URL.
    pub(super) fn moved(place: HeaderValue, cookie: Option<HeaderValue>) -> Self {
        let problem = Problem::new(Code::Credential, "go on without the link's secret");
        let page = Self::new(StatusCode::SEE_OTHER, Mood::Resting, problem);
        let page = page
            .with(X_ROBOTS_TAG, HeaderValue::from_static("noindex"))
            .with(header::LOCATION, place);
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

    /// What strangers get in place of a cause: it may quote what the app printed.
    pub(super) fn out_of_order() -> Self {
        let problem = Problem::new(Code::NotFound, "this preview is out of order")
            .hint("its owner can see why")
            .retryable();
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Mood::Broken, problem)
    }

    /// What strangers get in place of how to wake it.
    pub(super) fn resting() -> Self {
        let problem = Problem::new(Code::NotFound, "this preview is asleep")
            .hint("its owner can bring it back")
            .retryable();
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Mood::Resting, problem)
    }

    /// The same for a stranger, who can run no command here.
    pub(super) fn abroad(mut self) -> Self {
        self.problem.next.clear();
        self.at_home = None;
        self
    }

    /// For a person on this machine who asked for no preview in particular.
    pub(super) fn index(entries: &[std::sync::Arc<Entry>], port: u16) -> Self {
        let problem = if entries.is_empty() {
            Problem::new(Code::NotFound, "no preview is running")
                .hint("start one in a project's directory")
                .next(&["codemate-preview", "up"], "starts a preview")
        } else {
            Problem::new(Code::NotFound, "previews on this machine")
                .hint("each one has an address of its own")
        };
        let mut page = Self::new(StatusCode::NOT_FOUND, Mood::Resting, problem);
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
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Mood::Waiting, problem)
    }

    pub(super) fn failed(problem: &Problem) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Mood::Broken,
            problem.clone(),
        )
    }

    pub(super) fn asleep(name: &str) -> Self {
        let problem = Problem::new(Code::NotFound, format!("{name} is asleep"))
            .hint("run this in its project's directory to bring it back")
            .next(&["codemate-preview", "up"], "wakes the preview")
            .retryable();
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Mood::Resting, problem)
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
        Self::new(StatusCode::BAD_GATEWAY, Mood::Broken, problem)
    }

    pub(super) fn broken(status: StatusCode, name: &str, what: &str) -> Self {
        let problem = Problem::new(Code::AppExited, what)
            .next(
                &["codemate-preview", "logs", name],
                "shows what the app printed",
            )
            .retryable();
        Self::new(status, Mood::Broken, problem)
    }

    /// To whoever opened a page of another site that reaches for this one.
    pub(super) fn cross_site(why: CrossSite, name: &str) -> Self {
        let problem = Problem::new(Code::Policy, why.to_string()).hint(format!(
            "only {name}'s own pages may do that here. A front end elsewhere on this machine may send \
             JSON to it if {name}'s CORS rules agree; a sign-in that returns by a form can be tried at \
             the public URL",
        ));
        Self::new(StatusCode::FORBIDDEN, Mood::Broken, problem)
    }

    /// The answer, in the form the visitor reads.
    pub(super) fn answer(mut self, asked: &HeaderMap) -> Response<Reply> {
        if let Some(hint) = self.at_home.take() {
            *self.problem = self.problem.hint(hint);
        }
        let (kind, text) = if reads_html(asked) {
            ("text/html; charset=utf-8", self.html())
        } else {
            let json = serde_json::to_string(&self.problem).unwrap_or_default();
            ("application/json", json + "\n")
        };
        let mut response = Response::new(Reply::page(text));
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
        if self.final_word {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.mood == Mood::Waiting {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }

    fn html(&self) -> String {
        let waiting = self.mood == Mood::Waiting;
        let colour = match self.mood {
            Mood::Waiting => "#d99a1c",
            Mood::Resting => "#8a8f98",
            Mood::Broken => "#d5483f",
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
pub(super) fn reads_html(asked: &HeaderMap) -> bool {
    asked.get_all(header::ACCEPT).iter().any(|value| {
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
        let html = Page::failed(&problem).html();
        for bad in ["<script", "<img", "<b>", "<u>", "\u{1b}", "{{"] {
            assert!(!html.contains(bad), "{bad}");
        }
    }

    #[test]
    fn who_gets_html() {
        let asks = |accept: &'static str| {
            reads_html(&HeaderMap::from_iter([(
                header::ACCEPT,
                HeaderValue::from_static(accept),
            )]))
        };
        assert!(asks("text/html,application/xhtml+xml,*/*;q=0.8"));
        assert!(!asks("*/*"));
        assert!(!asks("application/json"));
        assert!(!asks("text/html;q=0"));
        assert!(!reads_html(&HeaderMap::new()));
    }

    #[test]
    fn a_waiting_page_asks_again_and_no_other_does() {
        assert!(
            Page::starting("shop", "installing")
                .html()
                .contains("http-equiv=\"refresh\"")
        );
        assert!(!Page::asleep("shop").html().contains("http-equiv"));
    }
}
