//! What is not needed any more: told, or removed.

use axum::{Json, extract::State};

use super::{AppState, reply::Refusal};
use crate::{
    api::{PruneRequest, WasteItem, WasteKind, WasteView},
    engine::LeftoverKind,
    lifecycle::PruneItem,
};

pub async fn prune(
    State(state): State<AppState>,
    Json(request): Json<PruneRequest>,
) -> Result<Json<WasteView>, Refusal> {
    let found = state.manager.prune(request.remove).await?;
    let mut items: Vec<WasteItem> = found.into_iter().map(item).collect();
    if request.all {
        let ours = state.manager.images();
        let images = if request.remove {
            ours.prune().await?
        } else {
            ours.candidates().await?
        };
        items.extend(images.iter().flat_map(|image| {
            image.tags.iter().map(|tag| WasteItem {
                kind: WasteKind::Image,
                name: tag.to_string(),
                bytes: image.size_bytes,
            })
        }));
    }
    Ok(Json(WasteView {
        removed: request.remove,
        bytes: items.iter().map(|item| item.bytes).sum(),
        items,
    }))
}

fn item(waste: PruneItem) -> WasteItem {
    let (kind, name, bytes) = match waste {
        PruneItem::Engine(leftover) => {
            let kind = match leftover.kind {
                LeftoverKind::Home { .. } => WasteKind::Home,
                LeftoverKind::Guest => WasteKind::Guest,
                LeftoverKind::Image => WasteKind::Image,
            };
            (kind, leftover.name, leftover.bytes)
        }
        PruneItem::Mirror { id, bytes } => (WasteKind::Mirror, id.to_string(), bytes),
        PruneItem::BaseImage { tag, bytes } => (WasteKind::Image, tag.to_string(), bytes),
        PruneItem::Log { path, bytes } => (WasteKind::Log, path, bytes),
    };
    WasteItem { kind, name, bytes }
}
