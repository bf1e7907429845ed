//! Waiting for a condition.
use codemate_preview::task::Scope;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Poll until `found` finds something.
#[track_caller]
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(it) = found() {
            return it;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("waited in vain for: {what}");
}

/// Run a test on a runtime of its own, and end all that it spawned.
pub fn block_on<F: Future<Output = ()>>(test: impl FnOnce(Scope) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let scope = Scope::new();
        test(scope.clone()).await;
        assert!(scope.close(Duration::from_secs(20)).await, "left running");
    });
}
