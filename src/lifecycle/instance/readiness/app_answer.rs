//! What follows from an app's answer: the route to it is opened, reported, and moved when a better
//! port turns up.

use std::time::Duration;

use super::{
    host_header::HostHeaders,
    prober::{Prober, StartReport},
};
use crate::{
    lifecycle::{
        explain::{self, FailureStage},
        instance::{
            Instance, events::step::Step, live::LiveEvent, share::ShareRequest, state::StateEvent,
        },
    },
    model::{AppAnswer, BuildProgress, Event, Phase, PortKind, ProxyHost, ServedHost, Urls},
};

/// How whoever wants a failure of such an answer gets one.
const FAILS: &str = "`--ready-status 200-399` makes that a failure";

impl Instance {
    /// What requests from the gateway are for.
    pub(in crate::lifecycle) fn hosts(&self) -> HostHeaders {
        let name = &self.record.name;
        let plan = self.record.plan.as_ref();
        HostHeaders {
            proxy: plan.map_or(ProxyHost::Name, |plan| plan.proxy.clone()),
            is_fixed: plan.is_some_and(|plan| plan.host_is_fixed),
            outside: format!("{name}.localhost:{}", self.context.settings.gateway_port),
        }
    }

    /// The answer of its last start. A record from before answers were kept has the port alone.
    pub(in crate::lifecycle) fn last_answer(&self) -> Option<AppAnswer> {
        let by_port = |port| AppAnswer {
            port,
            status: 200,
            page: true,
            ..AppAnswer::default()
        };
        let known = self.record.answered;
        let listens = self.record.plan.as_ref().is_none_or(|it| it.run.listens);
        known.or(match self.record.phase {
            _ if !listens => None,
            Phase::Ready { port, .. } | Phase::Paused { port, .. } => Some(by_port(port)),
            _ => None,
        })
    }

    /// A restart answered, or stays up without a port.
    pub(in crate::lifecycle) async fn app_answered(&mut self, answer: Option<AppAnswer>) {
        let (hosts, before) = (self.hosts(), self.last_answer());
        let Some(live) = self.state.live() else {
            return;
        };
        let prober = live.prober(&self.masking, hosts);
        let port = self.port_of(answer);
        if let Err(error) = self.apply(StateEvent::Answered { port, answer }).await {
            tracing::warn!(instance = %self.record.id, %error, "not announced");
        }
        if before.map(|it| it.status) != answer.map(|it| it.status) {
            self.warn_about_answer(&prober, answer).await;
        }
        self.watch_for_better_port(prober, answer);
        if self
            .state
            .live()
            .is_some_and(|live| !live.waiters.is_empty())
        {
            let outcome = self.outcome(true, ShareRequest::AsItIs).await;
            if let Some(live) = self.state.live_mut() {
                live.complete_waiters(&outcome);
            }
        }
    }

    /// While the answer could be better, find out beside everything else whether one comes.
    pub(in crate::lifecycle) fn watch_for_better_port(
        &self,
        prober: Prober,
        answered: Option<AppAnswer>,
    ) {
        let (Some(live), Some(answered)) = (self.state.live(), answered) else {
            return;
        };
        if answered.is_fine() && (answered.page || !prober.rules.has_several()) {
            return;
        }
        let (event, round) = (live.events_tx.clone(), live.round);
        live.scope.spawn(async move {
            if let Some(answered) = prober.until_better(answered).await {
                let _ = event.send(LiveEvent::BetterPort { round, answered }).await;
            }
        });
    }

    /// Visitors are led there from now on.
    pub(in crate::lifecycle) async fn move_to_port(&mut self, answered: AppAnswer) {
        let Some(before) = self.last_answer() else {
            return;
        };
        let (port, answer) = (answered.port, Some(answered));
        if let Err(error) = self.apply(StateEvent::Answered { port, answer }).await {
            tracing::warn!(instance = %self.record.id, %error, "not announced");
            return;
        }
        if before.port != answered.port {
            self.journal.emit(Event::Warning {
                message: format!(
                    "the preview shows port {} from now on, which answers with status {}; port {} \
                     answered with {}",
                    answered.port, answered.status, before.port, before.status
                ),
                hint: Some(format!("`--port {}` keeps to the other", before.port)),
            });
        }
        self.emit_ready(self.urls(), Duration::ZERO);
    }

    pub(in crate::lifecycle) fn emit_ready(&self, urls: Urls, took: Duration) {
        let Some(live) = self.state.live() else {
            return;
        };
        self.journal.emit(Event::AppReady {
            urls,
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            port: self.record.answered.map(|it| it.port),
            status: self.record.answered.map(|it| it.status),
            ports: live.survey.open(),
        });
    }

    fn warn_no_port(&self) {
        let name = &self.record.name;
        self.journal.emit(Event::Warning {
            message: "the program runs and listens on no port, so it has no page".to_owned(),
            hint: Some(format!(
                "`codemate-preview logs {name} --follow` shows what it writes"
            )),
        });
    }

    /// What of the answer, and of the way to it, its user should know.
    pub(in crate::lifecycle) async fn warn_about_answer(
        &self,
        prober: &Prober,
        answered: Option<AppAnswer>,
    ) {
        let Some(live) = self.state.live() else {
            return;
        };
        let Some(answered) = answered else {
            self.warn_no_port();
            return;
        };
        let AppAnswer { port, status, .. } = answered;
        let path = &prober.rules.path;
        if answered.host == ServedHost::Neither {
            let host = prober.hosts.of_port(port);
            self.journal.emit(Event::Warning {
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
            let explained = self.cause(lines, FailureStage::Answer).await;
            let what = explained
                .as_ref()
                .map_or(String::new(), |it| format!(": {}", it.what));
            self.journal.emit(Event::Warning {
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
        let is_own = |kind| !matches!(kind, Some(PortKind::Debugger | PortKind::Other));
        let others: Vec<String> = open
            .iter()
            .filter(|it| it.port != port && is_own(it.kind) && !prober.rules.port_is_fixed)
            .map(|it| it.port.to_string())
            .collect();
        if !others.is_empty() {
            self.journal.emit(Event::Warning {
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
            self.journal.emit(Event::Warning {
                message: format!("port {port} speaks TLS alone; the preview speaks it with the app, and plain HTTP with visitors on this host"),
                hint: None,
            });
        }
        if live.survey.is_loopback(port) {
            self.journal.emit(Event::Warning {
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
    pub(in crate::lifecycle) fn report_start(&self, report: StartReport) {
        match report {
            StartReport::Line(text) => self.progress(BuildProgress::Line { text }),
            StartReport::Misplaced(seen) => self.warn(Event::Warning {
                message: seen.to_string(),
                hint: Some(seen.remedy().to_owned()),
            }),
        }
    }
}
