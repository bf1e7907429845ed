//! `Size`: bytes, as people read and write them.

use std::{fmt, str::FromStr};

/// Bytes. Shown as `512 B`, `1.5 KiB` or `4 GiB`: with one digit after the point, unless that is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// The text is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no size, such as `512MiB`")]
pub struct BadSize;

/// The largest first.
const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |&(_, shift): &(&str, u32)| self.0 >= 1 << shift;
        let (unit, shift) = UNITS.into_iter().find(fits).unwrap_or(("B", 0));
        let tenths = (u128::from(self.0) * 10) >> shift;
        let text = match tenths % 10 {
            0 => format!("{} {unit}", tenths / 10),
            part => format!("{}.{part} {unit}", tenths / 10),
        };
        f.pad(&text)
    }
}

/// Reads `512MiB`, `1g` or `1073741824`. A unit without `i` is the binary one too, as Docker reads it.
impl FromStr for Size {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Self, BadSize> {
        read(text).map(Self).ok_or(BadSize)
    }
}

fn read(text: &str) -> Option<u64> {
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
    use super::*;

    #[test]
    fn sizes_are_read() {
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
            assert_eq!(text.parse().ok(), expected.map(Size), "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for (bytes, shown) in [
            (0, "0 B"),
            (512, "512 B"),
            (1536, "1.5 KiB"),
            (23 << 20, "23 MiB"),
            (1 << 30, "1 GiB"),
            (5 << 39, "2.5 TiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), shown);
            assert_eq!(shown.parse(), Ok(Size(bytes)));
        }
        assert_eq!(Size(u64::MAX).to_string(), "16777215.9 TiB");
        assert_eq!(format!("{:>8}|", Size(512)), "   512 B|");
    }
}
