//! `Store::run`: disks are read and written off the runtime's threads.

use super::{Store, StoreError};

impl Store {
    /// Do what blocks. It begins at once, and is done whoever stops waiting for it.
    pub fn run<T: Send + 'static, W>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + use<T, W>
    where
        W: FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    {
        let store = self.clone();
        let task = tokio::task::spawn_blocking(move || work(&store));
        // It is not done only if it panicked or the runtime is going away.
        async move { task.await.unwrap_or(Err(StoreError::Stopped)) }
    }
}
