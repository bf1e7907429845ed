//! The content of a row as bytes.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{refused::RowRefusalReason, row::WireRow};

/// Padding is left away by some.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Debug, PartialEq, Eq)]
pub enum RowContent {
    Bytes(Vec<u8>),
    Object { bucket: String, name: String },
}

/// `bucket` is for rows that name an object and no bucket.
pub fn content(row: WireRow, bucket: Option<&str>) -> Result<RowContent, RowRefusalReason> {
    let is_base64 = match &row.encoding {
        Some(encoding) => encoding.trim().eq_ignore_ascii_case("base64"),
        None => row.binary == Some(true),
    };
    match (row.content, row.object) {
        (Some(text), _) if is_base64 => decoded(&text).map(RowContent::Bytes),
        (Some(text), _) => Ok(RowContent::Bytes(text.into_bytes())),
        (None, Some(name)) => {
            let bucket = row.bucket.or_else(|| bucket.map(str::to_owned));
            let bucket = bucket.ok_or(RowRefusalReason::NoBucket)?;
            Ok(RowContent::Object { bucket, name })
        }
        // Not an empty file: those have an empty text.
        (None, None) => Err(RowRefusalReason::NoContent),
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, RowRefusalReason> {
    let decode = |text: &[u8]| BASE64.decode(text).map_err(|_| RowRefusalReason::BadBase64);
    // Some encoders break lines.
    if text.bytes().any(|b| b.is_ascii_whitespace()) {
        let dense: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        decode(&dense)
    } else {
        decode(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(content: Option<&str>, encoding: Option<&str>) -> WireRow {
        WireRow {
            content: content.map(str::to_owned),
            encoding: encoding.map(str::to_owned),
            ..WireRow::default()
        }
    }

    #[test]
    fn content_is_what_its_encoding_says() {
        let bytes = |bytes: &[u8]| Ok(RowContent::Bytes(bytes.to_vec()));
        let table = [
            (Some(""), None, bytes(b"")),
            (Some("aGk="), None, bytes(b"aGk=")),
            (Some("aGk="), Some("utf-8"), bytes(b"aGk=")),
            (Some("aGk="), Some("BASE64"), bytes(b"hi")),
            (Some("aG\nk"), Some("base64"), bytes(b"hi")),
            (
                Some("no!"),
                Some("base64"),
                Err(RowRefusalReason::BadBase64),
            ),
            (None, Some("utf8"), Err(RowRefusalReason::NoContent)),
        ];
        for (content, encoding, expected) in table {
            assert_eq!(super::content(row(content, encoding), None), expected);
        }
        let mut binary = row(Some("aGk="), None);
        binary.binary = Some(true);
        assert_eq!(super::content(binary, None), bytes(b"hi"));
    }

    #[test]
    fn an_object_needs_a_bucket() {
        let object = |bucket: Option<&str>| WireRow {
            object: Some("p/a.png".to_owned()),
            bucket: bucket.map(str::to_owned),
            ..WireRow::default()
        };
        assert_eq!(content(object(None), None), Err(RowRefusalReason::NoBucket));
        for (own, usual) in [(Some("b"), Some("x")), (None, Some("b"))] {
            let expected = RowContent::Object {
                bucket: "b".to_owned(),
                name: "p/a.png".to_owned(),
            };
            assert_eq!(content(object(own), usual), Ok(expected));
        }
    }
}
