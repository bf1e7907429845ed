//! `Receiver`: the far end of a sync, the guest's link or a test's stand-in.

use async_trait::async_trait;

use crate::engine::{
    EngineError,
    link::{FileOp, FileRefusal, InventoryEntry, Link},
};

#[async_trait]
pub trait Receiver: Send + Sync {
    /// What earlier syncs wrote.
    async fn inventory(&self) -> Result<Vec<InventoryEntry>, EngineError>;
    /// In order; results align with `ops`. One that is refused does not stop the rest.
    async fn apply(&self, ops: Vec<FileOp>) -> Result<Vec<Result<(), FileRefusal>>, EngineError>;
}

#[async_trait]
impl Receiver for Link {
    async fn inventory(&self) -> Result<Vec<InventoryEntry>, EngineError> {
        self.inventory().await
    }

    async fn apply(&self, ops: Vec<FileOp>) -> Result<Vec<Result<(), FileRefusal>>, EngineError> {
        self.apply(ops).await
    }
}
