//! The text of a file, in whichever encoding it was written.

/// UTF-8 or UTF-16, with a mark or without; Latin-1 where it is neither. A character that the end
/// of `bytes` cuts is left out, and so is the mark.
pub fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => eight(rest),
        [0xff, 0xfe, rest @ ..] => sixteen(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => sixteen(rest, u16::from_be_bytes),
        _ => match zeros(bytes) {
            (0, most) if most > 0 => sixteen(bytes, u16::from_le_bytes),
            (most, 0) if most > 0 => sixteen(bytes, u16::from_be_bytes),
            _ => eight(bytes),
        },
    }
}

fn eight(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // Only its last character is not whole.
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

fn sixteen(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| unit([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}

/// How many of the first bytes at even and at odd places are 0: mostly Latin text in UTF-16 has
/// many at the one and none at the other, text in UTF-8 has none.
fn zeros(bytes: &[u8]) -> (usize, usize) {
    const LOOKED_AT: usize = 512;
    let of = |at: usize| {
        let places = bytes.iter().take(LOOKED_AT).skip(at).step_by(2);
        places.filter(|byte| **byte == 0).count()
    };
    (of(0), of(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sixteen_of(text: &str, mark: &[u8], to: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let units = text.encode_utf16().flat_map(to);
        mark.iter().copied().chain(units).collect()
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "Flask==3.1\r\n# für\r\n";
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            sixteen_of(text, &[0xff, 0xfe], u16::to_le_bytes),
            sixteen_of(text, &[0xfe, 0xff], u16::to_be_bytes),
            sixteen_of(text, &[], u16::to_le_bytes),
            sixteen_of(text, &[], u16::to_be_bytes),
            b"Flask==3.1\r\n# f\xfcr\r\n".to_vec(),
        ] {
            assert_eq!(decode(&bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn a_cut_character_is_left_out_and_nothing_else() {
        let text = "aü日";
        assert_eq!(decode(&text.as_bytes()[..2]), "a");
        assert_eq!(decode(&text.as_bytes()[..5]), "aü");
        assert_eq!(decode(b"a\0"), "a");
        assert_eq!(decode(b""), "");
        // Bytes that are no text at all.
        assert_eq!(decode(&[0, 0, 0, 0, 1]), "\0\0\0\0\u{1}");
    }
}
