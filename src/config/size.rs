//! Sizes as people write them.

/// Bytes in `512MiB`, `1g` or `1073741824`. A unit without `i` is the binary one too, as Docker
/// reads it. `None` if it is no size.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().ok()?;
    let part = part.get(..part.len().min(6))?;
    let scale = 10_u64.pow(u32::try_from(part.len()).ok()?);
    let part: u64 = if part.is_empty() {
        0
    } else {
        part.parse().ok()?
    };
    whole
        .checked_mul(unit)?
        .checked_add(part.checked_mul(unit)? / scale)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes() {
        let cases = [
            ("512MiB", Some(512 << 20)),
            ("512m", Some(512 << 20)),
            ("1g", Some(1 << 30)),
            ("1.5 GiB", Some(3 << 29)),
            ("0.25k", Some(256)),
            ("1073741824", Some(1 << 30)),
            ("64 B", Some(64)),
            ("", None),
            ("MiB", None),
            ("-1m", None),
            ("1x", None),
            ("1.2.3m", None),
            ("99999999999999t", None),
        ];
        for (text, expected) in cases {
            assert_eq!(bytes(text), expected, "{text:?}");
        }
    }
}
