//! What servers print in a session, and the URL in it.

use serde::Deserialize;

use crate::{
    config::SshPreset,
    model::{PublicUrl, Scheme},
};

/// The address that a line announces, as servers of this preset do.
pub fn url_in(preset: SshPreset, line: &str) -> Option<PublicUrl> {
    match preset {
        SshPreset::Plain => None,
        SshPreset::Sish => sish(line),
        SshPreset::LocalhostRun => localhost_run(line),
        SshPreset::Pinggy => pinggy(line),
    }
}

/// Whether a better address may follow: servers that print two begin with the plain one.
pub fn may_improve(url: &PublicUrl) -> bool {
    url.scheme() == Scheme::Http
}

/// `HTTP: http://name.dom`, then `HTTPS: https://name.dom`.
fn sish(line: &str) -> Option<PublicUrl> {
    let (label, url) = line.split_once(": ")?;
    matches!(label, "HTTP" | "HTTPS").then(|| url.trim().parse().ok())?
}

/// One event of `--output json`.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "event")]
    kind: String,
    address: Option<String>,
    message: Option<String>,
    status: Option<String>,
}

/// A JSON event a line, or `name.dom tunneled with tls termination, https://name.dom`.
fn localhost_run(line: &str) -> Option<PublicUrl> {
    if !line.starts_with('{') {
        let (_, url) = line.split_once("tunneled with tls termination, ")?;
        return url.split_whitespace().next()?.parse().ok();
    }
    let event: Event = serde_json::from_str(line).ok()?;
    let succeeded = event.status.is_none_or(|status| status == "success");
    if event.kind != "tcpip-forward" || !succeeded {
        return None;
    }
    match event.address {
        Some(address) if address.contains("://") => address.parse().ok(),
        Some(address) => format!("https://{address}").parse().ok(),
        None => localhost_run(event.message?.trim_start_matches('{')),
    }
}

/// A line that is a URL and nothing else; those of the service's own pages are none of ours.
fn pinggy(line: &str) -> Option<PublicUrl> {
    let url: PublicUrl = line.parse().ok()?;
    let own = url.host() == "pinggy.io" || url.host().ends_with(".pinggy.io");
    (!own).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Typed after the services' documentation and what their users quote.
    const SISH: &str = "Press Ctrl-C to close the session.\r\n\r\n\
        The subdomain \u{1b}[33mshop\u{1b}[0m.tuns.test is unavailable. Assigning a random subdomain.\r\n\
        Starting SSH Forwarding service for \u{1b}[32mhttp:80\u{1b}[0m. Forwarded connections can \
        be accessed via the following methods:\r\n\
        Service console can be accessed here: https://flb.tuns.test/_sish/console?x-authorization=abc\r\n\
        \u{1b}[94mHTTP\u{1b}[0m: http://flb.tuns.test\r\n\u{1b}[94mHTTPS\u{1b}[0m: https://flb.tuns.test\r\n";
    const LOCALHOST_RUN: &str = "\r\n===============\r\nWelcome to localhost.run!\r\n\
        Follow your favourite reverse tunnel at https://twitter.com/localhost_run.\r\n\
        https://localhost.run/docs/\r\n\
        ** your connection id is 26493725-4c74, please mention it if you send me a message. **\r\n\
        authenticated as anonymous user\r\n\
        f27f21.lhr.test tunneled with tls termination, https://f27f21.lhr.test\r\n\
        create an account and add your key for a longer lasting domain name. see \
        https://localhost.run/docs/forever-free/ for more information.\r\n";
    const LOCALHOST_RUN_JSON: &str = concat!(
        r#"{"connection_id":"abc","event":"authn","message":"authenticated as anonymous user"}"#,
        "\n",
        r#"{"connection_id":"abc","event":"tcpip-forward","message":"a1.lhr.test tunneled with tls "#,
        r#"termination, https://a1.lhr.test","address":"a1.lhr.test","listen_host":"a1.lhr.test","#,
        r#""status":"success"}"#,
        "\n",
        r#"{"event":"tcpip-forward","message":"b2.lhr.test tunneled with tls termination, "#,
        r#"https://b2.lhr.test"}"#,
        "\n",
        r#"{"event":"tcpip-forward","status":"failure","address":"c3.lhr.test","message":"no"}"#,
        "\n",
    );
    const PINGGY: &str = "You are not authenticated.\r\nYour tunnel will expire in 60 minutes. \
        Upgrade to Pinggy Pro to get unrestricted tunnels. https://dashboard.pinggy.io\r\n\r\n\
        https://pinggy.io\r\nhttp://rnckk-1-2-3-4.a.free.pinggy.test\r\n\
        https://rnckk-1-2-3-4.a.free.pinggy.test\r\n";

    fn urls(preset: SshPreset, text: &str) -> Vec<String> {
        let plain = console::strip_ansi_codes(text);
        let urls = plain.lines().filter_map(|line| url_in(preset, line.trim()));
        urls.map(|url| url.to_string()).collect()
    }

    #[test]
    fn the_addresses_in_what_each_server_prints() {
        for (preset, text, want) in [
            (
                SshPreset::Sish,
                SISH,
                &["http://flb.tuns.test", "https://flb.tuns.test"][..],
            ),
            (
                SshPreset::LocalhostRun,
                LOCALHOST_RUN,
                &["https://f27f21.lhr.test"],
            ),
            (
                SshPreset::LocalhostRun,
                LOCALHOST_RUN_JSON,
                &["https://a1.lhr.test", "https://b2.lhr.test"],
            ),
            (
                SshPreset::Pinggy,
                PINGGY,
                &[
                    "http://rnckk-1-2-3-4.a.free.pinggy.test",
                    "https://rnckk-1-2-3-4.a.free.pinggy.test",
                ],
            ),
            (SshPreset::Plain, SISH, &[]),
        ] {
            assert_eq!(urls(preset, text), want, "{preset:?}");
        }
    }

    #[test]
    fn what_only_looks_like_an_address_is_none() {
        for (preset, line) in [
            (SshPreset::Sish, "HTTPS: soon"),
            (SshPreset::Sish, "see https://docs.ssi.test"),
            (SshPreset::Sish, "HTTPS: https://a.test/path"),
            (SshPreset::LocalhostRun, "https://localhost.run/docs/"),
            (SshPreset::LocalhostRun, "{\"event\":\"tcpip-forward\""),
            (SshPreset::LocalhostRun, "{\"event\":\"tcpip-forward\"}"),
            (SshPreset::Pinggy, "https://dashboard.pinggy.io"),
            (SshPreset::Pinggy, "see https://a.pinggy.test"),
            (SshPreset::Pinggy, "tcp://a.pinggy.test:4000"),
        ] {
            assert_eq!(url_in(preset, line), None, "{line}");
        }
    }
}
