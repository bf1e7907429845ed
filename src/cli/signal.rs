//! Ctrl-C, requests to terminate, and `--timeout`.

use std::{future::Future, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::Failure;
use crate::model::{Code, Problem};

/// Both signals, taken over from the moment this is made.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub fn take() -> Result<Self, Failure> {
        let take = |kind| {
            signal(kind).map_err(|error| {
                Failure::from(Problem::new(
                    Code::Internal,
                    format!("signals cannot be taken: {error}"),
                ))
            })
        };
        Ok(Self {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
        })
    }

    /// [`Code::Interrupted`] or [`Code::Terminated`].
    pub async fn next(&mut self) -> Code {
        tokio::select! {
            _ = self.interrupt.recv() => Code::Interrupted,
            _ = self.terminate.recv() => Code::Terminated,
        }
    }

    /// Run until it is done, a signal comes or time is up. The work is dropped then, and the
    /// agent sees its connection close.
    pub async fn guard<T>(
        &mut self,
        limit: Option<Duration>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let late = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = work => done,
            code = self.next() => Err(ended(code)),
            () = late => Err(timed_out(limit.unwrap_or_default())),
        }
    }
}

pub fn ended(code: Code) -> Failure {
    let message = if code == Code::Interrupted {
        "interrupted"
    } else {
        "terminated"
    };
    Problem::new(code, message).retryable().into()
}

fn timed_out(limit: Duration) -> Failure {
    Problem::new(
        Code::TimedOut,
        format!("not done within {}", humantime::format_duration(limit)),
    )
    .hint("`--timeout` sets how long to wait")
    .retryable()
    .into()
}
