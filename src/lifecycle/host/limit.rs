//! Which of several things go for the rest to hold no more than a limit.

/// The first of `all`, in their order, without which the rest holds `most` bytes at most.
pub(super) fn over_limit<T>(mut all: Vec<T>, most: u64, bytes: impl Fn(&T) -> u64) -> Vec<T> {
    let mut held: u64 = all.iter().map(&bytes).sum();
    let goes = |one: &&T| {
        let is_over = held > most;
        if is_over {
            held -= bytes(one);
        }
        is_over
    };
    let count = all.iter().take_while(goes).count();
    all.truncate(count);
    all
}
