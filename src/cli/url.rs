//! `url`: where an instance can be reached.

use serde::Serialize;

use super::{
    args::Selected,
    context::Context,
    exit::{Failure, Outcome},
    selector::Selector,
};
use crate::{
    api::InstanceView,
    model::{Code, Phase, Problem, Urls},
};

#[derive(Serialize)]
struct UrlView<'a> {
    url: &'a str,
    urls: &'a Urls,
}

pub async fn run(context: &mut Context, args: Selected) -> Outcome {
    let view = look(context, &args).await?;
    let urls = reachable(&view)?;
    let url = UrlView {
        url: urls.best(),
        urls,
    };
    context.printer.view(&url, || url.url.to_owned())?;
    Ok(0)
}

pub async fn look(context: &Context, args: &Selected) -> Result<InstanceView, Failure> {
    let selector = Selector::of(context, args.instance.as_deref())?;
    let client = context.client().await?;
    client
        .instance(&selector.reference)
        .await
        .map_err(|error| selector.explain(error))
}

pub fn reachable(view: &InstanceView) -> Result<&Urls, Failure> {
    if let Some(urls) = view.phase.urls() {
        return Ok(urls);
    }
    if let Phase::Failed { cause, .. } = &view.phase {
        return Err(cause.clone().into());
    }
    let name = view.name.as_str();
    let phase = view.phase.kind().as_str();
    Err(Problem::new(
        Code::NotFound,
        format!("`{name}` has no URL now: it is {phase}"),
    )
    .retryable()
    .next(
        &["codemate-preview", "wait", name],
        "wait until it is ready",
    )
    .into())
}
