//! Which hosts a preview may reach: presets spelled out, names checked, never more than the host's
//! owner gives.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use guest_api::host_names::{Allowed, harmless, pattern};

use crate::model::{Code, Egress, Problem};

/// Names after presets are spelled out; all of them are handed over in one variable.
const MOST_NAMES: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    #[error("`{name}` is neither the name of a host nor a preset")]
    BadName { name: String },
    #[error("more than {MOST_NAMES} hosts are to be allowed")]
    TooMany,
    #[error("connections to everywhere were asked for; this host gives previews {most}")]
    Wider { most: String },
    #[error("connections to `{name}` were asked for; this host gives previews {most}")]
    NotGiven { name: String, most: String },
    #[error("root inside and connections by name do not go together")]
    Root,
}

/// What a preview gets that asks for this, where the owner gives at most `most`: the names checked,
/// without presets, sorted. One that asks for nothing gets all there is.
pub fn granted(asked: Option<&Egress>, most: &Egress) -> Result<Egress, EgressError> {
    let most = spelled_out(most)?;
    let Some(asked) = asked else { return Ok(most) };
    let asked = spelled_out(asked)?;
    match (&asked, &most) {
        (_, Egress::Open) | (Egress::None, _) => {}
        (Egress::Open, _) => {
            let most = described(&most);
            return Err(EgressError::Wider { most });
        }
        (Egress::Allow(names), Egress::None) => {
            let name = names.first().cloned().unwrap_or_default();
            let most = described(&most);
            return Err(EgressError::NotGiven { name, most });
        }
        (Egress::Allow(names), Egress::Allow(permitted)) => {
            if let Some(name) = names.iter().find(|name| !covered(name, permitted)) {
                let (name, most) = (name.clone(), described(&most));
                return Err(EgressError::NotGiven { name, most });
            }
        }
    }
    Ok(asked)
}

/// Presets there are, for those who look for one.
pub fn presets() -> &'static BTreeMap<String, Vec<String>> {
    static PRESETS: OnceLock<BTreeMap<String, Vec<String>>> = OnceLock::new();
    PRESETS.get_or_init(|| {
        toml::from_str(include_str!("presets.toml")).expect("a test reads what is embedded")
    })
}

fn spelled_out(egress: &Egress) -> Result<Egress, EgressError> {
    let Egress::Allow(asked) = egress else {
        return Ok(egress.clone());
    };
    let mut names = BTreeSet::new();
    for name in asked.iter().map(|name| name.trim()) {
        if let Some(hosts) = presets().get(name) {
            names.extend(hosts.iter().cloned());
        } else {
            names.insert(pattern(name).ok_or_else(|| EgressError::BadName {
                name: harmless(name.as_bytes()),
            })?);
        }
    }
    match names.len() {
        0 => Ok(Egress::None),
        1..=MOST_NAMES => Ok(Egress::Allow(names.into_iter().collect())),
        _ => Err(EgressError::TooMany),
    }
}

/// Whether every host of a pattern is given.
fn covered(name: &str, permitted: &[String]) -> bool {
    if permitted.iter().any(|permitted| permitted == name) {
        return true;
    }
    let permitted = Allowed::parse(&permitted.join("\n")).unwrap_or_default();
    match name.strip_prefix("*.") {
        // A domain whose own name is below a given one lies there whole.
        Some(domain) => permitted.has_below(domain),
        None => permitted.has(name),
    }
}

fn described(egress: &Egress) -> String {
    match egress {
        Egress::Open => "the internet".to_owned(),
        Egress::None => "none".to_owned(),
        Egress::Allow(names) => {
            let some = names
                .iter()
                .take(3)
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            match names.len() {
                0..=3 => format!("{some} only"),
                more => format!("{some} and {} more", more - 3),
            }
        }
    }
}

impl EgressError {
    pub fn problem(&self) -> Problem {
        let problem = |code| Problem::new(code, self.to_string());
        match self {
            Self::BadName { .. } => {
                let all: Vec<&str> = presets().keys().map(String::as_str).collect();
                problem(Code::Config).hint(format!(
                    "write a host such as `api.example.com` or `*.example.com`, or one of {}",
                    all.join(", ")
                ))
            }
            Self::TooMany => problem(Code::Config).hint("allow a domain with `*.example.com`"),
            Self::Wider { .. } | Self::NotGiven { .. } => problem(Code::Policy)
                .hint("the owner of this host gives more in `[sandbox] egress` of config.toml"),
            Self::Root => problem(Code::Policy).hint(
                "root could take the place of what checks the names; leave `[sandbox] root` out, or \
                 choose `--egress open` or `none`",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(names: &[&str]) -> Egress {
        Egress::Allow(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn presets_hold_hosts_and_are_no_hosts() {
        for (preset, hosts) in presets() {
            assert_eq!(pattern(preset), None, "{preset}");
            for host in hosts {
                assert_eq!(pattern(host).as_ref(), Some(host), "{preset}");
            }
        }
    }

    #[test]
    fn names_are_checked_and_put_in_one_form() {
        let asked = allow(&["pypi", "API.Example.com.", "*.example.org", "pypi.org"]);
        assert_eq!(
            granted(Some(&asked), &Egress::Open).unwrap(),
            allow(&[
                "*.example.org",
                "api.example.com",
                "files.pythonhosted.org",
                "pypi.org"
            ])
        );
        for bad in [
            "",
            "*",
            "*.",
            "com",
            "pipy",
            "10.0.0.1",
            "1.2.3.0x7f",
            "[::1]",
            "a..b",
            "-a.b",
            "a b.c",
            "a.*.b",
            "*.com",
            "http://a.b",
            "a.b:80",
            "a.b\nc.d",
            "ä.example",
        ] {
            assert!(
                matches!(
                    granted(Some(&allow(&[bad])), &Egress::Open),
                    Err(EgressError::BadName { .. })
                ),
                "{bad:?}"
            );
        }
        assert_eq!(granted(Some(&allow(&[])), &Egress::Open), Ok(Egress::None));
        let many: Vec<String> = (0..=MOST_NAMES)
            .map(|n| format!("h{n}.example.com"))
            .collect();
        assert_eq!(
            granted(Some(&Egress::Allow(many)), &Egress::Open),
            Err(EgressError::TooMany)
        );
    }

    #[test]
    fn nobody_gets_more_than_the_owner_gives() {
        use Egress::{None as Nothing, Open};
        let list = allow(&["a.example.com", "*.example.org", "npm"]);
        let good = [
            (None, None, Open),
            (None, Some(Nothing), Nothing),
            (Some(Nothing), Some(Open), Nothing),
            (Some(Nothing), Some(list.clone()), Nothing),
            (
                Some(allow(&["a.example.com"])),
                Some(list.clone()),
                allow(&["a.example.com"]),
            ),
            (
                Some(allow(&[
                    "b.example.org",
                    "*.c.example.org",
                    "*.example.org",
                ])),
                Some(list.clone()),
                allow(&["*.c.example.org", "*.example.org", "b.example.org"]),
            ),
            (
                Some(allow(&["npm"])),
                Some(list.clone()),
                allow(&["registry.npmjs.org"]),
            ),
        ];
        for (asked, most, want) in good {
            assert_eq!(granted(asked.as_ref(), &most.unwrap_or_default()), Ok(want));
        }
        let bad = [
            (Open, Nothing),
            (Open, list.clone()),
            (allow(&["a.example.com"]), Nothing),
            (allow(&["b.example.com"]), list.clone()),
            (allow(&["example.org"]), list.clone()),
            (allow(&["*.a.example.com"]), list.clone()),
            (allow(&["*.example.com"]), list.clone()),
            (allow(&["*.npmjs.org"]), list.clone()),
            (allow(&["xexample.org"]), list),
        ];
        for (asked, most) in bad {
            let error = granted(Some(&asked), &most).unwrap_err();
            assert_eq!(error.problem().code, Code::Policy, "{asked:?} {most:?}");
        }
    }
}
