//! Bearer tokens: how one is made, and what alone of it is kept.

use std::fmt::Write as _;

use crate::model::Secret;

/// How each begins, so that people and secret scanners know it.
pub const TOKEN_PREFIX: &str = "cm_";
/// Bytes from the system's random source: 256 bits.
const BYTES: usize = 32;

/// A token that was just made. It is shown once.
#[derive(Debug)]
pub struct NewToken {
    pub text: Secret,
    /// Names it where it must not be shown; says nothing of it.
    pub id: String,
    pub hash: String,
}

/// `None` if the system has no randomness to give.
pub fn new_token() -> Option<NewToken> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).ok()?;
    let mut id = [0; 4];
    getrandom::fill(&mut id).ok()?;
    let text = format!("{TOKEN_PREFIX}{}", hex(&bytes));
    Some(NewToken {
        id: hex(&id),
        hash: token_hash(&text)?,
        text: Secret::new(text),
    })
}

/// What a token is looked up by; `None` for a text that is none. As the token has 256 random bits,
/// no slow hash is needed, and looking a hash up tells nothing of the token by its time.
pub fn token_hash(text: &str) -> Option<String> {
    let digits = text.strip_prefix(TOKEN_PREFIX)?;
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != BYTES * 2 || !digits.bytes().all(is_hex) {
        return None;
    }
    Some(blake3::hash(text.as_bytes()).to_hex().to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_alone() {
        let token = new_token().unwrap();
        let other = new_token().unwrap();
        assert_eq!(token_hash(token.text.reveal()), Some(token.hash.clone()));
        assert_ne!(token.hash, other.hash);
        assert_ne!(token.id, other.id);
        assert_eq!(token.text.reveal().len(), 3 + 64);
        assert!(!token.text.reveal().contains(&token.id));
        assert!(!format!("{token:?}").contains(token.text.reveal()));
    }

    #[test]
    fn what_has_no_such_form_is_no_token() {
        for text in [
            "",
            "cm_",
            "cm_abc",
            &format!("cm_{}", "A".repeat(64)),
            &"a".repeat(67),
        ] {
            assert_eq!(token_hash(text), None, "{text}");
        }
    }
}
