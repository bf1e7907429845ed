//! What a program prints: always read, the last of it kept, all of it offered.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::mpsc,
};

/// Bytes of one line; what is longer is cut.
const LONGEST: usize = 4096;
/// Lines that are kept, for whoever asks why it ended.
const MOST_LINES: usize = 20;

/// The last lines.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn push(&self, line: String) {
        let mut lines = self.0.lock();
        if lines.len() == MOST_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub fn lines(&self) -> Vec<String> {
        let lines = self.0.lock();
        lines.iter().cloned().collect()
    }
}

/// Read to the end, so that the program never waits for us. A line that nobody takes in time is
/// not offered again.
pub(super) async fn drain(
    mut from: impl AsyncRead + Unpin,
    tail: Tail,
    offer: mpsc::Sender<String>,
) {
    let mut cutter = LineSplitter::default();
    let mut buffer = vec![0; 8192];
    let hand_on = |line: String| {
        tail.push(line.clone());
        let _ = offer.try_send(line);
    };
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        cutter.cut(&buffer[..read], hand_on);
    }
    cutter.cut(b"\n", hand_on);
}

/// Cuts bytes into lines.
#[derive(Default)]
struct LineSplitter(Vec<u8>);

impl LineSplitter {
    fn cut(&mut self, bytes: &[u8], mut line: impl FnMut(String)) {
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => {
                    let text = String::from_utf8_lossy(&self.0);
                    let bare = console::strip_ansi_codes(&text);
                    if !bare.trim().is_empty() {
                        line(bare.trim_end().replace(char::is_control, " "));
                    }
                    self.0.clear();
                }
                _ if self.0.len() < LONGEST => self.0.push(*byte),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(pieces: &[&[u8]]) -> Vec<String> {
        let mut cutter = LineSplitter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            cutter.cut(piece, |line| lines.push(line));
        }
        lines
    }

    #[test]
    fn lines_are_whole_however_they_arrive() {
        assert_eq!(lines_of(&[b"a", b"b\nc\r\n\n", b"d"]), ["ab", "c"]);
        assert_eq!(
            lines_of(&[b"\x1b[32mlistening\x1b[0m at x\x07\n"]),
            ["listening at x "]
        );
        assert_eq!(lines_of(&[b"\xff\n"]), ["\u{fffd}"]);
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let long = vec![b'x'; LONGEST * 3];
        let lines = lines_of(&[&long, b"\nnext\n"]);
        assert_eq!(lines[0].len(), LONGEST);
        assert_eq!(lines[1], "next");
    }

    #[tokio::test]
    async fn nobody_listening_stops_nothing() {
        let (offer, mut offered) = mpsc::channel(2);
        let tail = Tail::default();
        let text = (0..50)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join("\n");
        drain(text.as_bytes(), tail.clone(), offer).await;
        assert_eq!(tail.lines().len(), MOST_LINES);
        assert_eq!(tail.lines().last().map(String::as_str), Some("49"));
        assert_eq!(offered.recv().await.as_deref(), Some("0"));
        assert_eq!(offered.recv().await.as_deref(), Some("1"));
        assert_eq!(offered.recv().await, None);
    }
}
