//! `open`: the URL of an instance in the browser.

use serde::Serialize;

use super::url;
use crate::{
    cli::{args::Selected, context::Context, exit::Outcome},
    model::{Code, Problem},
};

#[derive(Serialize)]
struct OpenedView<'a> {
    url: &'a str,
}

pub async fn run(context: &mut Context, args: Selected) -> Outcome {
    let view = url::look(context, &args).await?;
    // From this host the local one is as good, and a link would be seen among the arguments.
    let url = url::reachable(&view)?.local.clone();
    webbrowser::open(&url).map_err(|error| {
        Problem::new(
            Code::Internal,
            format!("no browser could be opened: {error}"),
        )
        .hint(format!("open {url}"))
    })?;
    context
        .printer
        .view(&OpenedView { url: &url }, || url.clone())?;
    Ok(0)
}
