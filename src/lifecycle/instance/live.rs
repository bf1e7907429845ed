//! `Live`: everything that goes on while one instance has a running container.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    disk::{Overrun, Watchdog},
    edits::consequence,
    environment::{
        env_files,
        variables::{Masking, Variables},
    },
    events::{egress_denials, journal::Journal},
    readiness::{
        host_header::HostHeaders, port_survey::PortSurvey, prober::Prober, rules::ReadinessRules,
    },
    upstream::Upstream,
};
use crate::{
    engine::{
        Engine, EngineError,
        link::{GuestEvent, Link, ListeningPort},
    },
    lifecycle::{LifecycleError, remedy::placeholder_files},
    model::{AppAnswer, AppExit, Event, InstanceId, Plan, PortOpened, UpOutcome},
    source::{ChangeBatch, LocalSource, WatchDegraded},
    store::Remedies,
    sync::Sync,
    task::Scope,
};

/// What happens inside that the instance's task has to handle.
#[derive(Debug)]
pub enum LiveEvent {
    AppStarted,
    AppExited {
        exit: AppExit,
        /// As in [`GuestEvent::AppExited`].
        start: u64,
    },
    /// A start of the app answered, or did not. `None` is a program without a port that stays up.
    Answered {
        round: u64,
        result: Result<Option<AppAnswer>, LifecycleError>,
    },
    /// After it was ready, another port turned out to be the better one, or the same one did better.
    BetterPort {
        round: u64,
        answered: AppAnswer,
    },
    /// The stream to the guest is gone.
    LinkLost,
}

pub struct Live {
    pub link: Link,
    /// Ends with this container; a child of the instance's.
    pub scope: Scope,
    pub plan: Arc<Plan>,
    pub rules: consequence::EditRules,
    pub sync: Sync,
    pub batches: mpsc::Receiver<ChangeBatch>,
    pub events: mpsc::Receiver<LiveEvent>,
    pub events_tx: mpsc::Sender<LiveEvent>,
    /// What is known of its ports.
    pub survey: PortSurvey,
    /// Why it has to be stopped, once it has to.
    pub overrun: watch::Receiver<Option<Overrun>>,
    /// Counts starts of the app, so that the outcome of an older one is not taken for a newer's.
    pub round: u64,
    /// What its app was started with; `None` of one that an earlier agent started.
    pub(in crate::lifecycle) started_with: Option<Variables>,
    /// Who asked for the restart that is going on.
    pub waiters: Vec<oneshot::Sender<Result<UpOutcome, LifecycleError>>>,
}

/// Whose container it is, and where its events go.
pub struct EventContext<'a> {
    pub id: &'a InstanceId,
    pub engine: &'a Arc<dyn Engine>,
    pub journal: &'a Arc<Journal>,
    pub scope: &'a Scope,
    pub masking: &'a Masking,
    pub watchdog: Watchdog,
}

impl Live {
    /// Link to the guest of a running container and begin to watch its source.
    pub async fn attach(
        event_context: EventContext<'_>,
        plan: Arc<Plan>,
        source: Arc<LocalSource>,
    ) -> Result<Self, LifecycleError> {
        let scope = event_context.scope.child();
        let ends_unless_attached = scope.token().drop_guard();
        let io = event_context.engine.open_link(event_context.id).await?;
        let (link, guest) = Link::open(io, &scope).await?;
        let watch = source.watch(&scope).await?;
        scope.spawn(warn_if_degraded(
            watch.degraded,
            event_context.journal.clone(),
        ));
        let (events_tx, events) = mpsc::channel(64);
        let (listeners_in, listeners) = watch::channel(link.hello().listeners.clone());
        let survey = PortSurvey::new(link.clone(), listeners);
        let pump = Pump {
            guest,
            listeners: listeners_in,
            survey: survey.clone(),
            events: events_tx.clone(),
            journal: event_context.journal.clone(),
            masking: event_context.masking.clone(),
        };
        scope.spawn(pump.run());
        let denials = egress_denials::report(
            event_context.engine.clone(),
            event_context.id.clone(),
            event_context.journal.clone(),
        );
        let ended = scope.token();
        scope.spawn(async move { ended.run_until_cancelled(denials).await.unwrap_or_default() });
        let overrun = event_context.watchdog.watch(link.clone(), &scope);
        ends_unless_attached.disarm();
        Ok(Self {
            sync: Sync::new(source, link.clone()),
            batches: watch.batches,
            rules: consequence::EditRules::new(&plan),
            round: 0,
            started_with: None,
            waiters: Vec::new(),
            link,
            scope,
            plan,
            events,
            events_tx,
            survey,
            overrun,
        })
    }

    /// The way to the app, once it answered so, or stays up without a port.
    pub fn upstream(&self, answered: Option<AppAnswer>) -> Upstream {
        if let Some(answered) = answered {
            self.survey.recall(answered);
        }
        Upstream::Ready {
            survey: self.survey.clone(),
            port: answered.map_or(self.plan.run.port, |it| it.port),
        }
    }

    /// What watches the app's next start.
    pub fn prober(&self, masking: &Masking, hosts: HostHeaders) -> Prober {
        Prober {
            survey: self.survey.clone(),
            rules: ReadinessRules::of(&self.plan, None),
            hosts,
            masking: masking.clone(),
            scope: self.scope.clone(),
        }
    }

    /// Start its app, in place of one that runs.
    pub(in crate::lifecycle) async fn start_app(
        &mut self,
        variables: &Variables,
    ) -> Result<(), LifecycleError> {
        self.link.start_app(variables.for_app(&self.plan)).await?;
        self.started_with = Some(variables.clone());
        Ok(())
    }

    /// Whether what its app was started with is no more what it would be started with now.
    pub(in crate::lifecycle) fn is_outdated(&self, variables: &Variables, revision: u64) -> bool {
        match &self.started_with {
            Some(before) => before != variables,
            None => variables.revision != revision || !variables.project_env.names.is_empty(),
        }
    }

    /// Have the files inside that a command of the app's asks for and that are not there, and the
    /// directories that it was found to need.
    pub(in crate::lifecycle) async fn make_files(
        &mut self,
        variables: &Variables,
        remedies: &Remedies,
    ) {
        let mut given = variables.project_env.given.clone();
        given.extend(variables.all().clone());
        let (source, plan) = (self.sync.source().clone(), self.plan.clone());
        let made = tokio::task::spawn_blocking(move || {
            env_files::missing_env_files(&source, &plan, &given)
        });
        let made = made.await.unwrap_or_default().into_iter();
        let mut files = placeholder_files(&remedies.directories);
        files.extend(made.map(|(path, content)| (path, content.into())));
        self.sync.make(files);
    }

    /// Go on with a fresh link to the same container.
    pub fn take_over(&mut self, fresh: Self) {
        let old = std::mem::replace(self, fresh);
        old.scope.cancel();
        self.started_with = old.started_with;
        self.sync.make(old.sync.made().clone());
        // Outcomes that are on their way are of the old link.
        self.round = old.round + 1;
        self.waiters = old.waiters;
    }
}

/// Sorts the guest's events into state that is polled and events that are handled.
struct Pump {
    guest: mpsc::Receiver<GuestEvent>,
    listeners: watch::Sender<Vec<ListeningPort>>,
    survey: PortSurvey,
    events: mpsc::Sender<LiveEvent>,
    journal: Arc<Journal>,
    masking: Masking,
}

impl Pump {
    /// Ends by itself when the link does.
    async fn run(mut self) {
        while let Some(event) = self.guest.recv().await {
            let event = match event {
                GuestEvent::Listening(now) => {
                    self.emit_new_ports(&now);
                    self.listeners.send_replace(now);
                    continue;
                }
                GuestEvent::AppStarted { .. } => {
                    self.survey.forget();
                    LiveEvent::AppStarted
                }
                GuestEvent::AppExited { mut exit, start } => {
                    self.masking.now().clean_all(&mut exit.last_lines);
                    self.journal.emit(Event::AppExit(exit.clone()));
                    LiveEvent::AppExited { exit, start }
                }
            };
            if self.events.send(event).await.is_err() {
                return;
            }
        }
        let _ = self.events.send(LiveEvent::LinkLost).await;
    }

    fn emit_new_ports(&self, now: &[ListeningPort]) {
        let before = self.listeners.borrow();
        for listener in now.iter().filter(|listener| !before.contains(listener)) {
            self.journal.emit(Event::Port(PortOpened {
                port: listener.port,
                loopback: listener.is_loopback(),
            }));
        }
    }
}

/// Say it once when the directory cannot be watched and is read again and again instead.
async fn warn_if_degraded(
    mut degraded: watch::Receiver<Option<WatchDegraded>>,
    journal: Arc<Journal>,
) {
    // The watcher holds the other end, and goes with the scope.
    if let Ok(reason) = degraded.wait_for(Option::is_some).await
        && let Some(reason) = reason.as_ref()
    {
        journal.emit(Event::Warning {
            message: reason.to_string(),
            hint: Some(reason.hint().to_owned()),
        });
    }
}

/// A link that could not be made, told apart from a container that is gone.
pub fn is_gone(error: &LifecycleError) -> bool {
    matches!(error, LifecycleError::Engine(EngineError::Missing { .. }))
}
