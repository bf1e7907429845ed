//! `Site`: where at Cloudflare previews of this host are, and what it takes to change anything
//! there.

use std::path::Path;

use super::{account::Account, api::Api, dns::Zone};
use crate::{
    config::{CloudflareSettings, CredentialRegistry, credentials::CLOUDFLARE_TOKEN},
    model::{Name, PublicUrl, Secret},
    tunnel::{
        TunnelError,
        credentials::{NeededCredential, find_credential},
    },
};

/// An account and a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountZone {
    pub account: String,
    pub zone: String,
}

#[derive(Debug)]
pub struct Site {
    pub api: Api,
    pub account_zone: AccountZone,
    domain: String,
}

/// The settings and the token, as far as they are there.
struct SiteSettings<'a> {
    account: &'a str,
    zone: &'a str,
    domain: &'a str,
    token: Secret,
}

impl Site {
    pub fn new(
        settings: &CloudflareSettings,
        credentials: &CredentialRegistry,
        ca_bundle: Option<&Path>,
    ) -> Result<Self, TunnelError> {
        let given = SiteSettings::read(settings, credentials)?;
        for (key, id) in [("account", given.account), ("zone", given.zone)] {
            // It becomes part of a path.
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(TunnelError::Settings {
                    what: format!("`tunnels.cloudflare.{key}` is `{id}`, which is no id"),
                    hint: "an id is 32 hex digits, on the overview page of the zone".to_owned(),
                });
            }
        }
        let domain = given.domain.trim_matches('.').to_ascii_lowercase();
        url_of(&domain).map_err(|()| TunnelError::Settings {
            what: format!(
                "`tunnels.cloudflare.domain` is `{}`, which is no domain",
                given.domain
            ),
            hint: "write it such as `preview.example.com`".to_owned(),
        })?;
        let api = Api::new(settings.api.as_deref(), given.token, ca_bundle)?;
        Ok(Self {
            api,
            account_zone: AccountZone {
                account: given.account.to_owned(),
                zone: given.zone.to_owned(),
            },
            domain,
        })
    }

    pub fn domain(&self) -> &str {
        &self.domain
    }

    pub fn url(&self, name: &Name) -> Result<PublicUrl, TunnelError> {
        let host = format!("{name}.{}", self.domain);
        url_of(&host).map_err(|()| TunnelError::NoUrl {
            by: "`tunnels.cloudflare.domain`".to_owned(),
            said: host,
        })
    }

    pub fn account<'a>(&'a self, account_zone: &'a AccountZone) -> Account<'a> {
        Account {
            api: &self.api,
            id: &account_zone.account,
        }
    }

    pub fn zone<'a>(&'a self, account_zone: &'a AccountZone, owner: &'a str) -> Zone<'a> {
        Zone {
            api: &self.api,
            id: &account_zone.zone,
            owner,
        }
    }
}

impl<'a> SiteSettings<'a> {
    fn read(
        settings: &'a CloudflareSettings,
        credentials: &CredentialRegistry,
    ) -> Result<Self, TunnelError> {
        let token = find_credential(
            credentials,
            &NeededCredential {
                key: CLOUDFLARE_TOKEN,
                provider: "Cloudflare",
                file: settings.token_file.as_deref(),
                setting: "tunnels.cloudflare.token_file",
            },
        );
        let keys = [
            ("account", settings.account.as_deref()),
            ("zone", settings.zone.as_deref()),
            ("domain", settings.domain.as_deref()),
        ];
        if let [(_, Some(account)), (_, Some(zone)), (_, Some(domain))] = keys {
            return Ok(Self {
                account,
                zone,
                domain,
                token: token?,
            });
        }
        let mut missing: Vec<String> = keys
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(key, _)| format!("`tunnels.cloudflare.{key}`"))
            .collect();
        if token.is_err() {
            missing.push("CLOUDFLARE_API_TOKEN".to_owned());
        }
        let verb = if missing.len() == 1 { "is" } else { "are" };
        Err(TunnelError::Settings {
            what: format!("{} {verb} not set", missing.join(", ")),
            hint: "set them in the user's settings: the account's and the zone's id and the \
                   domain that previews are under; the API token is taken from the environment or \
                   from the file named by `tunnels.cloudflare.token_file`"
                .to_owned(),
        })
    }
}

fn url_of(host: &str) -> Result<PublicUrl, ()> {
    let url: PublicUrl = format!("https://{host}").parse().map_err(drop)?;
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(inner)
    };
    // The whole name goes into requests and must be one that DNS can hold.
    let fits = host.len() <= 253 && host.contains('.') && host.split('.').all(label);
    fits.then_some(url).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Credentials;

    fn settings() -> CloudflareSettings {
        CloudflareSettings {
            account: Some("a".repeat(32)),
            zone: Some("b".repeat(32)),
            domain: Some("Preview.Example.com.".to_owned()),
            ..CloudflareSettings::default()
        }
    }

    fn with_token() -> CredentialRegistry {
        let token = Some(Secret::new("hunter2"));
        CredentialRegistry::new(Credentials::default().with(CLOUDFLARE_TOKEN, token))
    }

    #[test]
    fn every_missing_key_is_named_at_once() {
        let none = CloudflareSettings::default();
        let error = Site::new(&none, &CredentialRegistry::default(), None).unwrap_err();
        let text = error.to_string();
        for key in ["account", "zone", "domain", "CLOUDFLARE_API_TOKEN"] {
            assert!(text.contains(key), "{text}");
        }
        assert!(matches!(error, TunnelError::Settings { .. }));
        let text = Site::new(&none, &with_token(), None)
            .unwrap_err()
            .to_string();
        assert!(!text.contains("TOKEN"), "{text}");
        let error = Site::new(&settings(), &CredentialRegistry::default(), None).unwrap_err();
        assert!(matches!(error, TunnelError::Credential { .. }), "{error}");
    }

    #[test]
    fn what_goes_into_requests_is_looked_at_first() {
        type Change = fn(&mut CloudflareSettings);
        let wrong: [Change; 5] = [
            |settings| settings.account = Some("../x".to_owned()),
            |settings| settings.zone = Some(String::new()),
            |settings| settings.domain = Some("example.com/x".to_owned()),
            |settings| settings.domain = Some("a&b.example.com".to_owned()),
            |settings| settings.api = Some("nowhere".to_owned()),
        ];
        for change in wrong {
            let mut settings = settings();
            change(&mut settings);
            let error = Site::new(&settings, &with_token(), None).unwrap_err();
            assert!(matches!(error, TunnelError::Settings { .. }), "{error}");
        }
    }

    #[test]
    fn a_preview_is_one_label_below_the_domain() {
        let site = Site::new(&settings(), &with_token(), None).unwrap();
        let url = site.url(&Name::slug("shop")).unwrap();
        assert_eq!(url.to_string(), "https://shop.preview.example.com");
        assert!(!format!("{site:?}").contains("hunter2"));
    }
}
