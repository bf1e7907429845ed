//! Filling in `{name}`, `{port}` and `{host}` in what a user's settings say.

use crate::{
    model::PublicUrl,
    tunnel::{TunnelError, TunnelSpec},
};

/// Every `{key}` replaced by its value; one that is not known is an error, and `{{` is a brace.
pub fn fill(text: &str, values: &[(&str, &str)]) -> Result<String, TunnelError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        let tail = &rest[at..];
        let doubled = tail.starts_with("{{") || tail.starts_with("}}");
        if doubled || tail.starts_with('}') {
            filled.push_str(&tail[..1]);
            rest = &tail[if doubled { 2 } else { 1 }..];
            continue;
        }
        let (key, after) = tail[1..].split_once('}').unwrap_or((&tail[1..], ""));
        let Some((_, value)) = values.iter().find(|(name, _)| *name == key) else {
            let known: Vec<String> = values
                .iter()
                .map(|(name, _)| format!("{{{name}}}"))
                .collect();
            return Err(TunnelError::Settings {
                what: format!("`{{{key}}}` in `{text}` is not known"),
                hint: format!("use {}, and `{{{{` for a brace", known.join(", ")),
            });
        };
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A URL template of the settings, for one instance. `more` are values beside `{name}`.
pub fn url(text: &str, spec: &TunnelSpec, more: &[(&str, &str)]) -> Result<PublicUrl, TunnelError> {
    let mut values = vec![("name", spec.name.as_str())];
    values.extend_from_slice(more);
    let filled = fill(text, &values)?;
    filled.parse().map_err(|_| TunnelError::Settings {
        what: format!("`{filled}` is no URL of a whole host"),
        hint: "write it such as `https://{name}.preview.example.com`".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_unknown_ones_refused() {
        let values = [("name", "shop"), ("port", "81")];
        for (text, want) in [
            ("https://{name}.example:{port}", "https://shop.example:81"),
            ("{{name}}", "{name}"),
            ("no}thing", "no}thing"),
            ("", ""),
        ] {
            assert_eq!(fill(text, &values).unwrap(), want);
        }
        for text in ["{nmae}", "{ name}", "{}", "x{"] {
            assert!(fill(text, &values).is_err(), "{text}");
        }
    }
}
