//! How fast output may go to the engine, counted in what it costs there.
//!
//! The engine takes every line apart and writes it anew as a record, in processes that no limit of
//! the container's counts. So an app could spend the host's CPU by writing; what it may spend is
//! bounded here. The clock is the caller's.

use std::time::Duration;

/// What a line costs, whatever its length, in bytes that would cost as much. Docker 20.10 with
/// `json-file` took 1.4 µs for an empty line and 3.3 ms for a MiB of long ones, which is 3.1 ns a
/// byte: 450 bytes.
pub const LINE: u64 = 512;
/// Bytes a second that may go for ever: 13 ms of the engine's CPU in each second, by the above.
pub const RATE: u64 = 4 << 20;
/// Bytes that may go at once after a silence: 55 000 lines of 80 characters, a long build's log.
pub const BURST: u64 = 32 << 20;
/// What goes is worth a write: so much of the budget, or of output, at least.
const WORTH: u64 = 16 << 10;
/// Less than that is gathered for so long after a write: each wakes the engine twice, for more
/// than a line costs it.
const GATHER: Duration = Duration::from_millis(5);

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// A budget that fills with time.
pub struct OutputRate {
    level: u64,
    /// Until when `level` is reckoned.
    at: Duration,
    wrote: Option<Duration>,
}

impl OutputRate {
    pub fn new() -> Self {
        Self {
            level: BURST,
            at: Duration::ZERO,
            wrote: None,
        }
    }

    /// How much of the beginning of `bytes` may be written now; to be paid for when it was.
    pub fn allowed_bytes(&mut self, bytes: &[u8], now: Duration) -> usize {
        self.fill(now);
        if self.wait(now, bytes.len()).is_some() {
            return 0;
        }
        let mut left = self.level;
        for (at, byte) in bytes.iter().enumerate() {
            let cost = cost(*byte);
            if cost > left {
                return at;
            }
            left -= cost;
        }
        bytes.len()
    }

    pub fn spend(&mut self, written: &[u8], now: Duration) {
        let cost = written.iter().map(|&byte| cost(byte)).sum();
        self.level = self.level.saturating_sub(cost);
        self.wrote = Some(now);
    }

    /// Nothing more of it will come: it need not be gathered.
    pub fn allow_burst(&mut self) {
        self.wrote = None;
    }

    /// How long until some of `len` bytes may be written, if not now.
    pub fn wait(&self, now: Duration, len: usize) -> Option<Duration> {
        let missing = WORTH.saturating_sub(self.level);
        let earned = Duration::from_nanos((missing * SECOND).div_ceil(RATE));
        let is_much = u64::try_from(len).is_ok_and(|len| len >= WORTH);
        let gathered = self
            .wrote
            .filter(|_| !is_much)
            .map_or(self.at, |wrote| wrote + GATHER);
        let when = (self.at + earned).max(gathered);
        Some(when.saturating_sub(now)).filter(|wait| !wait.is_zero())
    }

    fn fill(&mut self, now: Duration) {
        let passed = now
            .saturating_sub(self.at)
            .min(Duration::from_secs(BURST.div_ceil(RATE)));
        let earned = u64::try_from(passed.as_nanos()).unwrap_or(0) * RATE / SECOND;
        self.level += earned;
        if self.level >= BURST {
            self.level = BURST;
            self.at = self.at.max(now);
        } else {
            // The rest of a byte is not lost.
            self.at += Duration::from_nanos(earned * SECOND / RATE);
        }
    }
}

fn cost(byte: u8) -> u64 {
    if byte == b'\n' { 1 + LINE } else { 1 }
}
