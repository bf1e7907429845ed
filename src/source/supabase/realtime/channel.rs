//! One connection: joins, beats, passes tokens on, and ends with the reason why.

use std::{future::pending, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _, future::BoxFuture};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{
    Pace, RealtimeError, Subscription,
    frame::{FrameCodec, PhoenixMessage},
    socket::RealtimeSocket,
};
use crate::{
    model::Secret,
    source::supabase::{SupabaseError, Tokens},
    task::Scope,
};

const GOODBYE: Duration = Duration::from_secs(1);

/// What a connection has to say while it lasts.
pub(super) enum ChannelEvent {
    Live,
    Changed,
}

/// How it ended.
pub(super) enum ChannelEnd {
    Stopped,
    Failed(RealtimeError),
}

pub(super) struct RealtimeChannel<'a> {
    pub(super) socket: RealtimeSocket,
    pub(super) what: &'a Subscription,
    pub(super) pace: &'a Pace,
    pub(super) tokens: &'a Arc<dyn Tokens>,
    pub(super) scope: &'a Scope,
}

type Asking = BoxFuture<'static, Result<Option<Secret>, SupabaseError>>;

/// How far it has come.
enum JoinStage {
    Joining { until: Instant },
    Confirming { until: Instant },
    Live,
}

struct Heartbeat {
    next: Instant,
    /// The beat that was not answered yet, and until when it has to be.
    open: Option<(u64, Instant)>,
}

impl RealtimeChannel<'_> {
    /// Until stopped or broken. `token` is what the join carries.
    pub(super) async fn run(
        mut self,
        token: Option<Secret>,
        mut tell: impl FnMut(ChannelEvent) + Send,
    ) -> ChannelEnd {
        let mut frames = FrameCodec::new(self.what);
        let ended = match self.attend(&mut frames, token, &mut tell).await {
            Ok(()) => ChannelEnd::Stopped,
            Err(error) => ChannelEnd::Failed(error),
        };
        // Politely, but not for long: the server notices a dead socket by itself.
        let leave = frames.leave();
        let goodbye = async {
            self.send(leave).await.ok();
            self.socket.close(None).await.ok();
        };
        timeout(GOODBYE, goodbye).await.ok();
        ended
    }

    async fn attend(
        &mut self,
        frames: &mut FrameCodec,
        mut token: Option<Secret>,
        tell: &mut (impl FnMut(ChannelEvent) + Send),
    ) -> Result<(), RealtimeError> {
        self.send(frames.join(self.what, token.as_ref())).await?;
        let now = Instant::now();
        let mut stage = JoinStage::Joining {
            until: now + self.pace.opening,
        };
        let mut heart = Heartbeat {
            next: now + self.pace.heartbeat,
            open: None,
        };
        let mut asking: Option<Asking> = None;
        loop {
            tokio::select! {
                () = self.scope.cancelled() => return Ok(()),
                message = self.socket.next() => {
                    let Some(text) = text_of(message)? else { continue };
                    self.take(frames.read(&text), &mut stage, &mut heart, tell)?;
                }
                () = sleep_until(heart.due()) => {
                    self.beat(frames, &mut heart).await?;
                    // Whoever gives tokens out renews them ahead of their end.
                    let tokens = Arc::clone(self.tokens);
                    asking.get_or_insert_with(|| Box::pin(async move { tokens.token().await }));
                }
                newer = asked(&mut asking) => {
                    asking = None;
                    self.pass_on(frames, newer, &mut token).await?;
                }
                error = late(&stage, self.pace) => return Err(error),
            }
        }
    }

    fn take(
        &self,
        incoming: PhoenixMessage,
        stage: &mut JoinStage,
        heart: &mut Heartbeat,
        tell: &mut impl FnMut(ChannelEvent),
    ) -> Result<(), RealtimeError> {
        match incoming {
            PhoenixMessage::Joined if matches!(stage, JoinStage::Joining { .. }) => {
                *stage = JoinStage::Confirming {
                    until: Instant::now() + self.pace.confirming,
                };
            }
            PhoenixMessage::Confirmed => {
                if !matches!(stage, JoinStage::Live) {
                    *stage = JoinStage::Live;
                    tell(ChannelEvent::Live);
                }
            }
            PhoenixMessage::Changed => tell(ChannelEvent::Changed),
            PhoenixMessage::Refused(said) | PhoenixMessage::Trouble(said) => {
                return Err(RealtimeError::said(&said));
            }
            PhoenixMessage::Closed => {
                return Err(RealtimeError::Closed {
                    said: String::new(),
                });
            }
            PhoenixMessage::Beat(number) => {
                if heart.open.is_some_and(|(open, _)| open == number) {
                    heart.open = None;
                }
            }
            PhoenixMessage::Joined | PhoenixMessage::Other => {}
        }
        Ok(())
    }

    async fn beat(
        &mut self,
        frames: &mut FrameCodec,
        heart: &mut Heartbeat,
    ) -> Result<(), RealtimeError> {
        if heart.open.is_some() {
            let waited = self.pace.answer;
            return Err(RealtimeError::Silent { waited });
        }
        let (number, frame) = frames.heartbeat();
        let now = Instant::now();
        heart.open = Some((number, now + self.pace.answer));
        heart.next = now + self.pace.heartbeat;
        self.send(frame).await
    }

    /// Tell the server of a token that it does not have yet.
    async fn pass_on(
        &mut self,
        frames: &mut FrameCodec,
        newer: Result<Option<Secret>, SupabaseError>,
        token: &mut Option<Secret>,
    ) -> Result<(), RealtimeError> {
        match newer {
            Ok(Some(newer)) if token.as_ref() != Some(&newer) => {
                let frame = frames.token(&newer);
                *token = Some(newer);
                self.send(frame).await
            }
            Ok(_) => Ok(()),
            // The token the server has may be good for a while.
            Err(error) if error.is_transient() => Ok(()),
            Err(error) => Err(RealtimeError::NoToken(error)),
        }
    }

    async fn send(&mut self, frame: String) -> Result<(), RealtimeError> {
        let sent = timeout(self.pace.answer, self.socket.send(Message::text(frame))).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(broken(&why)),
            Err(_) => Err(RealtimeError::Silent {
                waited: self.pace.answer,
            }),
        }
    }
}

impl Heartbeat {
    /// When to beat, or to find that the last beat was not answered.
    fn due(&self) -> Instant {
        self.open.map_or(self.next, |(_, until)| until)
    }
}

/// Resolves when this stage has lasted too long.
async fn late(stage: &JoinStage, pace: &Pace) -> RealtimeError {
    match stage {
        JoinStage::Joining { until } => {
            sleep_until(*until).await;
            let waited = pace.opening;
            RealtimeError::Silent { waited }
        }
        JoinStage::Confirming { until } => {
            sleep_until(*until).await;
            let waited = pace.confirming;
            RealtimeError::Unconfirmed { waited }
        }
        JoinStage::Live => pending().await,
    }
}

async fn asked(asking: &mut Option<Asking>) -> Result<Option<Secret>, SupabaseError> {
    match asking {
        Some(asking) => asking.await,
        None => pending().await,
    }
}

/// The text of a text message; `None` for others, which mean nothing to us.
fn text_of(
    message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
) -> Result<Option<String>, RealtimeError> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(text.as_str().to_owned())),
        Some(Ok(Message::Close(frame))) => {
            let said = frame.map(|frame| frame.to_string()).unwrap_or_default();
            Err(RealtimeError::Closed { said })
        }
        Some(Ok(_)) => Ok(None),
        Some(Err(why)) => Err(broken(&why)),
        None => Err(RealtimeError::Closed {
            said: String::new(),
        }),
    }
}

fn broken(why: &tokio_tungstenite::tungstenite::Error) -> RealtimeError {
    RealtimeError::Closed {
        said: why.to_string(),
    }
}
