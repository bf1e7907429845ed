//! Connections that were kept from leaving, as the network sidecar tells them on its output.

use futures_util::{StreamExt, stream::BoxStream};

use super::logs::lines_of;
use crate::{
    engine::{LogQuery, Result, docker::Docker},
    model::{DenialStage, EgressDenial, InstanceId, LogLine},
};

impl Docker {
    pub(in crate::engine::docker) async fn refused_connections(
        &self,
        id: &InstanceId,
        since: Option<jiff::Timestamp>,
    ) -> Result<BoxStream<'static, Result<EgressDenial>>> {
        let client = self.client().await?;
        let Some(sidecar) = self.newest(&client, id).await?.sidecar else {
            // Of a version before there were sidecars.
            return Ok(futures_util::stream::empty().boxed());
        };
        let query = LogQuery {
            follow: true,
            since,
            tail: None,
        };
        let lines = lines_of(client, &sidecar, id, query);
        let reported =
            lines.filter_map(|line| async { line.map(|line| refused(&line)).transpose() });
        Ok(reported.boxed())
    }
}

/// Of a line `refused <by> <host> <port>`; whatever else it writes is not told here.
fn refused(line: &LogLine) -> Option<EgressDenial> {
    let mut words = line.text.split(' ');
    let ("refused", by, host, port, None) = (
        words.next()?,
        words.next()?,
        words.next()?,
        words.next()?,
        words.next(),
    ) else {
        return None;
    };
    let by = match by {
        "dns" => DenialStage::Dns,
        "tls" => DenialStage::Tls,
        "http" => DenialStage::Http,
        "tcp" => DenialStage::Tcp,
        "udp" => DenialStage::Udp,
        _ => DenialStage::Other,
    };
    Some(EgressDenial {
        by,
        host: host.to_owned(),
        port: port.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LogStream;

    fn reported(text: &str) -> Option<String> {
        let line = LogLine {
            at: jiff::Timestamp::UNIX_EPOCH,
            stream: LogStream::Stdout,
            text: text.to_owned(),
        };
        refused(&line).map(|refused| format!("{:?} {refused}", refused.by))
    }

    #[test]
    fn only_whole_lines_about_refusals_are_told() {
        for (text, want) in [
            (
                "refused dns a.example.com 53",
                Some("Dns a.example.com, looked up"),
            ),
            (
                "refused dns a.example.com=10.0.0.1 53",
                Some("Dns a.example.com, which leads to 10.0.0.1"),
            ),
            (
                "refused tls 203.0.113.9 443",
                Some("Tls 203.0.113.9:443 over TLS"),
            ),
            ("refused other 203.0.113.9 0", Some("Other 203.0.113.9")),
            ("ready 0123", None),
            ("refused dns a.example.com", None),
            ("refused dns a.example.com 53 more", None),
            ("refused dns a.example.com 65536", None),
        ] {
            assert_eq!(reported(text).as_deref(), want, "{text}");
        }
    }
}
