//! `restart`: start the app of an instance again, with the files it has.

use super::{args::Selected, context::Context, exit::Outcome, follow, selector::Selector};

pub async fn run(context: &mut Context, args: Selected) -> Outcome {
    let selector = Selector::of(context, args.instance.as_deref())?;
    let client = context.client().await?;
    let mut lines = client
        .restart(&selector.reference)
        .await
        .map_err(|error| selector.explain(error))?;
    let result = follow::to_result(&mut lines, &mut context.printer).await?;
    follow::conclude(&result, &mut context.printer)
}
