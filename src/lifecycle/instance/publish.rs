//! Carries out what a transition of an instance's state comes to: its record, the gateway's route to
//! it, and what becomes of requests. Nothing else writes these.

use jiff::Timestamp;

use super::{
    Instance,
    live::Live,
    state::{Effect, Page, Refusal, Requests, State, StateEvent, transition},
    upstream::{AppDial, AppPorts, Upstream},
};
use crate::{
    gateway::{PublicDeny, Route, Target},
    lifecycle::LifecycleError,
    model::{AppAnswer, Event, Phase, PhaseKind, ProxyHost, ServedHost, Urls},
    store::Record,
};

/// The state of one instance, which only [`Instance::apply`] changes.
pub struct InstanceState(State<Box<Live>>);

impl InstanceState {
    /// One that nothing was done about yet.
    pub fn recorded(record: &Record) -> Self {
        Self(State::recorded(record))
    }

    /// Its running container.
    pub fn live(&self) -> Option<&Live> {
        self.0.container().map(AsRef::as_ref)
    }

    pub fn live_mut(&mut self) -> Option<&mut Live> {
        self.0.container_mut().map(AsMut::as_mut)
    }

    /// Whether what runs in its container has answered since it was started.
    pub(super) fn had_answered(&self) -> bool {
        matches!(self.0, State::Ready { .. } | State::Relinking { .. })
    }

    fn take(&mut self) -> State<Box<Live>> {
        let since = Timestamp::UNIX_EPOCH;
        std::mem::replace(&mut self.0, State::Down { since })
    }
}

impl Instance {
    /// Change the state, and do what that comes to. Fails with `WrongState` where the event cannot
    /// happen, and where the record cannot be written; then all else is done.
    pub(super) async fn apply(
        &mut self,
        event: StateEvent<Box<Live>>,
    ) -> Result<(), LifecycleError> {
        if let StateEvent::AppFailed { cause }
        | StateEvent::GaveUp { cause }
        | StateEvent::Lost { cause } = &event
        {
            // The lines after the first are the app's own.
            let headline = cause.message.lines().next().unwrap_or_default();
            tracing::warn!(code = cause.code.as_str(), "failed: {headline}");
        }
        let effects = match transition(self.state.take(), event, Timestamp::now()) {
            Ok((state, effects)) => {
                self.state = InstanceState(state);
                effects
            }
            Err(refusal) => {
                let Refusal { state, is, event } = *refusal;
                self.state = InstanceState(state);
                return Err(LifecycleError::WrongState {
                    name: self.record.name.to_string(),
                    is: is.to_string(),
                    event,
                });
            }
        };
        self.project_state();
        let mut outcome = Ok(());
        for effect in effects {
            let done = self.carry_out(effect).await;
            outcome = outcome.and(done);
        }
        outcome
    }

    async fn carry_out(&mut self, effect: Effect<Box<Live>>) -> Result<(), LifecycleError> {
        match effect {
            Effect::Record => self.publish_record().await?,
            Effect::Requests(requests) => self.direct_requests(requests),
            Effect::Page(page) => self.show_page(page),
            Effect::FailWaiters(cause) => {
                if let Some(live) = self.state.live_mut() {
                    live.fail_waiters(&cause);
                }
            }
            Effect::EndContainer(live) => live.scope.cancel(),
            Effect::NotifyDown => self.context.went_down.notify_one(),
        }
        Ok(())
    }

    /// Compute what the record says of the state.
    pub(super) fn project_state(&mut self) {
        self.record.intent = self.state.0.intent();
        if let Some(served) = self.state.0.served() {
            self.record.port = Some(served.port);
            self.record.answered = served.answer;
        }
        let mut phase = self.state.0.phase();
        if let Some(urls) = phase.urls_mut() {
            *urls = self.urls();
        }
        self.record.phase = phase;
    }

    /// Where it is reached, while it is.
    pub(in crate::lifecycle) fn urls(&self) -> Urls {
        Urls {
            local: self.context.url(&self.record.name),
            public: self.tunnel_slot.url(),
        }
    }

    /// Have the record say the URLs that there are now.
    pub(in crate::lifecycle) async fn publish_urls(&mut self) -> Result<(), LifecycleError> {
        let before = self.record.phase.clone();
        self.project_state();
        if self.record.phase == before {
            return Ok(());
        }
        self.save().await
    }

    /// On disk first, then for readers.
    async fn publish_record(&mut self) -> Result<(), LifecycleError> {
        let from = self.view.borrow().phase.kind();
        let to = self.record.phase.kind();
        self.save().await?;
        if from != to {
            self.journal.emit(Event::State {
                from: Some(from),
                to: Some(to),
            });
            if matches!(to, PhaseKind::Ready | PhaseKind::Failed) {
                self.save_events().await;
            }
        }
        Ok(())
    }

    pub(in crate::lifecycle) async fn save(&mut self) -> Result<(), LifecycleError> {
        self.record.updated = Timestamp::now();
        let record = self.record.clone();
        self.context
            .store
            .run(move |store| store.save(&record))
            .await?;
        self.view.send_replace(self.record.clone());
        Ok(())
    }

    fn direct_requests(&self, requests: Requests) {
        let upstream = match (requests, self.state.live()) {
            (Requests::Pass, Some(live)) => live.upstream(self.record.answered),
            (Requests::Wait, _) => Upstream::Starting,
            (Requests::Refuse | Requests::Pass, _) => Upstream::Down,
        };
        self.upstream.send_replace(upstream);
    }

    /// The app ended: nothing can take requests until it is known what comes of that.
    pub(super) fn refuse_requests(&self) {
        self.direct_requests(Requests::Refuse);
    }

    /// Before an earlier agent's container is looked for: requests to what it served wait.
    pub(super) fn show_recorded(&self) {
        if let Phase::Ready { port, .. } = self.record.phase {
            self.direct_requests(Requests::Wait);
            self.open_route(port);
        }
    }

    fn show_page(&self, page: Page) {
        let target = match page {
            Page::App => {
                self.open_route(self.record.port.unwrap_or_default());
                return;
            }
            Page::Progress(doing) => Target::Starting {
                detail: doing.to_owned(),
            },
            Page::Failure => match &self.record.phase {
                Phase::Failed { cause, .. } => Target::Failed {
                    problem: cause.clone(),
                },
                _ => return,
            },
            Page::Asleep => Target::Asleep,
        };
        let route = self.route(target);
        self.context.routes.set(self.record.name.clone(), route);
    }

    /// The port of an answer; of a program that answered nothing the one that it was told.
    pub(super) fn port_of(&self, answer: Option<AppAnswer>) -> u16 {
        let told = self.record.plan.as_ref().map(|plan| plan.run.port);
        answer.map(|it| it.port).or(told).unwrap_or_default()
    }

    /// Have the gateway pass requests on to the app; they wait while the upstream is starting.
    fn open_route(&self, port: u16) {
        let Some(plan) = &self.record.plan else {
            return;
        };
        let target = Target::Ready {
            dial: AppDial::new(self.upstream.subscribe()),
            port,
            host: match self.record.answered {
                // It refused the name it was to be told.
                Some(answered) if answered.host == ServedHost::Localhost && !plan.host_is_fixed => {
                    ProxyHost::Localhost
                }
                _ => plan.proxy.clone(),
            },
            forwarded_host: plan.forwarded_host,
            generation: self.record.generation,
        };
        self.context
            .routes
            .set(self.record.name.clone(), self.route(target));
    }

    fn route(&self, target: Target) -> Route {
        let plan = self.record.plan.as_ref();
        Route {
            id: self.record.id.clone(),
            target,
            activity: self.activity.clone(),
            public_deny: plan
                .map_or_else(PublicDeny::none, |plan| PublicDeny::new(&plan.public_deny)),
            ports: AppPorts::new(self.upstream.subscribe()),
        }
    }
}
