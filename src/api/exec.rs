//! `exec`: the request, and the frames of the upgraded stream.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::model::{Problem, Secret};

/// The `Upgrade:` header of an exec request, whose JSON body is an [`ExecRequest`].
pub const UPGRADE_PROTOCOL: &str = "codemate-exec";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRequest {
    pub argv: Vec<String>,
    #[serde(default)]
    pub env: BTreeMap<String, Secret>,
    #[serde(default)]
    pub tty: bool,
    #[serde(default)]
    pub stdin: bool,
    /// Columns and rows.
    #[serde(default)]
    pub size: Option<(u16, u16)>,
}

/// One frame: a kind byte, a big-endian u32 length, the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecFrame {
    /// To the command; empty closes its standard input.
    Stdin(Bytes),
    Stdout(Bytes),
    Stderr(Bytes),
    Resize {
        columns: u16,
        rows: u16,
    },
    /// Last from the agent when the command ran.
    Exit(i64),
    /// Last from the agent when it could not run.
    Failed(Problem),
}

impl ExecFrame {
    /// Longer frames are refused; writers split.
    pub const LONGEST: usize = 1 << 20;

    pub fn encode(&self, to: &mut BytesMut) {
        let (kind, payload) = match self {
            Self::Stdin(bytes) => (0, bytes.clone()),
            Self::Stdout(bytes) => (1, bytes.clone()),
            Self::Stderr(bytes) => (2, bytes.clone()),
            Self::Resize { columns, rows } => {
                let mut size = BytesMut::with_capacity(4);
                size.put_u16(*columns);
                size.put_u16(*rows);
                (3, size.freeze())
            }
            Self::Exit(code) => (4, Bytes::copy_from_slice(&code.to_be_bytes())),
            Self::Failed(problem) => (
                5,
                Bytes::from(serde_json::to_vec(problem).unwrap_or_default()),
            ),
        };
        to.put_u8(kind);
        to.put_u32(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        to.put_slice(&payload);
    }

    /// Take one frame off the front; `Ok(None)` if it is not whole yet, `Err` if it is no frame.
    pub fn decode(from: &mut BytesMut) -> Result<Option<Self>, BadFrame> {
        const HEAD: usize = 5;
        if from.len() < HEAD {
            return Ok(None);
        }
        let length = u32::from_be_bytes([from[1], from[2], from[3], from[4]]) as usize;
        if length > Self::LONGEST {
            return Err(BadFrame);
        }
        if from.len() < HEAD + length {
            return Ok(None);
        }
        let kind = from[0];
        from.advance(HEAD);
        let mut payload = from.split_to(length).freeze();
        Ok(Some(match (kind, length) {
            (0, _) => Self::Stdin(payload),
            (1, _) => Self::Stdout(payload),
            (2, _) => Self::Stderr(payload),
            (3, 4) => Self::Resize {
                columns: payload.get_u16(),
                rows: payload.get_u16(),
            },
            (4, 8) => Self::Exit(payload.get_i64()),
            (5, _) => Self::Failed(serde_json::from_slice(&payload).map_err(|_| BadFrame)?),
            _ => return Err(BadFrame),
        }))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the exec stream holds something that is no frame")]
pub struct BadFrame;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Code;

    #[test]
    fn frames_survive_being_cut_anywhere() {
        let frames = [
            ExecFrame::Stdin(Bytes::new()),
            ExecFrame::Stdout(Bytes::from_static(b"hello")),
            ExecFrame::Resize {
                columns: 80,
                rows: 24,
            },
            ExecFrame::Exit(-1),
            ExecFrame::Failed(Problem::new(Code::NotFound, "no such instance")),
        ];
        let mut wire = BytesMut::new();
        for frame in &frames {
            frame.encode(&mut wire);
        }
        let mut read = Vec::new();
        let mut buffer = BytesMut::new();
        for byte in wire {
            buffer.put_u8(byte);
            while let Some(frame) = ExecFrame::decode(&mut buffer).unwrap() {
                read.push(frame);
            }
        }
        assert_eq!(read, frames);
    }

    #[test]
    fn a_frame_too_long_is_refused_before_it_is_awaited() {
        let mut wire = BytesMut::from(&[1, 0xff, 0xff, 0xff, 0xff][..]);
        assert_eq!(ExecFrame::decode(&mut wire), Err(BadFrame));
    }
}
