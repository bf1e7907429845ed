//! What the gateway says in place of a port that was asked for by its number.

use http::StatusCode;

use crate::model::{Code, OpenPort, PortKind, Problem};

use super::error_page::{ErrorPage, PageKind};

impl ErrorPage {
    /// A port that was not asked to be public, or that is nobody's to visit.
    pub(super) fn private_port() -> Self {
        let problem = Problem::new(
            Code::Policy,
            "the owner of this preview keeps this port private",
        )
        .hint("its owner can open it to visitors");
        Self::new(StatusCode::FORBIDDEN, PageKind::Neutral, problem)
    }

    /// To people at this machine.
    pub(super) fn debugger(name: &str, port: u16) -> Self {
        let what = format!("port {port} of {name} is a debugger's, and no page is let there");
        let problem = Problem::new(Code::Policy, what)
            .hint("whoever reaches a debugger can run what they like in the preview");
        Self::new(StatusCode::FORBIDDEN, PageKind::Neutral, problem)
    }

    pub(super) fn no_http(name: &str, port: u16) -> Self {
        let what = format!("what listens on port {port} of {name} speaks no HTTP");
        let problem = Problem::new(Code::NotFound, what)
            .hint("only what a browser can show is reached from here");
        Self::new(StatusCode::BAD_GATEWAY, PageKind::Neutral, problem)
    }

    pub(super) fn closed_port(name: &str, port: u16, open: &[OpenPort]) -> Self {
        let open: Vec<String> = open
            .iter()
            .filter(|it| it.kind != Some(PortKind::Debugger))
            .map(|it| it.port.to_string())
            .collect();
        let hint = match open.as_slice() {
            [] => "nothing else listens either".to_owned(),
            [one] => format!("port {one} is listened on"),
            many => format!("these ports are listened on: {}", many.join(", ")),
        };
        let what = format!("nothing listens on port {port} of {name}");
        let problem = Problem::new(Code::NotFound, what)
            .next(
                &["codemate-preview", "logs", name],
                "shows what the app printed",
            )
            .retryable();
        let mut page = Self::new(StatusCode::BAD_GATEWAY, PageKind::Neutral, problem);
        page.local_hint = Some(hint.into());
        page
    }
}
