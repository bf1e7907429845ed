//! `events`: what happened to an instance or to all of them, and what happens from now.

use clap::{Args, ValueHint};
use serde::Serialize;

use super::logs::one_document;
use crate::{
    api::{Envelope, EventsQuery},
    cli::{args::Format, context::Context, event_stream, exit::Outcome, selector::Selector},
    client::ClientError,
    model::Event,
};

#[derive(Debug, Args)]
pub struct EventsArgs {
    /// A name, an id or a directory (with a `/`, or `.`); all instances if nothing is said
    #[arg(value_name = "NAME|DIR", value_hint = ValueHint::DirPath)]
    pub instance: Option<String>,
    /// Go on with what happens from now
    #[arg(short, long)]
    pub follow: bool,
}

#[derive(Default, Serialize)]
struct EventsView {
    events: Vec<Envelope>,
}

pub async fn run(context: &mut Context, args: EventsArgs) -> Outcome {
    one_document(context, args.follow)?;
    let query = EventsQuery {
        follow: args.follow,
    };
    let everything = args.instance.is_none() && context.global.name.is_none();
    let mut lines = if everything {
        context.client().await?.all_events(&query).await?
    } else {
        let selector = Selector::of(context, args.instance.as_deref())?;
        let client = context.client().await?;
        client
            .events(&selector.reference, &query)
            .await
            .map_err(|error| selector.explain(error))?
    };
    let mut view = EventsView::default();
    let result = loop {
        let line = lines.next().await?.ok_or(ClientError::Cut)?;
        match (&line.envelope.event, context.printer.format()) {
            (Event::Result(_), _) => break line,
            (_, Format::Ndjson) => context.printer.event(&line)?,
            (Event::Hello { .. } | Event::Heartbeat {}, _) => {}
            (_, Format::Json) => view.events.push(line.envelope),
            (_, Format::Text) => {
                if let Some(text) = context.printer.event_text(&line.envelope) {
                    context.printer.text(&text)?;
                }
            }
        }
    };
    event_stream::conclude_with(&result, &view, &mut context.printer)
}
