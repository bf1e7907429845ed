//! Every state with every event: the table of `docs/states.md`, and what holds for all of it.
//! `UPDATE_STATES=1` writes the page anew.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use jiff::Timestamp;

use super::{Effect, Page, Requests, Served, State, StateEvent, transition};
use crate::{
    model::{AppAnswer, Code, Phase, Problem, Urls},
    store::Intent,
};

/// Stands for a container.
const OLD: u8 = 1;
const NEW: u8 = 2;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn cause() -> Problem {
    Problem::new(Code::AppExited, "it ended")
}

fn served(port: u16) -> Served {
    let answer = Some(AppAnswer {
        port,
        status: 200,
        ..AppAnswer::default()
    });
    Served {
        since: at(1),
        port,
        answer,
    }
}

fn ready_phase() -> Phase {
    Phase::Ready {
        since: at(1),
        port: 3000,
        urls: Urls {
            local: String::new(),
            public: None,
        },
    }
}

fn recorded(phase: Phase, intent: Intent) -> State<u8> {
    State::Recorded { phase, intent }
}

/// Every state that can be told apart by what may follow.
fn states() -> Vec<(&'static str, State<u8>)> {
    let mut all = recorded_states();
    all.push(("down", State::Down { since: at(1) }));
    all.extend(starting_states());
    all.extend(served_states());
    all.extend(ending_states());
    all
}

fn recorded_states() -> Vec<(&'static str, State<u8>)> {
    let since = at(1);
    let asleep = Phase::Asleep { since };
    let cause = cause();
    let failed = Phase::Failed { since, cause };
    vec![
        ("recorded, wanted", recorded(ready_phase(), Intent::Up)),
        (
            "recorded, going down",
            recorded(ready_phase(), Intent::Down),
        ),
        ("recorded, down", recorded(asleep, Intent::Down)),
        ("recorded, failed", recorded(failed, Intent::Down)),
    ]
}

fn starting_states() -> Vec<(&'static str, State<u8>)> {
    let since = at(1);
    let creating = |container| State::Creating { since, container };
    let container = OLD;
    vec![
        ("creating", creating(None)),
        ("creating, container runs", creating(Some(OLD))),
        ("installing", State::Installing { since, container }),
        ("starting", State::Starting { since, container }),
    ]
}

fn served_states() -> Vec<(&'static str, State<u8>)> {
    let (served, container) = (served(3000), OLD);
    vec![
        ("ready", State::Ready { served, container }),
        ("restarting", State::Restarting { served, container }),
        ("relinking", State::Relinking { served, container }),
    ]
}

fn ending_states() -> Vec<(&'static str, State<u8>)> {
    let failed = |container, intent| State::Failed {
        since: at(1),
        cause: cause(),
        container,
        intent,
    };
    let stopping = |container, intent| State::Stopping {
        phase: ready_phase(),
        intent,
        container,
    };
    vec![
        ("failed, container runs", failed(Some(OLD), Intent::Up)),
        ("failed, wanted", failed(None, Intent::Up)),
        ("failed", failed(None, Intent::Down)),
        ("replaced, container runs", stopping(Some(OLD), Intent::Up)),
        ("replaced", stopping(None, Intent::Up)),
        (
            "going down, container runs",
            stopping(Some(OLD), Intent::Down),
        ),
        ("going down", stopping(None, Intent::Down)),
    ]
}

fn events() -> Vec<StateEvent<u8>> {
    let same = served(3000);
    let (port, answer) = (same.port, same.answer);
    vec![
        StateEvent::FoundDown,
        StateEvent::Adopted {
            container: NEW,
            served: same,
        },
        StateEvent::DownBegan,
        StateEvent::RemovalBegan,
        StateEvent::DownEnded,
        StateEvent::UpBegan,
        StateEvent::Created { container: NEW },
        StateEvent::InstallBegan,
        StateEvent::StartBegan,
        StateEvent::Answered { port, answer },
        StateEvent::RestartBegan,
        StateEvent::LinkLost,
        StateEvent::AppFailed { cause: cause() },
        StateEvent::GaveUp { cause: cause() },
        StateEvent::Lost { cause: cause() },
    ]
}

fn describe(effect: &Effect<u8>) -> String {
    match effect {
        Effect::Record => "write the record".to_owned(),
        Effect::Requests(Requests::Pass) => "requests pass".to_owned(),
        Effect::Requests(Requests::Wait) => "requests wait".to_owned(),
        Effect::Requests(Requests::Refuse) => "requests are refused".to_owned(),
        Effect::Page(Page::App) => "the page is the app's".to_owned(),
        Effect::Page(Page::Progress(doing)) => format!("the page says \"{doing}\""),
        Effect::Page(Page::Failure) => "the page says why it failed".to_owned(),
        Effect::Page(Page::Asleep) => "the page says it is down".to_owned(),
        Effect::FailWaiters(_) => "answer who waits".to_owned(),
        Effect::EndContainer(_) => "let go of the container".to_owned(),
        Effect::NotifyDown => "weigh what is kept".to_owned(),
    }
}

/// The page, and how many pairs are allowed and refused.
fn page() -> (String, usize, usize) {
    let mut text = "# The states of a preview\n\n[Back to the README](../README.md)\n\nWritten by a test of \
                    `src/lifecycle/instance/state` from the code; `UPDATE_STATES=1 cargo test \
                    --lib states_page` writes it anew.\n\nThe effects are carried out in the \
                    order of the last column. An event that a state has no row for is refused \
                    with `WrongState`.\n\n| state | event | next state | effects |\n|---|---|---|---|\n"
        .to_owned();
    let mut refused: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let (mut allowed, mut refusals) = (0, 0);
    for (name, _) in states() {
        for event in events() {
            let state = states().into_iter().find(|(other, _)| *other == name);
            let event_name = event.name();
            if let Ok((next, effects)) = transition(state.unwrap().1, event, at(2)) {
                allowed += 1;
                let effects: Vec<String> = effects.iter().map(describe).collect();
                let next = next.kind();
                let effects = effects.join("; ");
                writeln!(text, "| {name} | `{event_name}` | {next} | {effects} |").unwrap();
            } else {
                refusals += 1;
                refused.entry(name).or_default().push(event_name);
            }
        }
    }
    text.push_str("\n## Refused\n\n| state | events |\n|---|---|\n");
    for (name, events) in refused {
        writeln!(text, "| {name} | `{}` |", events.join("`, `")).unwrap();
    }
    (text, allowed, refusals)
}

#[test]
fn states_page_is_what_the_code_does() {
    let (text, allowed, refused) = page();
    assert_eq!(allowed + refused, states().len() * events().len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/states.md");
    if option_env!("UPDATE_STATES").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written == text, "docs/states.md is old: UPDATE_STATES=1");
}

#[test]
fn a_refused_event_changes_nothing_and_is_named() {
    let mut seen = 0;
    for index in 0..states().len() {
        for event in events() {
            let (_, state) = states().swap_remove(index);
            let before = format!("{state:?}");
            let (kind, name) = (state.kind(), event.name());
            if let Err(refusal) = transition(state, event, at(2)) {
                seen += 1;
                assert_eq!(format!("{:?}", refusal.state), before);
                assert_eq!((refusal.is, refusal.event), (kind, name));
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn no_container_is_lost_and_none_is_there_twice() {
    for index in 0..states().len() {
        for event in events() {
            let (name, state) = states().swap_remove(index);
            let event_name = event.name();
            let brings = matches!(
                event,
                StateEvent::Adopted { .. } | StateEvent::Created { .. }
            );
            let had = state.container().copied();
            let Ok((next, effects)) = transition(state, event, at(2)) else {
                continue;
            };
            let ended = effects.iter().find_map(|effect| match effect {
                Effect::EndContainer(container) => Some(*container),
                _ => None,
            });
            let expected = if brings { Some(NEW) } else { had };
            let found = ended.or(next.container().copied());
            assert_eq!(found, expected, "{name} at {event_name}");
            assert!(ended.is_none() || next.container().is_none());
            assert!(!brings || had.is_none(), "{name} at {event_name}");
        }
    }
}

#[test]
fn requests_pass_to_a_ready_app_alone() {
    for index in 0..states().len() {
        for event in events() {
            let (name, state) = states().swap_remove(index);
            let event_name = event.name();
            let Ok((next, effects)) = transition(state, event, at(2)) else {
                continue;
            };
            let passes = effects.contains(&Effect::Requests(Requests::Pass));
            let is_ready = matches!(next, State::Ready { .. });
            // The last one may be of before.
            assert!(!passes || is_ready, "{name} at {event_name}");
            if is_ready {
                assert!(passes, "{name} at {event_name}");
            }
        }
    }
}

#[test]
fn the_time_of_an_answer_is_kept_unless_it_is_another_one() {
    let restarting = || State::Restarting {
        served: served(3000),
        container: OLD,
    };
    let since = |port| {
        let answer = served(port).answer;
        let event = StateEvent::Answered { port, answer };
        let (next, effects) = transition(restarting(), event, at(9)).unwrap();
        (next.served().unwrap().since, effects.len())
    };
    assert_eq!(since(3000), (at(1), 1));
    assert_eq!(since(4000), (at(9), 3));
}
