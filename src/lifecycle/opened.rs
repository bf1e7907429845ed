//! What follows from an app's answer: the way to it is opened, told, and moved when a better port
//! turns up.

use std::time::Duration;

use super::{
    explain::{self, During},
    hosts::Hosts,
    instance::{Instance, State},
    live::News,
    prober::{Prober, Told},
    share::ShareWish,
    step::Step,
};
use crate::model::{Answered, BuildProgress, Event, HostServed, Phase, PortKind, ProxyHost, Urls};

/// How whoever wants a failure of such an answer gets one.
const FAILS: &str = "`--ready-status 200-399` makes that a failure";

impl Instance {
    /// What requests from the gateway are for.
    pub(super) fn hosts(&self) -> Hosts {
        let name = &self.record.name;
        let plan = self.record.plan.as_ref();
        Hosts {
            proxy: plan.map_or(ProxyHost::Name, |plan| plan.proxy.clone()),
            is_fixed: plan.is_some_and(|plan| plan.host_is_fixed),
            outside: format!("{name}.localhost:{}", self.house.settings.gateway_port),
        }
    }

    /// The answer of its last start. A record from before answers were kept has the port alone.
    pub(super) fn last_answer(&self) -> Option<Answered> {
        let by_port = |port| Answered {
            port,
            status: 200,
            page: true,
            ..Answered::default()
        };
        let known = self.record.answered;
        known.or(match self.record.phase {
            Phase::Ready { port, .. } | Phase::Paused { port, .. } => Some(by_port(port)),
            _ => None,
        })
    }

    /// A restart answered.
    pub(super) async fn opened(&mut self, answered: Answered) {
        let hosts = self.hosts();
        let State::Live(live) = &mut self.state else {
            return;
        };
        let before = live.answered.replace(answered);
        live.is_open = true;
        let prober = live.prober(&self.masking, hosts);
        self.door.send_replace(live.door(answered));
        if before.map(|it| it.status) != Some(answered.status) {
            self.tell_how_it_answers(&prober, answered).await;
        }
        if (before != Some(answered) || !matches!(self.record.phase, Phase::Ready { .. }))
            && let Err(error) = self.announce(answered).await
        {
            tracing::warn!(instance = %self.record.id, %error, "not announced");
        }
        self.look_on(prober, answered);
        if let State::Live(live) = &self.state
            && !live.askers.is_empty()
        {
            let outcome = self.outcome(true, ShareWish::AsItIs).await;
            if let State::Live(live) = &mut self.state {
                live.answer(&outcome);
            }
        }
    }

    /// While the answer could be better, find out beside everything else whether one comes.
    pub(super) fn look_on(&self, prober: Prober, answered: Answered) {
        let State::Live(live) = &self.state else {
            return;
        };
        if answered.is_fine() && (answered.page || !prober.rules.several) {
            return;
        }
        let (news, round) = (live.news_in.clone(), live.round);
        live.scope.spawn(async move {
            if let Some(answered) = prober.until_better(answered).await {
                let _ = news.send(News::Better { round, answered }).await;
            }
        });
    }

    /// Visitors are led there from now on.
    pub(super) async fn found_better(&mut self, answered: Answered) {
        let State::Live(live) = &mut self.state else {
            return;
        };
        let Some(before) = live.answered.replace(answered) else {
            return;
        };
        self.door.send_replace(live.door(answered));
        let urls = match self.announce(answered).await {
            Ok(urls) => urls,
            Err(error) => {
                tracing::warn!(instance = %self.record.id, %error, "not announced");
                return;
            }
        };
        if before.port != answered.port {
            self.journal.tell(Event::Warning {
                message: format!(
                    "the preview shows port {} from now on, which answers with status {}; port {} \
                     answered with {}",
                    answered.port, answered.status, before.port, before.status
                ),
                hint: Some(format!("`--port {}` keeps to the other", before.port)),
            });
        }
        self.tell_ready(urls, Duration::ZERO);
    }

    pub(super) fn tell_ready(&self, urls: Urls, took: Duration) {
        let State::Live(live) = &self.state else {
            return;
        };
        self.journal.tell(Event::AppReady {
            urls,
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            port: live.answered.map(|it| it.port),
            status: live.answered.map(|it| it.status),
            ports: live.survey.open(),
        });
    }

    /// What of the answer, and of the way to it, its user should know.
    pub(super) async fn tell_how_it_answers(&self, prober: &Prober, answered: Answered) {
        let State::Live(live) = &self.state else {
            return;
        };
        let Answered { port, status, .. } = answered;
        let path = &prober.rules.path;
        if answered.host == HostServed::Neither {
            let host = prober.hosts.of_port(port);
            self.journal.tell(Event::Warning {
                message: format!("the app does not serve visitors of `{host}`, and says so"),
                hint: Some(
                    "`[proxy] host` in codemate-preview.toml names one that it serves".to_owned(),
                ),
            });
        } else if !answered.is_fine() {
            let lines = match status {
                500..=599 => self.lines_with(prober.last_lines().await).await,
                _ => Vec::new(),
            };
            let excerpt = explain::of_app(&lines)
                .iter()
                .fold(String::new(), |text, line| text + "\n  " + line);
            let explained = self.cause(lines, During::Answer).await;
            let what = explained
                .as_ref()
                .map_or(String::new(), |it| format!(": {}", it.what));
            self.journal.tell(Event::Warning {
                message: format!("the app answers `{path}` with status {status}{what}{excerpt}"),
                hint: Some(match (status, explained) {
                    (500..=599, Some(explained)) => format!("{}; {FAILS}", explained.hint_with_command()),
                    (_, Some(explained)) => explained.hint_with_command(),
                    (500..=599, None) => format!("its page or its log says why; {FAILS}"),
                    (_, None) => "visit a path that it has; `[ready] path` in codemate-preview.toml names one".to_owned(),
                }),
            });
        }
        let open = live.survey.open();
        let is_own =
            |kind: Option<PortKind>| !matches!(kind, Some(PortKind::Debugger | PortKind::Other));
        let others: Vec<String> = open
            .iter()
            .filter(|it| it.port != port && is_own(it.kind) && !prober.rules.port_is_fixed)
            .map(|it| it.port.to_string())
            .collect();
        if !others.is_empty() {
            self.journal.tell(Event::Warning {
                message: format!(
                    "the app listens on several ports: the preview shows {port}, and not {}",
                    others.join(", ")
                ),
                hint: Some("`--port` takes another".to_owned()),
            });
        }
        if open
            .iter()
            .any(|it| it.port == port && it.kind == Some(PortKind::Https))
        {
            self.journal.tell(Event::Warning {
                message: format!("port {port} speaks TLS alone; the preview speaks it with the app, and plain HTTP with visitors on this host"),
                hint: None,
            });
        }
        if live.survey.is_loopback(port) {
            self.journal.tell(Event::Warning {
                message: format!(
                    "the app listens on 127.0.0.1:{port} only; the preview relays to it"
                ),
                hint: Some(
                    "have it listen on 0.0.0.0 to be reachable without the relay".to_owned(),
                ),
            });
        }
    }
}

impl Step<'_> {
    /// What is worth telling of an app that starts.
    pub(super) fn tell_start(&self, told: Told) {
        match told {
            Told::Line(text) => self.progress(BuildProgress::Line { text }),
            Told::Misplaced(seen) => self.warn(Event::Warning {
                message: seen.to_string(),
                hint: Some(seen.remedy().to_owned()),
            }),
        }
    }
}
