//! Words for people: durations, ages, sizes, commands to copy, and foreign text made harmless.

use std::time::Duration;

use jiff::Timestamp;

pub use crate::model::command_line;

/// `340 ms`, `1.2 s`, `2 m 05 s`.
pub fn took(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} m {:02} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// `12s`, `5m`, `3h`, `2d`.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_second() - since.as_second()).unwrap_or(0);
    for_long(Duration::from_secs(seconds))
}

pub fn for_long(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Text of an app for a terminal: colours stay, whatever else could steer the terminal goes.
pub fn harmless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '\u{1b}' {
            let (sequence, is_colour) = escape(rest);
            if is_colour {
                clean.push_str(sequence);
            }
            rest = &rest[sequence.len()..];
            continue;
        }
        if !c.is_control() || matches!(c, '\t' | '\n') {
            clean.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    clean
}

/// The escape sequence that `text` begins with, and whether it only sets colours.
fn escape(text: &str) -> (&str, bool) {
    let after = &text[1..];
    match after.chars().next() {
        Some('[') => {
            let end = after[1..].find(|c: char| ('\u{40}'..='\u{7e}').contains(&c));
            end.map_or((text, false), |end| {
                let length = 1 + 1 + end + 1;
                (&text[..length], text[..length].ends_with('m'))
            })
        }
        // A string for the terminal, such as its title, up to BEL or ESC `\`.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let bell = after.find('\u{7}').map(|at| 1 + at + 1);
            let closed = after.find("\u{1b}\\").map(|at| 1 + at + 2);
            let length = bell.into_iter().chain(closed).min().unwrap_or(text.len());
            (&text[..length], false)
        }
        Some(c) => (&text[..=c.len_utf8()], false),
        None => (text, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_survive() {
        let cases = [
            ("plain\ttext", "plain\ttext"),
            ("\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m"),
            ("\u{1b}[2J\u{1b}[Hcleared", "cleared"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("a\rb\u{8}c\u{7}", "abc"),
            ("\u{9b}2J", "2J"),
            ("cut \u{1b}[31", "cut "),
            ("cut \u{1b}", "cut "),
            ("\u{1b}é", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(harmless(text), expected, "{text:?}");
        }
    }

    #[test]
    fn quantities_are_short() {
        assert_eq!(
            [took(340), took(1_250), took(125_000)],
            ["340 ms", "1.2 s", "2 m 05 s"]
        );
    }
}
