//! Base images: list, build, prune.

use axum::{Json, extract::State, response::Response};
use tokio::sync::mpsc;

use super::{
    AppState,
    reply::Refusal,
    stream::{ClientGone, NdjsonLines, ndjson},
};
use crate::{
    api::{BuildImagesRequest, BuiltView, ImageView, ImagesView, PruneView},
    lifecycle::{BaseImage, LifecycleError},
    model::{BuildProgress, Event, StepState, StepUpdate, UpOutcome},
};

pub async fn list(State(state): State<AppState>) -> Result<Json<ImagesView>, Refusal> {
    let images = state.manager.images().list().await?;
    Ok(Json(ImagesView {
        images: images.into_iter().map(view).collect(),
    }))
}

pub async fn build(
    State(state): State<AppState>,
    Json(request): Json<BuildImagesRequest>,
) -> Result<Response, Refusal> {
    let chosen = state.manager.images().chosen(&request.images).await?;
    let manager = state.manager.clone();
    Ok(ndjson(&state.scope, None, move |mut lines| async move {
        let mut changed = false;
        for image in chosen {
            if image.is_current() && !request.rebuild {
                send_step(&mut lines, &image, StepState::Skipped, None).await?;
                continue;
            }
            let (to, progress) = mpsc::unbounded_channel();
            let tell_of = move |news| {
                // A reader that left hears nothing; the build goes on to its end.
                let _ = to.send(news);
            };
            let images = manager.images();
            let making = images.make(&image.tag, request.rebuild, &tell_of);
            match forward_progress(&mut lines, &image, progress, making).await? {
                Ok(()) => changed = true,
                Err(error) => return lines.end(UpOutcome::failure(error.problem())).await,
            }
        }
        lines.end(UpOutcome::success(changed, None)).await
    }))
}

async fn forward_progress<T>(
    lines: &mut NdjsonLines,
    image: &BaseImage,
    mut progress: mpsc::UnboundedReceiver<BuildProgress>,
    making: impl Future<Output = Result<T, LifecycleError>>,
) -> Result<Result<(), LifecycleError>, ClientGone> {
    send_step(lines, image, StepState::Started, None).await?;
    tokio::pin!(making);
    let made = loop {
        tokio::select! {
            biased;
            Some(news) = progress.recv() => {
                send_step(lines, image, StepState::Progress, Some(news)).await?;
            }
            made = &mut making => break made,
        }
    };
    let state = if made.is_ok() {
        StepState::Done
    } else {
        StepState::Failed
    };
    send_step(lines, image, state, None).await?;
    Ok(made.map(drop))
}

async fn send_step(
    lines: &mut NdjsonLines,
    image: &BaseImage,
    state: StepState,
    progress: Option<BuildProgress>,
) -> Result<(), ClientGone> {
    let detail = match state {
        StepState::Skipped => format!("{} is built already", image.tag),
        _ => image.tag.to_string(),
    };
    let update = StepUpdate {
        id: "image".to_owned(),
        state,
        detail,
        ms: 0,
        progress,
    };
    lines.send(Event::Step(update)).await
}

pub async fn prune(State(state): State<AppState>) -> Result<Json<PruneView>, Refusal> {
    let removed = state.manager.images().prune().await?;
    Ok(Json(PruneView {
        freed_bytes: removed.iter().map(|image| image.size_bytes).sum(),
        removed: removed
            .iter()
            .flat_map(|image| image.tags.iter().map(ToString::to_string))
            .collect(),
    }))
}

fn view(image: BaseImage) -> ImageView {
    ImageView {
        tag: image.tag.to_string(),
        stack: image.stack,
        version: image.version,
        default: image.default,
        available: image.available,
        supported: image.supported,
        built: image.built.map(|built| BuiltView {
            id: built.id,
            size_bytes: built.size_bytes,
            created: built.created,
        }),
    }
}
