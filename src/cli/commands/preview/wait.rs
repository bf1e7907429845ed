//! `wait`: until an instance is ready; print its URL, if it has a page.

use super::url;
use crate::{
    api::WaitQuery,
    cli::{args::Selected, context::Context, exit::Outcome, selector::Selector},
};

pub async fn run(context: &mut Context, args: Selected) -> Outcome {
    let selector = Selector::of(context, args.instance.as_deref())?;
    let timeout = context.global.timeout.map(|limit| limit.as_millis());
    let query = WaitQuery {
        timeout_ms: timeout.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
    };
    let client = context.client().await?;
    context.printer.busy("waiting");
    let view = client
        .wait(&selector.reference, &query)
        .await
        .map_err(|error| selector.explain(error))?;
    let url = match url::reachable(&view) {
        Ok(urls) => url::best(&client, &view, urls).await?,
        // It runs, and that is what was waited for.
        Err(_) if view.without_page && view.phase.urls().is_some() => String::new(),
        Err(error) => return Err(error),
    };
    context.printer.view(&view, || url)?;
    Ok(0)
}
