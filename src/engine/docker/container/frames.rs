//! Docker's framing of two streams in one: eight bytes of header, then the payload. Pure.

use bytes::{Buf, Bytes, BytesMut};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    Stdout,
    Stderr,
}

/// Takes frames apart. Payloads come out as they arrive, not only when a frame is whole.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    current: Option<(OutputStream, usize)>,
}

impl FrameDecoder {
    const HEADER: usize = 8;

    /// The next piece of payload in `buffer`, taken out of it; `None` if more has to be read.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Option<(OutputStream, Bytes)> {
        loop {
            match self.current {
                Some((_, 0)) => self.current = None,
                Some((stream, remaining)) => {
                    if buffer.is_empty() {
                        return None;
                    }
                    let piece = buffer.split_to(remaining.min(buffer.len())).freeze();
                    self.current = Some((stream, remaining - piece.len()));
                    return Some((stream, piece));
                }
                None => {
                    if buffer.len() < Self::HEADER {
                        return None;
                    }
                    // 0 is standard input, echoed; only 2 is standard error.
                    let stream = if buffer[0] == 2 {
                        OutputStream::Stderr
                    } else {
                        OutputStream::Stdout
                    };
                    buffer.advance(4);
                    self.current = Some((stream, buffer.get_u32() as usize));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, 0];
        bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn payloads_survive_any_cut() {
        let bytes = [
            frame(1, b"out"),
            frame(2, b""),
            frame(2, b"error"),
            frame(1, b"\x01\x02"),
        ]
        .concat();
        for step in 1..=bytes.len() {
            let (mut frames, mut buffer) = (FrameDecoder::default(), BytesMut::new());
            let (mut out, mut err) = (Vec::new(), Vec::new());
            for piece in bytes.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some((stream, payload)) = frames.next(&mut buffer) {
                    match stream {
                        OutputStream::Stdout => out.extend(payload),
                        OutputStream::Stderr => err.extend(payload),
                    }
                }
            }
            assert_eq!(
                (out.as_slice(), err.as_slice()),
                (&b"out\x01\x02"[..], &b"error"[..]),
                "{step}"
            );
        }
    }
}
