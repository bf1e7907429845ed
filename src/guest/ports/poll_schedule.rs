//! When the kernel's tables of connections are worth reading.
//!
//! Reading one walks the whole machine's table of connections, however few a container has: 10 ms
//! where memory of 24 GB made that table large. How many sockets a container has is told in 50 µs,
//! and a port that begins or ceases to be listened on changes that. The clock is the caller's.

use std::time::Duration;

/// In case that one socket came and another went.
pub const ANYWAY: Duration = Duration::from_secs(3);
/// Pauses after a reading, as multiples of how long it took: where sockets come and go all the
/// time, it takes a fifth of a CPU while nothing listens that somebody waits for, a fortieth while
/// more may come, and a three-hundredth later.
pub const URGENT: u32 = 4;
pub const INTERACTIVE: u32 = 39;
pub const IDLE: u32 = 299;

#[derive(Default)]
pub struct PollSchedule {
    seen: Option<u64>,
    rested: Duration,
    /// The same after the shortest pause.
    urgent: Duration,
    due: Duration,
}

impl PollSchedule {
    /// Whether to read them now, when there are so many sockets; `None` if that is not told.
    pub fn is_worth(&self, sockets: Option<u64>, now: Duration) -> bool {
        let is_new = sockets.is_none() || sockets != self.seen || now >= self.due;
        is_new && now >= self.rested
    }

    /// Something is about to listen that somebody waits for: the pause after the last reading, which
    /// may have been one that nobody waited for, is a short one after all.
    pub fn poll_now(&mut self) {
        self.rested = self.rested.min(self.urgent);
    }

    /// They were read from one time to another, and the sockets counted just before.
    pub fn was_read(&mut self, sockets: Option<u64>, from: Duration, to: Duration, pauses: u32) {
        let took = to.saturating_sub(from);
        // Where CPU is short a reading takes long, and then a port would be seen minutes late.
        let pause = |pauses| (took * pauses).min(ANYWAY);
        *self = Self {
            seen: sockets,
            rested: to + pause(pauses),
            urgent: to + pause(URGENT),
            due: to + ANYWAY,
        };
    }
}

/// TCP sockets that listen or are connected, by what `sockstat` and `sockstat6` say.
pub fn count(texts: [&str; 2]) -> Option<u64> {
    let of = |text: &str, name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    // A kernel without IPv6 has no second file.
    Some(of(texts[0], "TCP: inuse")?.wrapping_add(of(texts[1], "TCP6: inuse").unwrap_or(0)))
}
