//! Tokens: the fingerprint of one file or link, kind and mode included.

use blake3::Hasher;

/// Equal tokens, equal files.
pub type ContentToken = [u8; 32];

const FILE: u8 = b'f';
const LINK: u8 = b'l';

pub fn of_link(target: &str) -> ContentToken {
    let mut hasher = Hasher::new();
    hasher.update(&[LINK]).update(target.as_bytes());
    *hasher.finalize().as_bytes()
}

pub fn of_file(mode: u32, content: &[u8]) -> ContentToken {
    *start(mode).update(content).finalize().as_bytes()
}

/// To be fed a file's content piece by piece.
pub fn start(mode: u32) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.update(&[FILE]).update(&mode.to_le_bytes());
    hasher
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_mode_and_content_tell() {
        let tokens = [
            of_file(0o644, b"a"),
            of_file(0o755, b"a"),
            of_file(0o644, b"b"),
            of_link("a"),
        ];
        for (i, a) in tokens.iter().enumerate() {
            assert!(tokens[i + 1..].iter().all(|b| a != b));
        }
        assert_eq!(*start(0o644).update(b"a").finalize().as_bytes(), tokens[0]);
    }
}
