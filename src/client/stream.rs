//! `ResponseLines`: an answer of NDJSON as envelopes, each with the text it came from.

use std::pin::Pin;

use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio_util::{
    codec::{FramedRead, LinesCodec, LinesCodecError},
    io::StreamReader,
};

use super::{ClientError, Result};
use crate::{api::Envelope, model::Event};

/// A longer line is refused: nothing we send comes near it.
const LONGEST: usize = 16 << 20;

/// One envelope. The text is kept because a newer agent may say more than `Envelope` holds.
#[derive(Debug, Clone)]
pub struct ResponseLine {
    pub text: String,
    pub envelope: Envelope,
}

pub struct ResponseLines {
    inner: Pin<Box<dyn Stream<Item = std::result::Result<String, LinesCodecError>> + Send>>,
    ended: bool,
}

impl ResponseLines {
    pub(super) fn of(response: reqwest::Response) -> Self {
        let bytes = response.bytes_stream().map_err(std::io::Error::other);
        let lines = FramedRead::new(
            StreamReader::new(bytes),
            LinesCodec::new_with_max_length(LONGEST),
        );
        Self {
            inner: Box::pin(lines),
            ended: false,
        }
    }

    /// The next envelope; `None` after `result`. A stream that stops before that was [cut].
    ///
    /// [cut]: ClientError::Cut
    pub async fn next(&mut self) -> Result<Option<ResponseLine>> {
        if self.ended {
            return Ok(None);
        }
        loop {
            let text = match self.inner.next().await {
                Some(Ok(text)) => text,
                Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                    return Err(ClientError::Malformed(
                        "a line longer than 16 MiB".to_owned(),
                    ));
                }
                Some(Err(LinesCodecError::Io(_))) | None => return Err(ClientError::Cut),
            };
            if text.trim().is_empty() {
                continue;
            }
            let envelope: Envelope = serde_json::from_str(&text)
                .map_err(|error| ClientError::Malformed(error.to_string()))?;
            self.ended = matches!(envelope.event, Event::Result(_));
            return Ok(Some(ResponseLine { text, envelope }));
        }
    }
}
