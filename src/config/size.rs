//! Sizes and durations as people write them.

use std::time::Duration;

use super::ConfigError;

/// Bytes from `512MiB`, `1g`, `1.5 GB`, `262144`. `K`, `M`, `G`, `T` alone and with `i` are
/// powers of 1024, as for Docker; `KB`, `MB`, `GB`, `TB` too, for nobody limits memory in decimals.
pub fn parse_bytes(text: &str) -> Result<u64, ConfigError> {
    let fault = || ConfigError::Value {
        value: text.to_owned(),
        expected: "a size, such as `512MiB` or `1g`",
    };
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(split);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(fault()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    // Three digits of fraction are all that is used, so that no float is needed.
    let thousandths: u64 = match fraction {
        "" => 0,
        _ => format!("{fraction:0<3}")
            .get(..3)
            .and_then(|three| three.parse().ok())
            .ok_or_else(fault)?,
    };
    let whole: u64 = whole.parse().map_err(|_| fault())?;
    let unit = 1_u64 << shift;
    whole
        .checked_mul(unit)
        .and_then(|bytes| bytes.checked_add(unit / 1000 * thousandths))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(fault)
}

/// A duration from `90s`, `2m`, `1h 30m`, `250ms`.
pub fn parse_duration(text: &str) -> Result<Duration, ConfigError> {
    humantime::parse_duration(text.trim()).map_err(|_| ConfigError::Value {
        value: text.to_owned(),
        expected: "a duration, such as `90s` or `2m`",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("1", 1),
            ("512MiB", 512 << 20),
            ("1g", 1 << 30),
            ("1 GB", 1 << 30),
            ("64k", 64 << 10),
            (" 2T ", 2 << 40),
        ] {
            assert_eq!(parse_bytes(text).unwrap(), bytes, "{text}");
        }
        assert_eq!(parse_bytes("1.5k").unwrap(), 1024 + 500);
        for text in ["", "g", "-1", "0", "1x", "1.2.3g", "99999999999g", "1,5g"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(parse_duration("1m 30s").unwrap(), Duration::from_secs(90));
        let error = parse_duration("soon").unwrap_err();
        assert_eq!(error.to_string(), "`soon` is not a duration, such as `90s` or `2m`");
    }
}
