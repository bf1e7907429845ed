//! `restart`: start the app of an instance again, with the files it has.

use crate::cli::{
    args::Selected, context::Context, event_stream, exit::Outcome, selector::Selector,
};

pub async fn run(context: &mut Context, args: Selected) -> Outcome {
    let selector = Selector::of(context, args.instance.as_deref())?;
    let client = context.client().await?;
    let mut lines = client
        .restart(&selector.reference)
        .await
        .map_err(|error| selector.explain(error))?;
    let result = event_stream::to_result(&mut lines, &mut context.printer).await?;
    event_stream::conclude(&result, &mut context.printer)
}
