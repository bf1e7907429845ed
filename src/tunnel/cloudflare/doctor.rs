//! What `doctor` can tell of named Cloudflare tunnels.

use serde::Deserialize;
use serde_json::Value;

use super::{api_error::ApiError, site::Site};
use crate::{
    model::TunnelKind,
    tunnel::{Check, Programs, Tools, TunnelError, Verdict, cloudflared},
};

pub async fn check(tools: &Tools, online: bool) -> Vec<Check> {
    let settings = &tools.settings.cloudflare;
    let is_set = [&settings.account, &settings.zone, &settings.domain]
        .iter()
        .any(|setting| setting.is_some());
    let site = Site::new(settings, &tools.credentials, tools.ca_bundle.as_deref());
    let site = match site {
        Ok(site) => site,
        Err(error) if !is_set => return vec![failed(Verdict::Absent, &error)],
        Err(error) => return vec![program(tools).await, failed(Verdict::Bad, &error)],
    };
    let mut checks = vec![
        program(tools).await,
        good(format!(
            "previews are at https://<name>.{}; the account, the zone and a token are set",
            site.domain()
        )),
    ];
    if online {
        checks.extend(ask(&site).await);
    }
    checks
}

async fn program(tools: &Tools) -> Check {
    let said = match cloudflared::find(tools) {
        Ok(program) => cloudflared::version(&program, &Programs::new(tools)).await,
        Err(error) => Err(error),
    };
    match said {
        Ok(version) => good(version),
        Err(error) => failed(Verdict::Bad, &error),
    }
}

#[derive(Deserialize)]
struct Token {
    status: String,
}

#[derive(Deserialize)]
struct ZoneDetails {
    name: String,
}

async fn ask(site: &Site) -> Vec<Check> {
    let token = site.api.get::<Token>("/user/tokens/verify").await;
    let token = match token {
        Ok(token) if token.status == "active" => good("the token is active".to_owned()),
        Ok(token) => bad(
            format!("the token is {}", token.status),
            "make another at dash.cloudflare.com/profile/api-tokens".to_owned(),
        ),
        Err(error) => refused(error),
    };
    // What each permission is for, without changing anything.
    let tunnels = format!(
        "/accounts/{}/cfd_tunnel?per_page=1",
        site.account_zone.account
    );
    let tunnels = readable(site, &tunnels, "tunnels of the account").await;
    let records = format!("/zones/{}/dns_records?per_page=1", site.account_zone.zone);
    let records = readable(site, &records, "DNS records of the zone").await;
    let zone = format!("/zones/{}", site.account_zone.zone);
    let zone = match site.api.get::<ZoneDetails>(&zone).await {
        Ok(zone) => covers(&zone.name, site.domain()),
        Err(error) => refused(error),
    };
    vec![token, tunnels, records, zone]
}

async fn readable(site: &Site, path: &str, what: &str) -> Check {
    match site.api.get::<Value>(path).await {
        Ok(_) => good(format!("{what} can be read")),
        Err(error) => refused(error),
    }
}

/// Whether names under `domain` are the zone's, and have a certificate.
fn covers(zone: &str, domain: &str) -> Check {
    let zone = zone.to_ascii_lowercase();
    if domain == zone {
        return good(format!("`{domain}` is the zone"));
    }
    if !domain.ends_with(&format!(".{zone}")) {
        return bad(
            format!("`{domain}` is not in the zone `{zone}`"),
            format!(
                "set `tunnels.cloudflare.domain` to `{zone}` or a domain below it, or \
                 `tunnels.cloudflare.zone` to the zone of `{domain}`"
            ),
        );
    }
    Check {
        kind: TunnelKind::Cloudflare,
        verdict: Verdict::Doubtful,
        detail: format!(
            "previews are more than one label below `{zone}`, which Universal SSL does not cover"
        ),
        fix: Some(format!(
            "order a certificate for `*.{domain}` at Cloudflare, or set \
             `tunnels.cloudflare.domain` to `{zone}`"
        )),
    }
}

fn good(detail: String) -> Check {
    Check {
        kind: TunnelKind::Cloudflare,
        verdict: Verdict::Good,
        detail,
        fix: None,
    }
}

fn bad(detail: String, fix: String) -> Check {
    Check {
        kind: TunnelKind::Cloudflare,
        verdict: Verdict::Bad,
        detail,
        fix: Some(fix),
    }
}

fn refused(error: ApiError) -> Check {
    failed(Verdict::Bad, &error.into())
}

fn failed(verdict: Verdict, error: &TunnelError) -> Check {
    Check {
        kind: TunnelKind::Cloudflare,
        verdict,
        detail: error.to_string(),
        fix: error.problem().hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_to_be_the_zones_and_should_be_the_zone() {
        for (domain, verdict) in [
            ("example.com", Verdict::Good),
            ("preview.example.com", Verdict::Doubtful),
            ("badexample.com", Verdict::Bad),
            ("example.org", Verdict::Bad),
        ] {
            assert_eq!(covers("Example.com", domain).verdict, verdict, "{domain}");
        }
    }
}
