//! Which version of its stack a project gets: what its files ask for, against what there is.

use std::str::FromStr as _;

use nodejs_semver::Range;
use pep440_rs::{Version, VersionSpecifiers};

use super::{
    ProjectError,
    images::Offer,
    look::Look,
    template::{Image, Scheme, Template, VersionSource},
};
use crate::model::VersionChoice;

/// `wanted` is the user's own word, which no file is asked after.
pub fn choose(
    look: &Look<'_>,
    template: &Template,
    offer: Offer<'_>,
    wanted: Option<&str>,
) -> Result<VersionChoice, ProjectError> {
    let stack = offer.stack;
    let asked = wanted
        .map(|wanted| (wanted.to_owned(), "setting `version`".to_owned()))
        .or_else(|| {
            template
                .version
                .iter()
                .find_map(|source| request(look, source))
        });
    let Some((asked, from)) = asked else {
        return Ok(VersionChoice {
            version: stack.default.clone(),
            asked: None,
            from: None,
            instead_of: None,
            because: None,
        });
    };
    let mut available: Vec<&str> = offer.versions().collect();
    // The default is what we would rather run; then the newest.
    available.sort_by_key(|version| (*version != stack.default, std::cmp::Reverse(parts(version))));
    match available
        .iter()
        .find(|version| satisfies(template.image.as_ref(), version, &asked))
    {
        Some(version) => Ok(VersionChoice {
            version: (*version).to_owned(),
            asked: Some(asked),
            from: wanted.is_none().then_some(from),
            instead_of: None,
            because: None,
        }),
        None => Err(ProjectError::VersionUnavailable {
            stack: stack.name.clone(),
            asked,
            from,
            available: available.into_iter().map(str::to_owned).collect(),
        }),
    }
}

/// What one file asks for, and its name.
fn request(look: &Look<'_>, source: &VersionSource) -> Option<(String, String)> {
    let texts = if source.json.is_some() || source.toml.is_some() {
        look.values(&source.file, source.json.as_deref(), source.toml.as_deref())?
    } else {
        vec![look.text(&source.file)?.to_string()]
    };
    let asked = texts.iter().find_map(|text| match &source.regex {
        None => Some(text.trim()),
        Some(pattern) => {
            let found = pattern.0.captures(text)?;
            found
                .name("version")
                .or(found.get(0))
                .map(|it| it.as_str().trim())
        }
    });
    Some((
        asked.filter(|asked| !asked.is_empty())?.to_owned(),
        source.file.clone(),
    ))
}

/// Whether some patch level of `version` is what was asked for.
fn satisfies(image: Option<&Image>, version: &str, asked: &str) -> bool {
    let asked = image
        .and_then(|image| image.aliases.get(asked))
        .map_or(asked, String::as_str);
    match image.and_then(|image| image.scheme) {
        Some(Scheme::Pep440) => asked
            .split("||")
            .any(|alternative| satisfies_pep440(version, alternative.trim())),
        Some(Scheme::Npm) => {
            let wanted = asked.trim().strip_prefix('v').unwrap_or(asked.trim());
            match (Range::parse(version), Range::parse(wanted)) {
                (Ok(ours), Ok(wanted)) => ours.allows_any(&wanted),
                _ => false,
            }
        }
        None => version == asked,
    }
}

fn satisfies_pep440(version: &str, asked: &str) -> bool {
    if asked.is_empty() || asked == "*" {
        return asked == "*";
    }
    // A version alone, down to any level: what we have of it counts, not the patch level.
    if let Ok(exact) = Version::from_str(asked.trim_end_matches(".*")) {
        let ours = parts(version);
        return exact.release().iter().zip(&ours).all(|(a, b)| a == b);
    }
    let Some(specifiers) = asked
        .split(',')
        .map(|it| pep440_of(it.trim()))
        .collect::<Option<Vec<_>>>()
    else {
        return false;
    };
    let Ok(specifiers) = VersionSpecifiers::from_str(&specifiers.join(",")) else {
        return false;
    };
    // The image has some patch level of the version; which one is not known here.
    (0..100).any(|patch| {
        Version::from_str(&format!("{version}.{patch}")).is_ok_and(|it| specifiers.contains(&it))
    })
}

/// Poetry's `^3.10` and `~3.10` in standard words.
fn pep440_of(specifier: &str) -> Option<String> {
    let (levels, rest) = if let Some(rest) = specifier.strip_prefix('^') {
        (1, rest)
    } else if let Some(rest) = specifier
        .strip_prefix('~')
        .filter(|rest| !rest.starts_with('='))
    {
        (2, rest)
    } else {
        return Some(specifier.to_owned());
    };
    let mut upper = parts(rest.trim());
    upper.truncate(levels);
    *upper.last_mut()? += 1;
    let upper: Vec<String> = upper.iter().map(ToString::to_string).collect();
    Some(format!(">={},<{}", rest.trim(), upper.join(".")))
}

/// The numbers of a version.
fn parts(version: &str) -> Vec<u64> {
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
            assert!(satisfies(Some(&image), yes, asked), "{asked} with {yes}");
            assert!(!satisfies(Some(&image), no, asked), "{asked} with {no}");
        }
        for asked in ["3", "*", ">=3"] {
            assert!(satisfies(Some(&image), "3.11", asked), "{asked}");
        }
        for asked in ["pypy3", "", ">=", "three", "^", "2.7"] {
            assert!(!satisfies(Some(&image), "3.11", asked), "`{asked}`");
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
        ] {
            assert!(satisfies(Some(&image), yes, asked), "{asked} with {yes}");
            assert!(!satisfies(Some(&image), no, asked), "{asked} with {no}");
        }
        for asked in ["*", "lts/*", "x"] {
            assert!(satisfies(Some(&image), "20", asked), "{asked}");
        }
        assert!(!satisfies(Some(&image), "20", "lts/unheard"));
    }
}
