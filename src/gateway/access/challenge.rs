//! Challenges: questions that only this gateway can answer, and only at the listener they are for.

use std::{collections::VecDeque, fmt::Write as _, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

/// No request for what is below it ever reaches an app through a public listener.
pub(in crate::gateway) const PREFIX: &str = "/.well-known/codemate/";
const LIFE: Duration = Duration::from_mins(1);
/// One every half second, for as long as they live, and some to spare.
const MOST: usize = 128;

/// Asked with GET at a path, answered by a body. Good for a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub path: String,
    pub answer: String,
}

/// Those of one public listener.
#[derive(Default)]
pub(in crate::gateway) struct Challenges(Mutex<VecDeque<PendingChallenge>>);

struct PendingChallenge {
    nonce: String,
    answer: String,
    until: Instant,
}

impl Challenges {
    pub(in crate::gateway) fn issue(&self) -> Challenge {
        let (nonce, answer) = (random(), random());
        let challenge = Challenge {
            path: format!("{PREFIX}{nonce}"),
            answer: answer.clone(),
        };
        let mut pending = self.0.lock();
        let now = Instant::now();
        while pending.front().is_some_and(|first| first.until <= now) || pending.len() >= MOST {
            pending.pop_front();
        }
        pending.push_back(PendingChallenge {
            nonce,
            answer,
            until: now + LIFE,
        });
        challenge
    }

    pub(in crate::gateway) fn answer(&self, nonce: &str) -> Option<String> {
        let now = Instant::now();
        let pending = self.0.lock();
        pending
            .iter()
            .find(|it| it.nonce == nonce && it.until > now)
            .map(|it| it.answer.clone())
    }
}

/// 256 bits from the kernel, in hexadecimal.
fn random() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("a kernel that runs processes has random bytes for them");
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(challenge: &Challenge) -> &str {
        challenge.path.strip_prefix(PREFIX).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_challenge_is_good_for_a_minute() {
        let challenges = Challenges::default();
        let one = challenges.issue();
        assert_eq!(challenges.answer(nonce(&one)).as_ref(), Some(&one.answer));
        tokio::time::advance(Duration::from_millis(59_999)).await;
        let other = challenges.issue();
        assert_eq!(challenges.answer(nonce(&one)), Some(one.answer.clone()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(challenges.answer(nonce(&one)), None);
        assert_eq!(challenges.answer(nonce(&other)), Some(other.answer.clone()));
        assert_eq!(challenges.answer(""), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_give_way() {
        let challenges = Challenges::default();
        let pending: Vec<_> = (0..=MOST).map(|_| challenges.issue()).collect();
        assert_eq!(challenges.answer(nonce(&pending[0])), None);
        for kept in &pending[1..] {
            assert_eq!(challenges.answer(nonce(kept)), Some(kept.answer.clone()));
        }
        tokio::time::advance(LIFE).await;
        challenges.issue();
        assert_eq!(challenges.0.lock().len(), 1, "the dead are buried");
    }

    #[test]
    fn nothing_is_said_twice() {
        let texts: std::collections::HashSet<_> = (0..64).map(|_| random()).collect();
        assert_eq!(texts.len(), 64);
        assert!(texts.iter().all(|text| text.len() == 64));
    }
}
