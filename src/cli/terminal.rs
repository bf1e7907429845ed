//! The terminal in raw mode, and put back on every way out.

use std::{
    io::{self, IsTerminal},
    panic,
    sync::Once,
};

use parking_lot::Mutex;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// What to put back if the program panics, for then nothing is dropped.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
static HOOK: Once = Once::new();

pub fn both_ends() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Columns and rows.
pub fn size() -> Option<(u16, u16)> {
    tcgetwinsize(io::stdout())
        .ok()
        .map(|size| (size.ws_col, size.ws_row))
}

/// Dropping it puts the terminal back.
pub struct Raw;

impl Raw {
    pub fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        HOOK.call_once(|| {
            let next = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                restore();
                next(info);
            }));
        });
        *BEFORE.lock() = Some(before);
        let entered = Self;
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        Ok(entered)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    if let Some(before) = BEFORE.lock().take() {
        // The terminal may be gone, and then there is nothing to put back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &before);
    }
}
