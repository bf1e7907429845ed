//! Files of `KEY=VALUE` lines, such as `.env`, read by the rules that dotenv for Node, python-dotenv
//! and Compose agree on. Where they do not, the value is taken as it is written, and that is said.

use std::{borrow::Cow, fmt};

use crate::model::Secret;

/// What a file says, in its order; of two lines with one name the later counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvFile {
    pub variables: Vec<EnvLine>,
    pub remarks: Vec<Remark>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvLine {
    pub name: String,
    pub value: Secret,
    /// From 1.
    pub line: usize,
    /// Readers make different values of it.
    pub is_disputed: bool,
}

/// Something about a line that its author should know. It prints no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// From 1.
    pub line: usize,
    pub what: Odd,
}

/// What is odd about a line, and how it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Odd {
    #[error("it is not `KEY=VALUE`, and sets nothing")]
    NotAPair,
    #[error("it names a variable and gives it no value, and sets nothing")]
    Bare,
    #[error("the value holds a character that no variable can hold, and the line sets nothing")]
    Nul,
    #[error("only dotenv for Node reads `KEY: VALUE`; it is taken as `KEY=VALUE`")]
    Colon,
    #[error(
        "some readers end the value at `#`; it is kept, and a comment needs a space before `#`"
    )]
    Hash,
    #[error("some readers put another value in place of `${{…}}`; it is kept as it is written")]
    Interpolation,
    #[error(
        "readers differ about `\\` within quotes; `\\\"` is taken as a quote, and others are kept as they are written"
    )]
    Backslash,
    #[error("some readers keep backticks; they are taken as quotes")]
    Backtick,
    #[error("the quote at the beginning has no end; the line is taken as it is written")]
    Unterminated,
    #[error("there is text behind the closing quote; the line is taken as it is written")]
    BehindQuote,
    #[error("the file is UTF-16, which other readers do not read; save it as UTF-8")]
    Utf16,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl EnvFile {
    /// Bytes that are no text are replaced.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let utf16 = |bytes: &[u8], number: fn([u8; 2]) -> u16| {
            let units: Vec<u16> = bytes
                .as_chunks()
                .0
                .iter()
                .map(|pair| number(*pair))
                .collect();
            let mut file = Self::parse(&String::from_utf16_lossy(&units));
            let remark = Remark {
                line: 1,
                what: Odd::Utf16,
            };
            file.remarks.insert(0, remark);
            file
        };
        match bytes {
            [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
            _ => Self::parse(&String::from_utf8_lossy(bytes)),
        }
    }

    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut file = Self::default();
        let (mut rest, mut line) = (text.as_str(), 1);
        while !rest.is_empty() {
            let taken = file.statement(rest, line);
            line += rest[..taken].matches('\n').count();
            rest = &rest[taken..];
        }
        file
    }

    /// Take the first line of `text`, and those that its value goes on over. Says how many bytes.
    fn statement(&mut self, text: &str, line: usize) -> usize {
        let end = text.find('\n').map_or(text.len(), |at| at + 1);
        let first = text[..end].trim();
        if first.is_empty() || first.starts_with('#') {
            return end;
        }
        let (name, colon, value) = match name(&text[..end]) {
            Ok(Named::Value { at, name, colon }) => (name, colon, &text[at..]),
            Ok(Named::Bare) => {
                self.remark(line, Odd::Bare);
                return end;
            }
            Err(NotAPair) => {
                self.remark(line, Odd::NotAPair);
                return end;
            }
        };
        let value_line = &value[..value.len() - (text.len() - end)];
        let (value, odd, taken) = if let Some(quoted) = quoted(value) {
            let taken = text.len() - value.len() + quoted.len;
            let rest = text[taken..].find('\n');
            let end = rest.map_or(text.len(), |at| taken + at + 1);
            (quoted.value, quoted.odd, end)
        } else {
            let (value, odd) = unquoted(value_line);
            (Cow::Borrowed(value), odd, end)
        };
        if value.contains('\0') {
            self.remark(line, Odd::Nul);
            return taken;
        }
        if colon {
            self.remark(line, Odd::Colon);
        }
        for odd in odd.iter().chain(interpolated(&value)) {
            self.remark(line, *odd);
        }
        let is_disputed = colon || !odd.is_empty() || interpolated(&value).is_some();
        self.variables.push(EnvLine {
            name: name.to_owned(),
            value: Secret::new(value),
            line,
            is_disputed,
        });
        taken
    }

    fn remark(&mut self, line: usize, what: Odd) {
        self.remarks.push(Remark { line, what });
    }
}

enum Named<'a> {
    /// The value begins at this byte, spaces before it included.
    Value {
        at: usize,
        name: &'a str,
        colon: bool,
    },
    Bare,
}

struct NotAPair;

fn name(line: &str) -> Result<Named<'_>, NotAPair> {
    let begin = line.trim_start();
    let begin = match begin.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => begin,
    };
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let length = begin.find(|c| !is_of_name(c)).unwrap_or(begin.len());
    let (name, rest) = begin.split_at(length);
    if name.is_empty() {
        return Err(NotAPair);
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    let at = line.len() - rest.len() + 1;
    match rest.as_bytes() {
        [b'=', ..] => Ok(Named::Value {
            at,
            name,
            colon: false,
        }),
        [b':', b' ' | b'\t', ..] => Ok(Named::Value {
            at,
            name,
            colon: true,
        }),
        [] | [b'\n' | b'#', ..] => Ok(Named::Bare),
        _ => Err(NotAPair),
    }
}

struct Quoted<'a> {
    value: Cow<'a, str>,
    odd: Vec<Odd>,
    /// In bytes, to the end of the closing quote.
    len: usize,
}

/// A value in quotes with nothing but a comment behind it.
fn quoted(text: &str) -> Option<Quoted<'_>> {
    let inner = text.trim_start_matches([' ', '\t']);
    let quote = inner.chars().next()?;
    if !matches!(quote, '\'' | '"' | '`') {
        return None;
    }
    let inner = &inner[1..];
    let is_end = |at: usize| {
        let behind = inner[at + 1..].split('\n').next().unwrap_or_default();
        let behind = behind.trim();
        behind.is_empty() || behind.starts_with('#')
    };
    let escaped = |at: usize| inner[..at].ends_with('\\');
    // A quote behind a backslash ends the value only if no other does, as in `'C:\data\'`.
    let quotes = || inner.match_indices(quote).map(|(at, _)| at);
    let end = match quotes().find(|at| !escaped(*at)) {
        Some(at) if is_end(at) => at,
        // The text between is another line's.
        _ => quotes().find(|at| escaped(*at) && is_end(*at))?,
    };
    let raw = &inner[..end];
    let mut odd = Vec::new();
    if quote == '`' {
        odd.push(Odd::Backtick);
    }
    let disputed: &[char] = match quote {
        '"' => &['\\', '\'', '"', 'a', 'b', 'f', 't', 'v'],
        _ => &['\\', '\''],
    };
    let mut after = raw.match_indices('\\').map(|(at, _)| &raw[at + 1..]);
    if quote != '`' && after.any(|rest| rest.is_empty() || rest.starts_with(disputed)) {
        odd.push(Odd::Backslash);
    }
    let value = match quote {
        '"' if raw.contains('\\') => raw
            .replace("\\n", "\n")
            .replace("\\r", "\r")
            .replace("\\\"", "\"")
            .into(),
        '\'' if raw.contains("\\'") => raw.replace("\\'", "'").into(),
        _ => raw.into(),
    };
    Some(Quoted {
        value,
        odd,
        len: text.len() - inner.len() + end + 1,
    })
}

/// The rest of a line without its comment.
fn unquoted(text: &str) -> (&str, Vec<Odd>) {
    let mut odd = Vec::new();
    let comment = text
        .match_indices('#')
        .find(|(at, _)| text[..*at].ends_with([' ', '\t']));
    let value = text[..comment.map_or(text.len(), |(at, _)| at)].trim();
    if value.contains('#') {
        odd.push(Odd::Hash);
    }
    if value.starts_with(['\'', '"', '`']) {
        odd.push(if value[1..].contains(&value[..1]) {
            Odd::BehindQuote
        } else {
            Odd::Unterminated
        });
    }
    (value, odd)
}

fn interpolated(value: &str) -> Option<&'static Odd> {
    let rest = value.split_once("${")?.1;
    rest.contains('}').then_some(&Odd::Interpolation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let pair = |it: EnvLine| (it.name, it.value.reveal().to_owned());
        EnvFile::parse(text)
            .variables
            .into_iter()
            .map(pair)
            .collect()
    }

    /// Each was read by dotenv 16.6 and 17.4 for Node and by python-dotenv 1.2, to the same.
    #[test]
    fn what_readers_agree_on_is_read_likewise() {
        let table = [
            ("X=plain", "plain"),
            ("X=My Shop App", "My Shop App"),
            ("X = spaced", "spaced"),
            ("  X=indented  ", "indented"),
            ("export X=yes", "yes"),
            ("export  X = y", "y"),
            ("X=", ""),
            ("X= # comment", ""),
            ("X=a # it's", "a"),
            ("X=a\t#c", "a"),
            (
                "X=postgres://u:p@h:5432/db?sslmode=require # main",
                "postgres://u:p@h:5432/db?sslmode=require",
            ),
            ("X=a=b=c", "a=b=c"),
            ("X==y", "=y"),
            ("X='a b' # c", "a b"),
            ("X='a'#c", "a"),
            ("X= \"a b\"  # c", "a b"),
            ("X=\"a # b\"", "a # b"),
            ("X=''", ""),
            ("X=\" \"", " "),
            ("X='a\\nb'", "a\\nb"),
            ("X=\"a\\nb\"", "a\nb"),
            ("X=\"a\\r\\nb\"", "a\r\nb"),
            ("X=\"one\ntwo\"", "one\ntwo"),
            ("X='one\ntwo'", "one\ntwo"),
            ("X=\"one\r\ntwo\"", "one\ntwo"),
            ("X=it's", "it's"),
            ("X=a\"b\"", "a\"b\""),
            ("X=\"a`b\"", "a`b"),
            ("X=^\\d+$", "^\\d+$"),
            ("X=C:\\data\\new", "C:\\data\\new"),
            ("X=$2a$10$bY3ZpvQN", "$2a$10$bY3ZpvQN"),
            ("X=$HOME/x", "$HOME/x"),
            ("X=\"p@ss$word\"", "p@ss$word"),
            ("X='kept $HOME'", "kept $HOME"),
            (
                "X={\"type\": \"service\", \"id\": 7}",
                "{\"type\": \"service\", \"id\": 7}",
            ),
            ("X='{\"a\": \"b # c\"}'", "{\"a\": \"b # c\"}"),
            ("\u{feff}X=marked", "marked"),
            ("X=crlf\r\n", "crlf"),
            ("X=é ü", "é ü"),
        ];
        for (text, value) in table {
            let file = EnvFile::parse(text);
            assert_eq!(file.remarks, [], "{text:?}");
            assert!(file.variables.iter().all(|it| !it.is_disputed));
            assert_eq!(read(text), [("X".to_owned(), value.to_owned())], "{text:?}");
        }
    }

    /// Of each the same readers made different values, or some of them none.
    #[test]
    fn what_they_differ_on_is_said() {
        let table = [
            ("X=abc#def", "abc#def", Odd::Hash),
            ("X=#full", "#full", Odd::Hash),
            ("X=${HOME}/x", "${HOME}/x", Odd::Interpolation),
            ("X='kept ${HOME}'", "kept ${HOME}", Odd::Interpolation),
            ("X=\"a\\tb\"", "a\\tb", Odd::Backslash),
            ("X=\"a\\\"b\"", "a\"b", Odd::Backslash),
            ("X=\"a\\\\b\"", "a\\\\b", Odd::Backslash),
            ("X='it\\'s'", "it's", Odd::Backslash),
            ("X='C:\\new\\'", "C:\\new\\", Odd::Backslash),
            ("X=`a \"b\" 'c'`", "a \"b\" 'c'", Odd::Backtick),
            ("X: y", "y", Odd::Colon),
            ("X=\"open", "\"open", Odd::Unterminated),
            ("X=\"a\"b", "\"a\"b", Odd::BehindQuote),
        ];
        for (text, value, what) in table {
            let text = format!("A=1\n{text}\nB=2\n");
            let file = EnvFile::parse(&text);
            assert_eq!(file.remarks, [Remark { line: 2, what }], "{text:?}");
            let disputed: Vec<_> = file.variables.iter().map(|it| it.is_disputed).collect();
            assert_eq!(disputed, [false, true, false], "{text:?}");
            let read: Vec<_> = read(&text).into_iter().map(|(_, value)| value).collect();
            assert_eq!(read, ["1", value, "2"], "{text:?}");
        }
        for (text, what) in [
            ("X", Odd::Bare),
            ("X y=z", Odd::NotAPair),
            ("}", Odd::NotAPair),
        ] {
            let file = EnvFile::parse(text);
            assert_eq!(file.remarks, [Remark { line: 1, what }], "{text:?}");
            assert_eq!(file.variables, []);
        }
    }

    #[test]
    fn lines_are_counted_over_values_of_several() {
        let file = EnvFile::parse("# c\n\nKEY=\"a\nb\nc\" # d\nX=1\nY=2#3\nX=4");
        let lines: Vec<_> = file.variables.iter().map(|it| it.line).collect();
        assert_eq!(lines, [3, 6, 7, 8]);
        assert_eq!(
            file.remarks[0].to_string().split(':').next(),
            Some("line 7")
        );
    }

    #[test]
    fn a_file_of_powershell_is_read() {
        let utf16: Vec<u8> = "\u{feff}X=é\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let file = EnvFile::of_bytes(&utf16);
        assert_eq!(file.variables[0].value.reveal(), "é");
        assert_eq!(file.remarks[0].what, Odd::Utf16);
    }
}
