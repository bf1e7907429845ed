//! `Inherited`: what of our environment the programs that we start for tunnels get to see.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
};

/// Who and where one is, how text is written, and how the internet is reached. Nothing else is
/// passed on: `TUNNEL_*`, `NGROK_*` and the like change what such programs do, and the rest may
/// hold secrets that are none of theirs.
const NAMES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "LANG",
    "LANGUAGE",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];
const BEGINNINGS: &[&str] = &["LC_", "XDG_"];

/// Variables by name. A proxy's URL may hold a password, so it prints only names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Inherited(BTreeMap<OsString, OsString>);

impl Inherited {
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

/// Keeps what may be passed on.
impl FromIterator<(OsString, OsString)> for Inherited {
    fn from_iter<I: IntoIterator<Item = (OsString, OsString)>>(all: I) -> Self {
        Self(
            all.into_iter()
                .filter(|(name, _)| is_passed_on(name))
                .collect(),
        )
    }
}

impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

fn is_passed_on(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        NAMES.contains(&name) || BEGINNINGS.iter().any(|start| name.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_for_everyone_is_passed_on() {
        let all = [
            "PATH",
            "LC_ALL",
            "HTTPS_PROXY",
            "TUNNEL_TOKEN",
            "NGROK_AUTHTOKEN",
            "CLOUDFLARE_API_TOKEN",
            "CODEMATE_PREVIEW_TUNNEL",
            "LD_PRELOAD",
            "AWS_SECRET_ACCESS_KEY",
        ];
        let inherited: Inherited = all
            .iter()
            .map(|name| (OsString::from(name), OsString::from("hunter2")))
            .collect();
        let names: Vec<_> = inherited.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["HTTPS_PROXY", "LC_ALL", "PATH"]);
        assert!(!format!("{inherited:?}").contains("hunter2"));
    }
}
