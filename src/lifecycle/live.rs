//! `Live`: everything that goes on while one instance has a running container.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    LifecycleError,
    disk::{Overrun, Watchdog},
    edit, env_files,
    hosts::Hosts,
    journal::Journal,
    prober::Prober,
    refusals,
    route::Door,
    rules::Rules,
    survey::Survey,
    variables::{Masking, Variables},
};
use crate::{
    engine::{
        Engine, EngineError,
        link::{GuestEvent, Link, Listener},
    },
    model::{Answered, AppExit, Event, InstanceId, Plan, PortSeen, UpOutcome},
    source::{Batch, Degraded, LocalSource},
    sync::Sync,
    task::Scope,
};

/// What the actor hears from inside.
#[derive(Debug)]
pub enum News {
    AppStarted,
    AppExited {
        exit: AppExit,
        /// As in [`GuestEvent::AppExited`].
        start: u64,
    },
    /// A start of the app answered, or did not.
    Opened {
        round: u64,
        result: Result<Answered, LifecycleError>,
    },
    /// After it was ready, another port turned out to be the better one, or the same one did better.
    Better {
        round: u64,
        answered: Answered,
    },
    /// The stream to the guest is gone.
    LinkLost,
}

pub struct Live {
    pub link: Link,
    /// Ends with this container; a child of the instance's.
    pub scope: Scope,
    pub plan: Arc<Plan>,
    pub rules: edit::Rules,
    pub sync: Sync,
    pub batches: mpsc::Receiver<Batch>,
    pub news: mpsc::Receiver<News>,
    pub news_in: mpsc::Sender<News>,
    /// What is known of its ports.
    pub survey: Survey,
    /// Why it has to be stopped, once it has to.
    pub overrun: watch::Receiver<Option<Overrun>>,
    /// The answer that it is ready by, once there was one.
    pub answered: Option<Answered>,
    /// Whether what runs now has answered.
    pub is_open: bool,
    /// Counts starts of the app, so that the outcome of an older one is not taken for a newer's.
    pub round: u64,
    /// What its app was started with; `None` of one that an earlier agent started.
    pub(super) started_with: Option<Variables>,
    /// Who asked for the restart that is going on.
    pub askers: Vec<oneshot::Sender<Result<UpOutcome, LifecycleError>>>,
}

/// Who the container belongs to, to whom its events are told.
pub struct Tenant<'a> {
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
        tenant: Tenant<'_>,
        plan: Arc<Plan>,
        source: Arc<LocalSource>,
    ) -> Result<Self, LifecycleError> {
        let scope = tenant.scope.child();
        let ends_unless_attached = scope.token().drop_guard();
        let io = tenant.engine.open_link(tenant.id).await?;
        let (link, guest) = Link::open(io, &scope).await?;
        let watch = source.watch(&scope).await?;
        scope.spawn(tell_degraded(watch.degraded, tenant.journal.clone()));
        let (news_in, news) = mpsc::channel(64);
        let (listeners_in, listeners) = watch::channel(link.hello().listeners.clone());
        let survey = Survey::new(link.clone(), listeners);
        let pump = Pump {
            guest,
            listeners: listeners_in,
            survey: survey.clone(),
            news: news_in.clone(),
            journal: tenant.journal.clone(),
            masking: tenant.masking.clone(),
        };
        scope.spawn(pump.run());
        let told = refusals::tell(
            tenant.engine.clone(),
            tenant.id.clone(),
            tenant.journal.clone(),
        );
        let ended = scope.token();
        scope.spawn(async move { ended.run_until_cancelled(told).await.unwrap_or_default() });
        let overrun = tenant.watchdog.watch(link.clone(), &scope);
        ends_unless_attached.disarm();
        Ok(Self {
            sync: Sync::new(source, link.clone()),
            batches: watch.batches,
            rules: edit::Rules::new(&plan),
            answered: None,
            is_open: false,
            round: 0,
            started_with: None,
            askers: Vec::new(),
            link,
            scope,
            plan,
            news,
            news_in,
            survey,
            overrun,
        })
    }

    /// The way to the app, once it answered so.
    pub fn door(&self, answered: Answered) -> Door {
        self.survey.recall(answered);
        Door::Open {
            survey: self.survey.clone(),
            port: answered.port,
        }
    }

    /// What watches the app's next start.
    pub fn prober(&self, masking: &Masking, hosts: Hosts) -> Prober {
        Prober {
            survey: self.survey.clone(),
            rules: Rules::of(&self.plan, None),
            hosts,
            masking: masking.clone(),
            scope: self.scope.clone(),
        }
    }

    /// Start its app, in place of one that runs.
    pub(super) async fn start_app(&mut self, variables: &Variables) -> Result<(), LifecycleError> {
        self.link.start_app(variables.for_app(&self.plan)).await?;
        self.started_with = Some(variables.clone());
        Ok(())
    }

    /// Whether what its app was started with is no more what it would be started with now.
    pub(super) fn is_outdated(&self, variables: &Variables, revision: u64) -> bool {
        match &self.started_with {
            Some(before) => before != variables,
            None => variables.revision != revision || !variables.brought.names.is_empty(),
        }
    }

    /// Have the files inside that a command of the app's asks for and that are not there.
    pub(super) async fn make_env_files(&mut self, variables: &Variables) {
        let mut given = variables.brought.given.clone();
        given.extend(variables.all().clone());
        let (source, plan) = (self.sync.source().clone(), self.plan.clone());
        let made = tokio::task::spawn_blocking(move || env_files::missing(&source, &plan, &given));
        let made = made.await.unwrap_or_default().into_iter();
        self.sync
            .make(made.map(|(path, content)| (path, content.into())).collect());
    }

    /// Go on with a fresh link to the same container.
    pub fn take_over(&mut self, fresh: Self) {
        let old = std::mem::replace(self, fresh);
        old.scope.cancel();
        self.answered = old.answered;
        self.is_open = old.is_open;
        self.started_with = old.started_with;
        self.sync.make(old.sync.made().clone());
        // Outcomes that are on their way are of the old link.
        self.round = old.round + 1;
        self.askers = old.askers;
    }
}

/// Sorts what the guest says into what is polled and what is acted on.
struct Pump {
    guest: mpsc::Receiver<GuestEvent>,
    listeners: watch::Sender<Vec<Listener>>,
    survey: Survey,
    news: mpsc::Sender<News>,
    journal: Arc<Journal>,
    masking: Masking,
}

impl Pump {
    /// Ends by itself when the link does.
    async fn run(mut self) {
        while let Some(event) = self.guest.recv().await {
            let news = match event {
                GuestEvent::Listening(now) => {
                    self.tell_new_ports(&now);
                    self.listeners.send_replace(now);
                    continue;
                }
                GuestEvent::AppStarted { .. } => {
                    self.survey.forget();
                    News::AppStarted
                }
                GuestEvent::AppExited { mut exit, start } => {
                    self.masking.now().clean_all(&mut exit.last_lines);
                    self.journal.tell(Event::AppExit(exit.clone()));
                    News::AppExited { exit, start }
                }
            };
            if self.news.send(news).await.is_err() {
                return;
            }
        }
        let _ = self.news.send(News::LinkLost).await;
    }

    fn tell_new_ports(&self, now: &[Listener]) {
        let before = self.listeners.borrow();
        for listener in now.iter().filter(|listener| !before.contains(listener)) {
            self.journal.tell(Event::Port(PortSeen {
                port: listener.port,
                loopback: listener.is_loopback(),
            }));
        }
    }
}

/// Say it once when the directory cannot be watched and is read again and again instead.
async fn tell_degraded(mut degraded: watch::Receiver<Option<Degraded>>, journal: Arc<Journal>) {
    // The watcher holds the other end, and goes with the scope.
    if let Ok(reason) = degraded.wait_for(Option::is_some).await
        && let Some(reason) = reason.as_ref()
    {
        journal.tell(Event::Warning {
            message: reason.to_string(),
            hint: Some(reason.hint().to_owned()),
        });
    }
}

/// A link that could not be made, told apart from a container that is gone.
pub fn is_gone(error: &LifecycleError) -> bool {
    matches!(error, LifecycleError::Engine(EngineError::Missing { .. }))
}
