//! `off_thread`: what blocks, off the runtime's threads. `in_tree`: the same with a project's files.
//!
//! Both begin at once. Their futures are small, whatever the work holds.

use std::path::PathBuf;

use super::LifecycleError;
use crate::project::LocalTree;

pub(super) fn off_thread<T: Send + 'static, W>(
    work: W,
) -> impl Future<Output = Result<T, LifecycleError>> + Send + use<T, W>
where
    W: FnOnce() -> Result<T, LifecycleError> + Send + 'static,
{
    let task = tokio::task::spawn_blocking(work);
    // Fails only if the work panicked or the runtime is going away.
    async move { task.await.unwrap_or(Err(LifecycleError::ShuttingDown)) }
}

/// What `read` finds among the files of a directory. `None` where they cannot be read, too.
pub(super) fn in_tree<T: Send + 'static, R>(
    directory: &str,
    read: R,
) -> impl Future<Output = Option<T>> + Send + use<T, R>
where
    R: FnOnce(&LocalTree) -> Option<T> + Send + 'static,
{
    let directory = PathBuf::from(directory);
    let task = tokio::task::spawn_blocking(move || {
        let tree = LocalTree::open(&directory).ok()?;
        read(&tree)
    });
    async move { task.await.ok().flatten() }
}
