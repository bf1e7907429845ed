//! How the engine is asked what its disk holds: by one at a time, for engines allow no more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use crate::engine::{EngineError, Result};

/// Between two questions to an engine that answers somebody else.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// How long it is asked again. A walk through many volumes takes minutes.
const RETRY_LIMIT: Duration = Duration::from_mins(2);

/// The queue for an answer. Whoever waits while one question is out shares the answer to the next,
/// which tells of all that was there when they came.
#[derive(Debug)]
pub struct SharedRequest<T> {
    /// Questions that were begun.
    begun: AtomicU64,
    last: Mutex<Option<SharedAnswer<T>>>,
}

#[derive(Debug)]
struct SharedAnswer<T> {
    /// Which question it answers, from 1.
    number: u64,
    result: Result<Arc<T>>,
}

impl<T> Default for SharedRequest<T> {
    fn default() -> Self {
        Self {
            begun: AtomicU64::default(),
            last: Mutex::default(),
        }
    }
}

impl<T> SharedRequest<T> {
    /// What `ask` is told, or what somebody else was who asked after this call was made.
    /// [`EngineError::Busy`] if the engine answers others for longer than [`RETRY_LIMIT`].
    pub async fn answer<F>(&self, ask: impl Fn() -> F) -> Result<Arc<T>>
    where
        F: Future<Output = Result<T>>,
    {
        let before = self.begun.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        if let Some(answer) = last.as_ref()
            && answer.number > before
        {
            return answer.result.clone();
        }
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let result = retry_while_busy(ask).await.map(Arc::new);
        *last = Some(SharedAnswer {
            number,
            result: result.clone(),
        });
        result
    }
}

async fn retry_while_busy<T, F>(ask: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let deadline = Instant::now() + RETRY_LIMIT;
    loop {
        match ask().await {
            Err(EngineError::Busy { .. }) if Instant::now() + RETRY_INTERVAL < deadline => {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;

    use super::*;

    fn busy<T>() -> Result<T> {
        Err(EngineError::Busy {
            operation: "answer".to_owned(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_engine_is_asked_again() {
        let (queue, asked) = (SharedRequest::default(), AtomicUsize::new(0));
        let ask = async || match asked.fetch_add(1, Ordering::Relaxed) {
            0..3 => busy(),
            _ => Ok(7),
        };
        assert_eq!(*queue.answer(ask).await.unwrap(), 7);
        assert_eq!(asked.load(Ordering::Relaxed), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stays_busy_is_given_up_and_asked_afresh_the_next_time() {
        let queue = SharedRequest::default();
        let began = Instant::now();
        let result = queue.answer(async || busy::<u8>()).await;
        assert!(
            matches!(result, Err(EngineError::Busy { .. })),
            "{result:?}"
        );
        assert!(began.elapsed() <= RETRY_LIMIT);
        assert_eq!(*queue.answer(async || Ok(1)).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn another_failure_is_told_at_once() {
        let asked = AtomicUsize::new(0);
        let result = SharedRequest::<u8>::default()
            .answer(async || {
                asked.fetch_add(1, Ordering::Relaxed);
                Err(EngineError::Missing {
                    what: "it".to_owned(),
                })
            })
            .await;
        assert!(matches!(result, Err(EngineError::Missing { .. })));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    /// Three come while the first question is out: they share the second, and none the first, which
    /// may know nothing of what they did before they came.
    #[tokio::test(start_paused = true)]
    async fn who_waits_shares_the_answer_to_the_next_question() {
        let (queue, asked) = (
            Arc::new(SharedRequest::default()),
            Arc::new(AtomicUsize::new(0)),
        );
        let (running, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let first = {
            let (queue, asked) = (queue.clone(), asked.clone());
            let (running, go_on) = (running.clone(), go_on.clone());
            async move {
                let ask = async || {
                    running.notify_one();
                    go_on.notified().await;
                    Ok(asked.fetch_add(1, Ordering::Relaxed) + 1)
                };
                *queue.answer(ask).await.unwrap()
            }
        };
        let later = async {
            running.notified().await;
            let ask = async || Ok(asked.fetch_add(1, Ordering::Relaxed) + 1);
            let all =
                async { tokio::join!(queue.answer(ask), queue.answer(ask), queue.answer(ask)) };
            let (all, ()) = tokio::join!(all, async { go_on.notify_one() });
            [all.0, all.1, all.2].map(|result| *result.unwrap())
        };
        let (first, later) = tokio::join!(first, later);
        assert_eq!((first, later), (1, [2, 2, 2]));
        // The control: who comes when nobody asks has a question of their own.
        assert_eq!(*queue.answer(async || Ok(3)).await.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_while_asking_leaves_the_place_to_the_next() {
        let queue = SharedRequest::<u8>::default();
        let given_up = tokio::time::timeout(
            RETRY_INTERVAL,
            queue.answer(std::future::pending::<Result<u8>>),
        )
        .await;
        assert!(given_up.is_err());
        assert_eq!(*queue.answer(async || Ok(2)).await.unwrap(), 2);
    }
}
