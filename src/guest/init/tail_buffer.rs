//! The last lines a program wrote, for whoever asks why it ended.

use std::collections::VecDeque;

const LINES: usize = 40;
const LINE: usize = 2048;

#[derive(Default)]
pub struct TailBuffer {
    done: VecDeque<String>,
    /// A line that has not ended, for each stream.
    open: [Vec<u8>; 2],
    /// How many lines were ended so far.
    count: u64,
}

impl TailBuffer {
    pub fn push(&mut self, stderr: bool, bytes: &[u8]) {
        let stream = usize::from(stderr);
        let mut pieces = bytes.split(|&byte| byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let room = LINE
                .saturating_sub(self.open[stream].len())
                .min(piece.len());
            self.open[stream].extend_from_slice(&piece[..room]);
            if pieces.peek().is_some() {
                let line = std::mem::take(&mut self.open[stream]);
                self.push_line(&line);
            }
        }
    }

    /// How many lines there were so far, and the last of them; a line that has not ended is one.
    pub fn snapshot(&self) -> (u64, Vec<String>) {
        let open = self.open.iter().filter(|open| !open.is_empty());
        let open: Vec<String> = open.map(|open| text(open)).collect();
        let count = self.count + open.len() as u64;
        let mut last: Vec<String> = self.done.iter().cloned().chain(open).collect();
        last.drain(..last.len().saturating_sub(LINES));
        (count, last)
    }

    pub fn take(&mut self) -> Vec<String> {
        for open in std::mem::take(&mut self.open) {
            if !open.is_empty() {
                self.push_line(&open);
            }
        }
        self.done.drain(..).collect()
    }

    fn push_line(&mut self, line: &[u8]) {
        if self.done.len() == LINES {
            self.done.pop_front();
        }
        self.done.push_back(text(line));
        self.count += 1;
    }
}

fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}
