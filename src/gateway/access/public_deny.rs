//! `PublicDeny`: paths of an app that nobody may ask for from outside, such as its debugger.
//!
//! Servers read one path in many ways: decoded once or twice, with or without empty segments,
//! parameters and `..`, in any case. A request is refused if any of these readings is denied.
//! What is forwarded is always what was asked for.

use std::{borrow::Cow, sync::Arc};

use http::Uri;

/// Decoding more often than this happens in no server.
const MOST_LAYERS: usize = 3;

/// The denied paths of one app, ready to be matched.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PublicDeny(Vec<DenyPattern>);

#[derive(Debug, PartialEq, Eq)]
struct DenyPattern {
    path: Glob,
    /// Matched by any one of the query's parameters, as `key=value`, whatever their order.
    parameter: Option<Glob>,
}

impl PublicDeny {
    /// Of globs, in which `*` stands for anything, also for nothing and across slashes. What
    /// follows a `?` is about one parameter of the query. Letters match in either case.
    pub fn new(globs: &[String]) -> Arc<Self> {
        let pattern = |glob: &String| {
            let (path, parameter) = match glob.split_once('?') {
                Some((path, parameter)) => (path, Some(Glob::new(parameter))),
                None => (glob.as_str(), None),
            };
            // A path that began otherwise would match nothing, which nobody means.
            let path = if path.starts_with(['/', '*']) {
                Glob::new(path)
            } else {
                Glob::new(&format!("/{path}"))
            };
            DenyPattern { path, parameter }
        };
        Arc::new(Self(globs.iter().map(pattern).collect()))
    }

    pub fn none() -> Arc<Self> {
        Arc::default()
    }

    pub(in crate::gateway) fn denies(&self, target: &Uri) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let paths = paths(target.path().as_bytes());
        let parameters = parameters(target.query().unwrap_or_default().as_bytes());
        self.0.iter().any(|pattern| {
            paths.iter().any(|path| pattern.path.matches(path))
                && pattern
                    .parameter
                    .as_ref()
                    .is_none_or(|glob| parameters.iter().any(|it| glob.matches(it)))
        })
    }
}

/// A text with `*` in it, as the pieces between them, in lower case.
#[derive(Debug, PartialEq, Eq)]
struct Glob(Vec<Vec<u8>>);

impl Glob {
    fn new(text: &str) -> Self {
        let pieces = text.split('*');
        Self(
            pieces
                .map(|it| it.to_ascii_lowercase().into_bytes())
                .collect(),
        )
    }

    fn matches(&self, text: &[u8]) -> bool {
        let (first, rest) = self.0.split_first().expect("a split has a first piece");
        let Some((last, between)) = rest.split_last() else {
            return text == first;
        };
        let Some(mut text) = text.strip_prefix(first.as_slice()) else {
            return false;
        };
        for piece in between {
            let Some(at) = find(text, piece) else {
                return false;
            };
            text = &text[at + piece.len()..];
        }
        text.ends_with(last)
    }
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    if piece.is_empty() {
        return Some(0);
    }
    text.windows(piece.len()).position(|window| window == piece)
}

/// Every way a server may read a path, each one with a slash at its end and without.
fn paths(path: &[u8]) -> Vec<Vec<u8>> {
    let mut readings = Vec::new();
    for layer in layers(path) {
        let plain: Vec<u8> = layer
            .iter()
            .filter(|byte| !byte.is_ascii_control())
            .map(|byte| match byte {
                b'\\' => b'/',
                other => other.to_ascii_lowercase(),
            })
            .collect();
        let segments: Vec<&[u8]> = plain.split(|byte| *byte == b'/').skip(1).collect();
        let without_parameters = segments
            .iter()
            .map(|it| it.split(|byte| *byte == b';').next().unwrap_or_default());
        let mut spellings = vec![segments.clone()];
        if plain.contains(&b';') {
            spellings.push(without_parameters.collect());
        }
        for spelling in spellings {
            add(&mut readings, &full(&spelling));
            if spelling.contains(&b"..".as_slice()) {
                // Whether an empty segment is one to go up from is not agreed upon.
                add(&mut readings, &resolved(&full(&spelling)));
                add(&mut readings, &full(&resolved(&spelling)));
            }
        }
    }
    readings
}

fn add(readings: &mut Vec<Vec<u8>>, segments: &[&[u8]]) {
    let mut path = Vec::new();
    for segment in segments {
        path.push(b'/');
        path.extend_from_slice(segment);
    }
    if !readings.contains(&path) {
        let mut closed = path.clone();
        closed.push(b'/');
        readings.extend([path, closed]);
    }
}

/// Without the segments that lead nowhere.
fn full<'a>(segments: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let leads = |it: &&&[u8]| !matches!(**it, b"" | b".");
    segments.iter().filter(leads).copied().collect()
}

fn resolved<'a>(segments: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut at = Vec::new();
    for segment in segments {
        match *segment {
            b".." => drop(at.pop()),
            b"." => {}
            other => at.push(other),
        }
    }
    at
}

/// Every way a server may read the query's parameters.
fn parameters(query: &[u8]) -> Vec<Vec<u8>> {
    query
        .split(|byte| matches!(byte, b'&' | b';'))
        .filter(|parameter| !parameter.is_empty())
        .flat_map(|parameter| {
            let spaced: Vec<u8> = parameter
                .iter()
                .map(|byte| if *byte == b'+' { b' ' } else { *byte })
                .collect();
            let lower = |layer: Cow<'_, [u8]>| layer.to_ascii_lowercase();
            layers(&spaced).into_iter().map(lower).collect::<Vec<_>>()
        })
        .collect()
}

/// As it is, and decoded as often as it can be.
fn layers(text: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let mut layers = vec![Cow::Borrowed(text)];
    while layers.len() <= MOST_LAYERS {
        match layers.last().and_then(|layer| decoded(layer)) {
            Some(next) => layers.push(Cow::Owned(next)),
            None => break,
        }
    }
    layers
}

/// Nothing if there is nothing to decode.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, tail @ ..]) => {
                if let Some(byte) = hexadecimal(*high).zip(hexadecimal(*low)) {
                    plain.push((byte.0 << 4) | byte.1);
                    rest = tail;
                    continue;
                }
                plain.push(b'%');
            }
            _ => plain.push(*first),
        }
        rest = after;
    }
    (plain.len() < text.len()).then_some(plain)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deny(globs: &[&str]) -> Arc<PublicDeny> {
        let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
        PublicDeny::new(&globs)
    }

    #[test]
    fn what_globs_say() {
        let table: [(&str, &[&str], &[&str]); 7] = [
            (
                "/console",
                &["/console", "/console/", "/console?a", "/CONSOLE"],
                &["/", "/consoles", "/console/x", "/x/console", "/?console"],
            ),
            (
                "/actuator*",
                &[
                    "/actuator",
                    "/actuator/",
                    "/actuator/env/x",
                    "/actuator.json",
                ],
                &["/x/actuator", "/actuato"],
            ),
            (
                "/h2-console/**",
                &["/h2-console", "/h2-console/login.do"],
                &["/h2-console2"],
            ),
            (
                "*/__open*",
                &["/__open", "/base/__open-in-editor?file=a"],
                &["/_open", "/x__open"],
            ),
            (
                "*?__debugger__=*",
                &["/?__debugger__=yes", "/a/b?x=1&__debugger__=&y"],
                &["/__debugger__=yes", "/?x__debugger__=1", "/?debugger=yes"],
            ),
            (
                "/a*b*c",
                &["/abc", "/aXbXc", "/abbc", "/ac/b/bc"],
                &["/acb", "/ab", "/bc"],
            ),
            ("console", &["/console"], &["/x/console"]),
        ];
        for (glob, denied, passed) in table {
            let deny = deny(&[glob]);
            for target in denied {
                assert!(deny.denies(&target.parse().unwrap()), "{glob} {target}");
            }
            for target in passed {
                assert!(!deny.denies(&target.parse().unwrap()), "{glob} {target}");
            }
        }
        assert!(!PublicDeny::none().denies(&"/console".parse().unwrap()));
    }

    #[test]
    fn no_spelling_evades() {
        let deny = deny(&["/console", "/__open-in-editor*", "*?__debugger__=*"]);
        for target in [
            "/%63onsole",
            "/%63%6F%6e%73ole",
            "/%2563onsole",
            "/%252563onsole",
            "//console",
            "///console///",
            "/./console",
            "/%2e/console",
            "/console/.",
            "/x/../console",
            "/x/%2e%2e/console",
            "/x/.%2E%2fconsole",
            "/x%2f..%2fconsole",
            "/x/y/../../console",
            "/../console",
            "/x//../console",
            "/console//..",
            "/console/x/..",
            "/console;a=b",
            "/console;",
            "/console%3Ba=b",
            "/x/..;/console",
            "/x/..;a=b/console;c",
            "/;/console",
            "/x\\..\\console",
            "/x%5c..%5cconsole",
            "/con%09sole",
            "/console%00",
            "http://a.example/console",
            "http://a.example//%63onsole/",
            "/__OPEN-in-editor?file=x",
            "/__open-in-editor/../x?file=x",
            "/__open%2din%2Deditor",
            "/?a=1&__debugger__=yes",
            "/?__debug%67er__=yes",
            "/?__debug%2567er__=yes",
            "/?%5f%5Fdebugger__=yes",
            "/?a;__debugger__=yes",
            "/x?__DEBUGGER__=yes",
            "http://a.example?__debugger__=yes",
        ] {
            assert!(deny.denies(&target.parse().unwrap()), "{target}");
        }
        for target in [
            "/",
            "*",
            "/consol",
            "/%2563onsol",
            "/x/console",
            "/console/x",
            "/console/../x",
            "/con;sole",
            "/%",
            "/%6",
            "/%zz",
            "/x?path=/console",
            "/x?next=/?__debugger__=yes",
            "/open-in-editor",
        ] {
            assert!(!deny.denies(&target.parse().unwrap()), "{target}");
        }
    }
}
