//! `images`: list, build and remove the base images.

use clap::{Args, Subcommand};

use crate::{
    api::{BuildImagesRequest, ImageView},
    cli::{
        context::Context,
        event_stream,
        exit::{Failure, Outcome},
        output::table,
    },
    model::Size,
};

#[derive(Debug, Args)]
pub struct ImagesArgs {
    #[command(subcommand)]
    command: ImagesCommand,
}

#[derive(Debug, Subcommand)]
enum ImagesCommand {
    /// List the base images there are, and which have been built
    Ls,
    /// Build base images; the default of each stack if none is named
    Build {
        /// Tags or stacks, such as `python` or `codemate/python:3.11`
        #[arg(value_name = "IMAGE")]
        images: Vec<String>,
        /// Build again what is there already
        #[arg(long)]
        rebuild: bool,
    },
    /// Remove base images that no instance uses
    Prune,
}

pub async fn run(context: &mut Context, args: ImagesArgs) -> Outcome {
    match args.command {
        ImagesCommand::Ls => ls(context).await,
        ImagesCommand::Build { images, rebuild } => {
            let client = context.client_of_here().await?;
            let mut lines = client
                .build_images(&BuildImagesRequest { images, rebuild })
                .await?;
            let result = event_stream::to_result(&mut lines, &mut context.printer).await?;
            event_stream::conclude(&result, &mut context.printer)
        }
        ImagesCommand::Prune => prune(context).await,
    }
}

async fn ls(context: &mut Context) -> Outcome {
    let view = context.client().await?.images().await?;
    context.printer.view(&view, || {
        table::columns(
            ["IMAGE", "STACK", "VERSION", "SIZE"],
            view.images.iter().map(row),
        )
    })?;
    Ok(0)
}

fn row(image: &ImageView) -> [String; 4] {
    let size = match &image.built {
        Some(built) => Size(built.size_bytes).to_string(),
        None if image.available => "not built".to_owned(),
        None => "takes a registry".to_owned(),
    };
    [
        image.tag.clone(),
        image.stack.clone(),
        image.version.clone(),
        size,
    ]
}

async fn prune(context: &mut Context) -> Outcome {
    if !context
        .printer
        .confirm("Remove every base image that no instance uses?")?
    {
        return Err(Failure::usage("nothing was removed"));
    }
    let view = context.client().await?.prune_images().await?;
    context.printer.view(&view, || view.removed.join("\n"))?;
    context
        .printer
        .note(&format!("{} freed", Size(view.freed_bytes)));
    Ok(0)
}
