//! `transition`: what each event leads to in each state, and what has to be done about it.

use jiff::Timestamp;

use super::{Effect, Page, Refusal, Requests, Served, State, StateEvent, Transition};
use crate::{
    model::{AppAnswer, Phase, Problem},
    store::Intent,
};

/// The state after an event that happened `now`, and what to do about it.
pub fn transition<C>(
    state: State<C>,
    event: StateEvent<C>,
    now: Timestamp,
) -> Result<Transition<C>, Box<Refusal<C>>> {
    let name = event.name();
    let outcome = match event {
        StateEvent::FoundDown => found_down(state, now),
        StateEvent::Adopted { container, served } => adopted(state, container, served),
        StateEvent::DownBegan => Ok(down_began(state)),
        StateEvent::RemovalBegan => Ok(removal_began(state)),
        StateEvent::DownEnded => down_ended(state, now),
        StateEvent::UpBegan => up_began(state, now),
        StateEvent::Created { container } => created(state, container),
        StateEvent::InstallBegan => install_began(state, now),
        StateEvent::StartBegan => start_began(state, now),
        StateEvent::Answered { port, answer } => answered(state, port, answer, now),
        StateEvent::RestartBegan => restart_began(state),
        StateEvent::LinkLost => link_lost(state),
        StateEvent::AppFailed { cause } => app_failed(state, cause, now),
        StateEvent::GaveUp { cause } => gave_up(state, cause, now),
        StateEvent::Lost { cause } => lost(state, cause, now),
    };
    outcome.map_err(|state| {
        let is = state.kind();
        let event = name;
        Box::new(Refusal {
            state: *state,
            is,
            event,
        })
    })
}

/// The state itself, where the event cannot happen in it.
type TransitionOrState<C> = Result<Transition<C>, Box<State<C>>>;

fn refused<C>(state: State<C>) -> TransitionOrState<C> {
    Err(Box::new(state))
}

/// What was cut off on its way down is down since now.
fn found_down<C>(state: State<C>, now: Timestamp) -> TransitionOrState<C> {
    let State::Recorded {
        phase,
        intent: Intent::Down,
    } = state
    else {
        return refused(state);
    };
    Ok(match phase {
        Phase::Asleep { since } => (State::Down { since }, vec![Effect::Page(Page::Asleep)]),
        Phase::Failed { since, cause } => {
            let failed = State::Failed {
                since,
                cause,
                container: None,
                intent: Intent::Down,
            };
            (failed, vec![Effect::Page(Page::Failure)])
        }
        Phase::Creating { .. }
        | Phase::Installing { .. }
        | Phase::Starting { .. }
        | Phase::Ready { .. }
        | Phase::Paused { .. } => {
            let effects = vec![Effect::Page(Page::Asleep), Effect::Record];
            (State::Down { since: now }, effects)
        }
    })
}

/// Whether its app still runs is told next.
fn adopted<C>(state: State<C>, container: C, served: Served) -> TransitionOrState<C> {
    match state {
        State::Recorded {
            intent: Intent::Up, ..
        } => {
            let effects = vec![Effect::Requests(Requests::Wait), Effect::Page(Page::App)];
            Ok((State::Restarting { served, container }, effects))
        }
        other => refused(other),
    }
}

/// Its container goes on until its tunnel is closed.
fn down_began<C>(state: State<C>) -> Transition<C> {
    let stopping = State::Stopping {
        phase: state.phase(),
        intent: Intent::Down,
        container: state.into_container(),
    };
    (stopping, vec![Effect::Record])
}

/// Who waits for the app waits for the next container, if one is to come.
fn removal_began<C>(state: State<C>) -> Transition<C> {
    let (phase, intent) = (state.phase(), state.intent());
    let mut effects = Vec::new();
    if let Some(container) = state.into_container() {
        effects.push(Effect::EndContainer(container));
    }
    effects.push(Effect::Requests(match intent {
        Intent::Up => Requests::Wait,
        Intent::Down => Requests::Refuse,
    }));
    let stopping = State::Stopping {
        phase,
        intent,
        container: None,
    };
    (stopping, effects)
}

fn down_ended<C>(state: State<C>, now: Timestamp) -> TransitionOrState<C> {
    match state {
        State::Stopping {
            intent: Intent::Down,
            container: None,
            ..
        } => {
            let effects = vec![
                Effect::Page(Page::Asleep),
                Effect::Record,
                Effect::NotifyDown,
            ];
            Ok((State::Down { since: now }, effects))
        }
        other => refused(other),
    }
}

fn up_began<C>(state: State<C>, since: Timestamp) -> TransitionOrState<C> {
    match state {
        State::Stopping {
            container: None, ..
        } => {
            let container = None;
            let creating = State::Creating { since, container };
            Ok((creating, recorded_progress("creating the container")))
        }
        other => refused(other),
    }
}

fn created<C>(state: State<C>, container: C) -> TransitionOrState<C> {
    match state {
        State::Creating {
            since,
            container: None,
        } => {
            let container = Some(container);
            let effects = vec![Effect::Page(Page::Progress("copying files"))];
            Ok((State::Creating { since, container }, effects))
        }
        other => refused(other),
    }
}

fn install_began<C>(state: State<C>, since: Timestamp) -> TransitionOrState<C> {
    match state {
        State::Creating {
            container: Some(container),
            ..
        } => {
            let installing = State::Installing { since, container };
            Ok((installing, recorded_progress("installing dependencies")))
        }
        other => refused(other),
    }
}

fn start_began<C>(state: State<C>, since: Timestamp) -> TransitionOrState<C> {
    match state {
        State::Creating {
            container: Some(container),
            ..
        }
        | State::Installing { container, .. } => {
            let starting = State::Starting { since, container };
            Ok((starting, recorded_progress("starting the app")))
        }
        other => refused(other),
    }
}

fn recorded_progress<C>(doing: &'static str) -> Vec<Effect<C>> {
    vec![Effect::Record, Effect::Page(Page::Progress(doing))]
}

fn answered<C>(
    state: State<C>,
    port: u16,
    answer: Option<AppAnswer>,
    now: Timestamp,
) -> TransitionOrState<C> {
    let before = state.served();
    let container = match state {
        State::Starting { container, .. }
        | State::Ready { container, .. }
        | State::Restarting { container, .. }
        | State::Relinking { container, .. }
        | State::Failed {
            container: Some(container),
            ..
        } => container,
        other => return refused(other),
    };
    let pass = Effect::Requests(Requests::Pass);
    Ok(match before {
        // As before it was started again.
        Some(served) if served.port == port && served.answer == answer => {
            (State::Ready { served, container }, vec![pass])
        }
        _ => {
            let served = Served {
                since: now,
                port,
                answer,
            };
            let effects = vec![pass, Effect::Page(Page::App), Effect::Record];
            (State::Ready { served, container }, effects)
        }
    })
}

fn restart_began<C>(state: State<C>) -> TransitionOrState<C> {
    interrupted(state, |served, container| State::Restarting {
        served,
        container,
    })
}

fn link_lost<C>(state: State<C>) -> TransitionOrState<C> {
    interrupted(state, |served, container| State::Relinking {
        served,
        container,
    })
}

/// One that does not answer already stays what it is.
fn interrupted<C>(
    state: State<C>,
    ready_becomes: impl FnOnce(Served, C) -> State<C>,
) -> TransitionOrState<C> {
    let next = match state {
        State::Ready { served, container } => ready_becomes(served, container),
        State::Restarting { .. }
        | State::Relinking { .. }
        | State::Failed {
            container: Some(_), ..
        } => state,
        other => return refused(other),
    };
    Ok((next, vec![Effect::Requests(Requests::Wait)]))
}

/// The record is written before the page changes, so that `status` agrees with whoever has seen it.
fn app_failed<C>(state: State<C>, cause: Problem, now: Timestamp) -> TransitionOrState<C> {
    let container = match state {
        State::Ready { container, .. }
        | State::Restarting { container, .. }
        | State::Relinking { container, .. }
        | State::Failed {
            container: Some(container),
            ..
        } => container,
        other => return refused(other),
    };
    let effects = vec![
        Effect::Requests(Requests::Refuse),
        Effect::Record,
        Effect::FailWaiters(cause.clone()),
        Effect::Page(Page::Failure),
    ];
    let failed = State::Failed {
        since: now,
        cause,
        container: Some(container),
        intent: Intent::Up,
    };
    Ok((failed, effects))
}

fn gave_up<C>(state: State<C>, cause: Problem, now: Timestamp) -> TransitionOrState<C> {
    match state {
        State::Stopping {
            container: None, ..
        } => {
            let (failed, mut effects) = without_container(cause, Intent::Down, now);
            effects.push(Effect::NotifyDown);
            Ok((failed, effects))
        }
        other => refused(other),
    }
}

fn lost<C>(state: State<C>, cause: Problem, now: Timestamp) -> TransitionOrState<C> {
    match state {
        State::Stopping {
            container: None,
            intent: Intent::Up,
            ..
        }
        | State::Recorded {
            intent: Intent::Up, ..
        } => Ok(without_container(cause, Intent::Up, now)),
        other => refused(other),
    }
}

fn without_container<C>(cause: Problem, intent: Intent, now: Timestamp) -> Transition<C> {
    let failed = State::Failed {
        since: now,
        cause,
        container: None,
        intent,
    };
    let effects = vec![
        Effect::Requests(Requests::Refuse),
        Effect::Record,
        Effect::Page(Page::Failure),
    ];
    (failed, effects)
}
