//! `VersionRange`: a version or a range of them that was asked for, in whichever way its stack
//! writes it.

use std::str::FromStr as _;

use nodejs_semver::Range;
use pep440_rs::{Version, VersionSpecifiers};

use crate::project::templates::format::{Image, Scheme};

/// Any of its alternatives will do.
#[derive(Debug, Clone)]
pub struct VersionRange(Vec<Alternative>);

#[derive(Debug, Clone)]
enum Alternative {
    /// One version, down to any level.
    Exact(Vec<u64>),
    Python(VersionSpecifiers),
    Node(Range),
    Any,
    /// The newest there is, whatever the default.
    Newest,
}

impl VersionRange {
    /// `None` if none of the texts can be read.
    pub fn of(image: Option<&Image>, texts: &[String]) -> Option<Self> {
        let alternatives: Vec<Alternative> = texts
            .iter()
            .filter_map(|text| read(image, text))
            .flatten()
            .collect();
        (!alternatives.is_empty()).then_some(Self(alternatives))
    }

    /// Whether some patch level of `version` is what was asked for.
    pub fn allows(&self, version: &str) -> bool {
        self.0.iter().any(|alternative| alternative.allows(version))
    }

    /// The newest of the versions, if each alternative is one version.
    pub fn exact(&self) -> Option<Vec<u64>> {
        let exact = |alternative: &Alternative| match alternative {
            Alternative::Exact(parts) => Some(parts.clone()),
            _ => None,
        };
        let all: Option<Vec<Vec<u64>>> = self.0.iter().map(exact).collect();
        all?.into_iter().max()
    }

    pub fn is_newest(&self) -> bool {
        self.0.iter().any(|it| matches!(it, Alternative::Newest))
    }
}

impl Alternative {
    fn allows(&self, version: &str) -> bool {
        match self {
            Self::Any | Self::Newest => true,
            // What we have of it counts, not the patch level.
            Self::Exact(exact) => exact.iter().zip(parts(version)).all(|(a, b)| *a == b),
            // The image has some patch level of the version; which one is not known here.
            Self::Python(specifiers) => (0..100).any(|patch| {
                Version::from_str(&format!("{version}.{patch}"))
                    .is_ok_and(|it| specifiers.contains(&it))
            }),
            Self::Node(range) => Range::parse(version).is_ok_and(|ours| ours.allows_any(range)),
        }
    }
}

fn read(image: Option<&Image>, text: &str) -> Option<Vec<Alternative>> {
    let text = text.trim().to_ascii_lowercase();
    let asked = image
        .and_then(|image| image.aliases.get(&text))
        .map_or(text.as_str(), String::as_str);
    match asked {
        "" => return None,
        "*" => return Some(vec![Alternative::Any]),
        "newest" => return Some(vec![Alternative::Newest]),
        _ => {}
    }
    match image.and_then(|image| image.scheme) {
        Some(Scheme::Pep440) => asked.split("||").map(|it| python(it.trim())).collect(),
        Some(Scheme::Npm) => Some(vec![node(asked)?]),
        None => Some(vec![Alternative::Exact(exact(asked)?)]),
    }
}

fn python(asked: &str) -> Option<Alternative> {
    if asked == "*" {
        return Some(Alternative::Any);
    }
    if let Ok(version) = Version::from_str(asked.trim_end_matches(".*")) {
        return Some(Alternative::Exact(version.release().to_vec()));
    }
    let specifiers = asked
        .split(',')
        .map(|it| pep440_of(it.trim()))
        .collect::<Option<Vec<_>>>()?;
    VersionSpecifiers::from_str(&specifiers.join(","))
        .ok()
        .map(Alternative::Python)
}

fn node(asked: &str) -> Option<Alternative> {
    let asked = asked.strip_prefix('v').unwrap_or(asked);
    let asked = asked.strip_prefix('=').unwrap_or(asked).trim();
    if let Some(exact) = exact(asked) {
        return Some(Alternative::Exact(exact));
    }
    let any = Range::any();
    let range = Range::parse(asked).ok()?;
    Some(if range == any {
        Alternative::Any
    } else {
        Alternative::Node(range)
    })
}

/// `18`, `18.17.1`, `18.x`.
fn exact(asked: &str) -> Option<Vec<u64>> {
    let mut parts = Vec::new();
    let mut rest = asked.split('.');
    for part in rest.by_ref() {
        match part {
            "x" | "*" => break,
            part => parts.push(part.parse().ok()?),
        }
    }
    (!parts.is_empty() && rest.all(|part| matches!(part, "x" | "*"))).then_some(parts)
}

/// Poetry's `^3.10` and `~3.10` in standard words.
pub fn pep440_of(specifier: &str) -> Option<String> {
    let (caret, rest) = if let Some(rest) = specifier.strip_prefix('^') {
        (true, rest.trim())
    } else if let Some(rest) = specifier
        .strip_prefix('~')
        .filter(|rest| !rest.starts_with('='))
    {
        (false, rest.trim())
    } else {
        return Some(specifier.to_owned());
    };
    let mut upper = parts(rest);
    let levels = if caret {
        upper.iter().position(|it| *it > 0).map_or(1, |at| at + 1)
    } else {
        2
    };
    upper.truncate(levels);
    *upper.last_mut()? += 1;
    let upper: Vec<String> = upper.iter().map(ToString::to_string).collect();
    Some(format!(">={rest},<{}", upper.join(".")))
}

/// The numbers of a version.
pub fn parts(version: &str) -> Vec<u64> {
    version
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(scheme: &str) -> Image {
        toml::from_str(&format!(
            "scheme = \"{scheme}\"\naliases = {{ \"lts/*\" = \"*\", \"lts/iron\" = \"20\" }}"
        ))
        .unwrap()
    }

    fn allows(image: &Image, version: &str, asked: &str) -> bool {
        VersionRange::of(Some(image), &[asked.to_owned()])
            .is_some_and(|range| range.allows(version))
    }

    #[test]
    fn python_requests() {
        let image = image("pep440");
        for (asked, yes, no) in [
            ("3.11", "3.11", "3.13"),
            ("3.11.4", "3.11", "3.13"),
            ("3.11.*", "3.11", "3.13"),
            (">=3.11.4", "3.11", "3.10"),
            (">=3.10,<3.13", "3.11", "3.13"),
            ("== 3.11.*", "3.11", "3.13"),
            ("==3.11.4", "3.11", "3.13"),
            ("~=3.11.2", "3.11", "3.13"),
            ("!=3.13.*,>=3.11", "3.11", "3.13"),
            ("^3.12", "3.13", "3.11"),
            ("~3.11", "3.11", "3.13"),
            ("<3.11 || >=3.13", "3.13", "3.11"),
            ("3.12.0rc1", "3.12", "3.11"),
        ] {
            assert!(allows(&image, yes, asked), "{asked} with {yes}");
            assert!(!allows(&image, no, asked), "{asked} with {no}");
        }
        for asked in ["3", "*", ">=3"] {
            assert!(allows(&image, "3.11", asked), "{asked}");
        }
        for asked in ["pypy3", "", ">=", "three", "^", "2.7"] {
            assert!(!allows(&image, "3.11", asked), "`{asked}`");
        }
    }

    #[test]
    fn node_requests() {
        let image = image("npm");
        for (asked, yes, no) in [
            ("20", "20", "22"),
            ("v20", "20", "22"),
            ("v20.11.1", "20", "22"),
            ("20.x", "20", "22"),
            ("^20.9.0", "20", "22"),
            (">=18", "20", "16"),
            (">=18 <21", "20", "22"),
            ("18 || 20", "20", "22"),
            ("18 - 20", "20", "22"),
            ("~20.3", "20", "22"),
            ("lts/iron", "20", "22"),
            ("lts/Iron", "20", "22"),
        ] {
            assert!(allows(&image, yes, asked), "{asked} with {yes}");
            assert!(!allows(&image, no, asked), "{asked} with {no}");
        }
        for asked in ["*", "lts/*", "x", ">=0.10.0"] {
            assert!(allows(&image, "20", asked), "{asked}");
        }
        for asked in ["lts/unheard", "whichever", ""] {
            assert!(
                VersionRange::of(Some(&image), &[asked.to_owned()]).is_none(),
                "{asked}"
            );
        }
    }

    #[test]
    fn one_version_is_told_from_a_range() {
        let exact = |scheme: &str, asked: &[&str]| {
            let texts: Vec<String> = asked.iter().map(|it| (*it).to_owned()).collect();
            VersionRange::of(Some(&image(scheme)), &texts)
                .unwrap()
                .exact()
        };
        assert_eq!(exact("npm", &["18.17.1"]), Some(vec![18, 17, 1]));
        assert_eq!(exact("npm", &["12.x"]), Some(vec![12]));
        assert_eq!(exact("npm", &[">=12"]), None);
        assert_eq!(exact("pep440", &["3.12", "3.11.2"]), Some(vec![3, 12]));
        assert_eq!(exact("pep440", &["3.12", ">=3"]), None);
    }
}
