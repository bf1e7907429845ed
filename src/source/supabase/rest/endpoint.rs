//! `Endpoint`: where each of a project's services answers.

use reqwest::Url;

use crate::source::supabase::SupabaseError;

/// One Supabase project, or one PostgREST alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    rest: Url,
    /// The project's own, with the other services below it.
    base: Option<Url>,
}

impl Endpoint {
    /// `url` is a project's, `rest_url` the root of a PostgREST.
    pub fn new(url: Option<&str>, rest_url: Option<&str>) -> Result<Self, SupabaseError> {
        let base = url
            .map(|url| {
                // What dashboards show for the rows' own root.
                let url = url.trim().trim_end_matches('/');
                parse("supabase.url", url.strip_suffix("/rest/v1").unwrap_or(url))
            })
            .transpose()?;
        let rest = match (rest_url, &base) {
            (Some(rest), _) => parse("supabase.rest_url", rest.trim().trim_end_matches('/'))?,
            (None, Some(base)) => below(base, "rest/v1"),
            (None, None) => {
                return Err(SupabaseError::settings(
                    "no Supabase project is known",
                    "set SUPABASE_URL, or `supabase.url` in the settings",
                ));
            }
        };
        Ok(Self { rest, base })
    }

    /// The root of PostgREST.
    pub fn rest(&self) -> &Url {
        &self.rest
    }

    /// `None` for a PostgREST alone.
    pub fn storage(&self) -> Option<Url> {
        self.base.as_ref().map(|base| below(base, "storage/v1"))
    }

    /// `None` for a PostgREST alone.
    pub fn auth(&self) -> Option<Url> {
        self.base.as_ref().map(|base| below(base, "auth/v1"))
    }

    /// `ws` or `wss`. `None` for a PostgREST alone.
    pub fn realtime(&self) -> Option<Url> {
        let mut url = below(self.base.as_ref()?, "realtime/v1/websocket");
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        url.set_scheme(scheme).ok()?;
        Some(url)
    }
}

/// For messages.
pub(in crate::source::supabase) fn host_of(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

fn parse(setting: &str, text: &str) -> Result<Url, SupabaseError> {
    let hint = "such as `https://abcdefgh.supabase.co`";
    let url = Url::parse(text)
        .map_err(|why| SupabaseError::settings(format!("`{setting}` is no URL: {why}"), hint))?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    // It reaches messages and the list of processes' connections.
    let is_plain = url.username().is_empty() && url.password().is_none();
    if !is_web || !is_plain || url.query().is_some() || url.fragment().is_some() {
        let what = format!("`{setting}` has to be http or https, a host, and at most a path");
        return Err(SupabaseError::settings(what, hint));
    }
    Ok(url)
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let root = base.path().trim_end_matches('/');
    url.set_path(&format!("{root}/{path}"));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_below_the_project() {
        for url in [
            "https://x.supabase.co",
            "https://x.supabase.co/",
            " https://x.supabase.co/rest/v1/ ",
        ] {
            let endpoint = Endpoint::new(Some(url), None).unwrap();
            assert_eq!(endpoint.rest().as_str(), "https://x.supabase.co/rest/v1");
            assert_eq!(
                endpoint.realtime().unwrap().as_str(),
                "wss://x.supabase.co/realtime/v1/websocket"
            );
        }
        let behind = Endpoint::new(Some("http://h:1/supa"), None).unwrap();
        assert_eq!(behind.auth().unwrap().as_str(), "http://h:1/supa/auth/v1");
        let bare = Endpoint::new(None, Some("http://127.0.0.1:3000/")).unwrap();
        assert_eq!(bare.rest().as_str(), "http://127.0.0.1:3000/");
        assert_eq!((bare.storage(), bare.auth()), (None, None));
    }

    #[test]
    fn what_is_no_project_is_refused() {
        assert!(Endpoint::new(None, None).is_err());
        for url in ["x.supabase.co", "ftp://x", "https://u:p@x", "https://x?k=v"] {
            assert!(Endpoint::new(Some(url), None).is_err(), "{url}");
        }
    }
}
