//! What happens to this owner's containers, as the engine tells it.

use bollard::{models::EventMessage, query_parameters as query};
use futures_util::{StreamExt, stream::BoxStream};

use super::{
    Docker,
    client::{Client, SIMPLE},
    error::Act,
};
use crate::engine::{EngineError, EngineEvent, Result, labels};

impl Docker {
    pub(super) async fn event_stream(&self) -> Result<BoxStream<'static, Result<EngineEvent>>> {
        let client = self.client().await?;
        let act = Act {
            verb: "watch",
            what: "containers",
        };
        // By the engine's own clock, so that nothing is missed between this call and the first
        // time the stream is polled, which is when it connects.
        let info = client.within(act, SIMPLE, client.api.info()).await?;
        let now = info
            .system_time
            .and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let mut filters = self.filters(&[(labels::ROLE, "app")]);
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        filters.insert(
            "event".to_owned(),
            ["die", "oom", "destroy"].map(str::to_owned).into(),
        );
        let mut options = query::EventsOptionsBuilder::default().filters(&filters);
        if let Some(now) = now {
            let since = format!("{}.{:09}", now.as_second(), now.subsec_nanosecond());
            options = options.since(&since);
        }
        let messages = client.api.events(Some(options.build())).boxed();
        Ok(futures_util::stream::unfold(Some((messages, client)), next).boxed())
    }
}

type Messages = BoxStream<'static, Result<EventMessage, bollard::errors::Error>>;
type State = Option<(Messages, Client)>;

/// `None` as the next state once the engine has gone away.
async fn next(state: State) -> Option<(Result<EngineEvent>, State)> {
    let (mut messages, client) = state?;
    loop {
        match messages.next().await {
            Some(Ok(message)) => {
                if let Some(event) = translate(message) {
                    return Some((Ok(event), Some((messages, client))));
                }
            }
            Some(Err(error)) => {
                let act = Act {
                    verb: "watch",
                    what: "containers",
                };
                return Some((Err(client.error(error, act)), None));
            }
            None => {
                let endpoint = client.endpoint.to_string();
                let reason = "it closed the stream of events".to_owned();
                return Some((Err(EngineError::Unreachable { endpoint, reason }), None));
            }
        }
    }
}

fn translate(message: EventMessage) -> Option<EngineEvent> {
    let labels = message.actor?.attributes?;
    let id = labels.get(labels::ID)?.parse().ok()?;
    match message.action.as_deref()? {
        "die" => {
            let generation = labels.get(labels::GENERATION)?.parse().ok()?;
            Some(EngineEvent::Died { id, generation })
        }
        "oom" => Some(EngineEvent::OutOfMemory { id }),
        "destroy" => Some(EngineEvent::Removed { id }),
        _ => None,
    }
}
