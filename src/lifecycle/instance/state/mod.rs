//! `State`: where one instance is in its life, with the data of each state, and `transition`, the
//! only way from one to another.
//!
//! Both are pure: a state that needs a container holds one of type `C`, which a test replaces by a
//! number. What has to be done about a transition comes back as data; `publish` carries it out.
//! `docs/states.md` has the whole table.

#[cfg(test)]
mod table;
mod transition;

use std::fmt;

use jiff::Timestamp;

use crate::{
    model::{AppAnswer, Phase, Problem, Urls},
    store::{Intent, Record},
};
pub use transition::transition;

/// How the app was found to be ready, and the port that requests go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// When it became ready so.
    pub since: Timestamp,
    pub port: u16,
    /// `None` of a program without a port that stays up.
    pub answer: Option<AppAnswer>,
}

/// Where one instance is. `C` is its running container.
#[derive(Debug)]
pub enum State<C> {
    /// As the record has it: an earlier agent wrote it, or nobody has asked for it yet.
    Recorded { phase: Phase, intent: Intent },
    /// It is not wanted and has no container.
    Down { since: Timestamp },
    /// Its container is being made, then given its files.
    Creating {
        since: Timestamp,
        container: Option<C>,
    },
    /// Its dependencies are being installed.
    Installing { since: Timestamp, container: C },
    /// Its app was started for the first time in this container and has not answered.
    Starting { since: Timestamp, container: C },
    /// Its app answers.
    Ready { served: Served, container: C },
    /// Its app answered and is being started again. Requests wait.
    Restarting { served: Served, container: C },
    /// The stream to its guest broke and is being made again. Requests wait.
    Relinking { served: Served, container: C },
    /// Its app does not answer. With a container the next edit can mend it.
    Failed {
        since: Timestamp,
        cause: Problem,
        container: Option<C>,
        /// Whether the next agent tries again.
        intent: Intent,
    },
    /// Its container is being taken away: for a `down`, a failure, or another container. Readers
    /// see the phase of before.
    Stopping {
        phase: Phase,
        intent: Intent,
        container: Option<C>,
    },
}

/// What happened to an instance.
#[derive(Debug)]
pub enum StateEvent<C> {
    /// What the record says of one that is down is so.
    FoundDown,
    /// An earlier agent's container runs on.
    Adopted {
        container: C,
        served: Served,
    },
    /// Its user wants it down.
    DownBegan,
    /// Its container, if it has one, is taken away.
    RemovalBegan,
    /// All that a `down` does is done.
    DownEnded,
    /// A container is about to be made.
    UpBegan,
    /// The container runs and its guest is linked to.
    Created {
        container: C,
    },
    InstallBegan,
    StartBegan,
    /// The app answered, or stays up without a port.
    Answered {
        port: u16,
        answer: Option<AppAnswer>,
    },
    /// The app is about to be started again.
    RestartBegan,
    /// The stream to the guest broke.
    LinkLost,
    /// The app ended or does not answer; its container stays.
    AppFailed {
        cause: Problem,
    },
    /// It could not be brought up, or had to be stopped. It stays so until its user says `up`.
    GaveUp {
        cause: Problem,
    },
    /// It has no container, against its user's wish. The next agent tries again.
    Lost {
        cause: Problem,
    },
}

/// What becomes of requests that are on their way to the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    Pass,
    Wait,
    Refuse,
}

/// What the gateway answers new requests with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    App,
    /// What is being done.
    Progress(&'static str),
    Failure,
    Asleep,
}

/// What has to be done about a transition.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect<C> {
    /// Write the record, show it to readers, and report a change of its phase.
    Record,
    Requests(Requests),
    Page(Page),
    /// Answer who waits for a restart.
    FailWaiters(Problem),
    /// End all that goes on with this container.
    EndContainer(C),
    /// Its home may be what is discarded for the room it takes.
    NotifyDown,
}

/// Where a transition led, and what to do about it, in this order.
pub type Transition<C> = (State<C>, Vec<Effect<C>>);

/// The event cannot happen in this state, which is returned unchanged.
#[derive(Debug)]
pub struct Refusal<C> {
    pub state: State<C>,
    pub is: StateKind,
    pub event: &'static str,
}

/// A state without its data, to print and compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKind {
    Recorded,
    Down,
    Creating,
    Installing,
    Starting,
    Ready,
    Restarting,
    Relinking,
    Failed,
    Stopping,
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recorded => "recorded",
            Self::Down => "down",
            Self::Creating => "creating",
            Self::Installing => "installing",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Restarting => "restarting",
            Self::Relinking => "relinking",
            Self::Failed => "failed",
            Self::Stopping => "stopping",
        })
    }
}

impl<C> State<C> {
    /// One that nothing was done about yet.
    pub fn recorded(record: &Record) -> Self {
        Self::Recorded {
            phase: record.phase.clone(),
            intent: record.intent,
        }
    }

    pub fn kind(&self) -> StateKind {
        match self {
            Self::Recorded { .. } => StateKind::Recorded,
            Self::Down { .. } => StateKind::Down,
            Self::Creating { .. } => StateKind::Creating,
            Self::Installing { .. } => StateKind::Installing,
            Self::Starting { .. } => StateKind::Starting,
            Self::Ready { .. } => StateKind::Ready,
            Self::Restarting { .. } => StateKind::Restarting,
            Self::Relinking { .. } => StateKind::Relinking,
            Self::Failed { .. } => StateKind::Failed,
            Self::Stopping { .. } => StateKind::Stopping,
        }
    }

    /// What readers are shown, without its URLs.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Recorded { phase, .. } | Self::Stopping { phase, .. } => phase.clone(),
            Self::Down { since } => Phase::Asleep { since: *since },
            Self::Creating { since, .. } => Phase::Creating { since: *since },
            Self::Installing { since, .. } => Phase::Installing { since: *since },
            Self::Starting { since, .. } => Phase::Starting { since: *since },
            Self::Ready { served, .. }
            | Self::Restarting { served, .. }
            | Self::Relinking { served, .. } => Phase::Ready {
                since: served.since,
                port: served.port,
                urls: Urls {
                    local: String::new(),
                    public: None,
                },
            },
            Self::Failed { since, cause, .. } => Phase::Failed {
                since: *since,
                cause: cause.clone(),
            },
        }
    }

    /// Whether an agent that finds the record brings it up.
    pub fn intent(&self) -> Intent {
        match self {
            Self::Recorded { intent, .. }
            | Self::Failed { intent, .. }
            | Self::Stopping { intent, .. } => *intent,
            Self::Down { .. } => Intent::Down,
            Self::Creating { .. }
            | Self::Installing { .. }
            | Self::Starting { .. }
            | Self::Ready { .. }
            | Self::Restarting { .. }
            | Self::Relinking { .. } => Intent::Up,
        }
    }

    /// How its app answered last, unless that has failed since.
    pub fn served(&self) -> Option<Served> {
        match self {
            Self::Ready { served, .. }
            | Self::Restarting { served, .. }
            | Self::Relinking { served, .. } => Some(*served),
            Self::Recorded { .. }
            | Self::Down { .. }
            | Self::Creating { .. }
            | Self::Installing { .. }
            | Self::Starting { .. }
            | Self::Failed { .. }
            | Self::Stopping { .. } => None,
        }
    }

    pub fn container(&self) -> Option<&C> {
        match self {
            Self::Recorded { .. } | Self::Down { .. } => None,
            Self::Creating { container, .. }
            | Self::Failed { container, .. }
            | Self::Stopping { container, .. } => container.as_ref(),
            Self::Installing { container, .. }
            | Self::Starting { container, .. }
            | Self::Ready { container, .. }
            | Self::Restarting { container, .. }
            | Self::Relinking { container, .. } => Some(container),
        }
    }

    pub fn container_mut(&mut self) -> Option<&mut C> {
        match self {
            Self::Recorded { .. } | Self::Down { .. } => None,
            Self::Creating { container, .. }
            | Self::Failed { container, .. }
            | Self::Stopping { container, .. } => container.as_mut(),
            Self::Installing { container, .. }
            | Self::Starting { container, .. }
            | Self::Ready { container, .. }
            | Self::Restarting { container, .. }
            | Self::Relinking { container, .. } => Some(container),
        }
    }

    fn into_container(self) -> Option<C> {
        match self {
            Self::Recorded { .. } | Self::Down { .. } => None,
            Self::Creating { container, .. }
            | Self::Failed { container, .. }
            | Self::Stopping { container, .. } => container,
            Self::Installing { container, .. }
            | Self::Starting { container, .. }
            | Self::Ready { container, .. }
            | Self::Restarting { container, .. }
            | Self::Relinking { container, .. } => Some(container),
        }
    }
}

impl<C> StateEvent<C> {
    pub fn name(&self) -> &'static str {
        match self {
            Self::FoundDown => "found-down",
            Self::Adopted { .. } => "adopted",
            Self::DownBegan => "down-began",
            Self::RemovalBegan => "removal-began",
            Self::DownEnded => "down-ended",
            Self::UpBegan => "up-began",
            Self::Created { .. } => "created",
            Self::InstallBegan => "install-began",
            Self::StartBegan => "start-began",
            Self::Answered { .. } => "answered",
            Self::RestartBegan => "restart-began",
            Self::LinkLost => "link-lost",
            Self::AppFailed { .. } => "app-failed",
            Self::GaveUp { .. } => "gave-up",
            Self::Lost { .. } => "lost",
        }
    }
}
