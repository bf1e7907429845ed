//! Named Cloudflare tunnels: our client against a fake of the documented API.

use std::fs;

use codemate_preview::{
    config::CloudflareSettings,
    tunnel::{Check, Connection, Provider as _, ReapOutcome, Retry, TunnelError, Verdict},
};
use serde_json::{Value, json};

use super::{
    Test,
    cloudflare_api::{Fault, TOKEN, TUNNEL_TOKEN},
    named_host::{Host, OWNER, id_of, is_running},
    world::block_on,
};

pub const TESTS: &[Test] = &[
    Test::new("from_nothing_and_back", from_nothing_and_back),
    Test::new("secrets_stay_in_the_environment", secrets),
    Test::new("a_second_preview_costs_a_rule_and_a_name", a_second_preview),
    Test::new("the_next_agent_goes_on", the_next_agent_goes_on),
    Test::new("a_name_that_leads_elsewhere_is_turned", a_name_is_turned),
    Test::new("someone_elses_name_is_left_alone", someone_elses_name),
    Test::new("doctor_asks", doctor_asks),
];

pub fn rule(host: &str, port: u16) -> Value {
    json!({"hostname": host, "service": format!("http://127.0.0.1:{port}")})
}

pub fn catch_all() -> Value {
    json!({"service": "http_status:404"})
}

fn from_nothing_and_back() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let agent = host.agent(&scope);
        let mut shop = agent.hold("shop", 4001);
        assert_eq!(shop.up().await, "https://shop.example.com");

        let (id, tunnel) = host.api.tunnels().pop_first().unwrap();
        assert_eq!(tunnel.name, format!("codemate-{OWNER}"));
        assert_eq!(tunnel.config_src, "cloudflare");
        assert_eq!(
            tunnel.ingress,
            [rule("shop.example.com", 4001), catch_all()]
        );
        let (_, mut record) = host.api.records().pop_first().unwrap();
        for key in ["id", "zone_name"] {
            record.as_object_mut().unwrap().remove(key);
        }
        let wanted = json!({
            "type": "CNAME",
            "name": "shop.example.com",
            "content": format!("{id}.cfargotunnel.com"),
            "ttl": 1,
            "proxied": true,
            "comment": format!("codemate-preview {OWNER} {}", id_of("shop")),
        });
        assert_eq!(record, wanted);
        let made: Vec<String> = host
            .api
            .calls()
            .into_iter()
            .filter(|call| !call.starts_with("GET"))
            .map(|call| call.rsplit_once('/').unwrap().1.to_owned())
            .collect();
        assert_eq!(made, ["cfd_tunnel", "configurations", "dns_records"]);
        let written = host.record().unwrap();
        assert_eq!(written.remote["tunnel"], id);
        assert!(
            host.api
                .records()
                .contains_key(&written.remote[&format!("dns:{}", id_of("shop"))])
        );

        shop.release().await.unwrap();
        host.is_clean();
    });
}

fn secrets() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let agent = host.agent(&scope);
        let mut shop = agent.hold("shop", 4001);
        shop.up().await;
        let [pid] = host.starts()[..] else {
            panic!("not one program");
        };
        let of = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
        assert!(of("environ").contains(TUNNEL_TOKEN), "not this program");
        let argv = of("cmdline");
        assert!(argv.contains("tunnel") && argv.contains("run"), "{argv}");
        assert!(!of("environ").contains(TOKEN));
        let record = fs::read_to_string(host.store.tunnels().join("cloudflare.json")).unwrap();
        assert!(record.contains("shop.example.com"), "{record}");
        for text in [argv, record, format!("{:?}", host.record())] {
            assert!(
                !text.contains(TUNNEL_TOKEN) && !text.contains(TOKEN),
                "{text}"
            );
        }
        shop.release().await.unwrap();
    });
}

fn a_second_preview() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let agent = host.agent(&scope);
        let (mut shop, mut blog) = (agent.hold("shop", 4001), None);
        shop.up().await;
        let before = host.api.calls().len();
        let blog = blog.insert(agent.hold("blog", 4002));
        assert_eq!(blog.up().await, "https://blog.example.com");
        let more = host.api.calls().split_off(before);
        let changes: Vec<&String> = more
            .iter()
            .filter(|call| !call.starts_with("GET"))
            .collect();
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert!(
            changes[0].starts_with("PUT") && changes[1].starts_with("POST"),
            "{changes:?}"
        );
        assert_eq!(host.starts().len(), 1);

        shop.release().await.unwrap();
        let (_, tunnel) = host.api.tunnels().pop_first().unwrap();
        assert_eq!(
            tunnel.ingress,
            [rule("blog.example.com", 4002), catch_all()]
        );
        let (_, record) = host.api.records().pop_first().unwrap();
        assert_eq!(record["name"], "blog.example.com");
        assert!(matches!(*blog.connection.borrow(), Connection::Up(_)));
        blog.stop.close_and_release();
        (&mut blog.task).await.unwrap().unwrap();
        host.is_clean();
    });
}

fn the_next_agent_goes_on() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let agent = host.agent(&scope);
        let mut shop = agent.hold("shop", 4001);
        let url = shop.up().await;
        let mut blog = agent.hold("blog", 4002);
        blog.up().await;
        shop.close().await;
        blog.close().await;
        assert_eq!(host.api.records().len(), 2);
        assert_eq!(host.api.tunnels().len(), 1);
        assert!(!is_running(host.starts()[0]));

        let records = host.api.records();
        let agent = host.agent(&scope);
        let left = host.record().unwrap();
        let reaped = agent.provider.reap(&left, &|_| true).await.unwrap();
        assert_eq!(reaped, ReapOutcome::HandledByProvider);
        let mut shop = agent.hold("shop", 5001);
        assert_eq!(shop.up().await, url);
        assert_eq!(host.api.records(), records, "a name was touched");
        assert_eq!(host.api.count("POST", "cfd_tunnel"), 1);
        assert_eq!(host.api.count("DELETE", ""), 0);
        let (_, tunnel) = host.api.tunnels().pop_first().unwrap();
        assert_eq!(
            tunnel.ingress,
            [rule("shop.example.com", 5001), catch_all()]
        );
        // The other has not come back yet, so its name and the tunnel are still its own.
        shop.release().await.unwrap();
        let (_, record) = host.api.records().pop_first().unwrap();
        assert_eq!(record["name"], "blog.example.com");
        assert_eq!(host.api.tunnels().len(), 1);
        agent.provider.release(&id_of("blog")).await.unwrap();
        host.is_clean();
    });
}

fn a_name_is_turned() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let id = host.api.plant(json!({
            "type": "CNAME", "name": "shop.example.com", "proxied": true,
            "content": "11111111-2222-3333-4444-555555555555.cfargotunnel.com",
            "comment": format!("codemate-preview {OWNER} {}", id_of("shop")),
        }));
        let agent = host.agent(&scope);
        let mut shop = agent.hold("shop", 4001);
        shop.up().await;
        let (tunnel, _) = host.api.tunnels().pop_first().unwrap();
        assert_eq!(
            host.api.records()[&id]["content"],
            format!("{tunnel}.cfargotunnel.com")
        );
        assert_eq!(host.api.records().len(), 1);
        shop.release().await.unwrap();
        host.is_clean();
    });
}

fn someone_elses_name() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let others = [
            json!({"type": "A", "content": "192.0.2.1", "comment": null}),
            json!({"type": "CNAME", "content": "shop.example.org", "comment": "ours"}),
            json!({
                "type": "CNAME", "content": "1.cfargotunnel.com",
                "comment": format!("codemate-preview fedcba9876543210 {}", id_of("shop")),
            }),
        ];
        for mut other in others {
            other["name"] = json!("shop.example.com");
            let id = host.api.plant(other);
            // Enough of what does not matter for it to be on the second page.
            let chaff: Vec<String> = (0..60)
                .map(|n| json!({"type": "TXT", "name": "shop.example.com", "content": n.to_string()}))
                .map(|record| host.api.plant(record))
                .collect();
            let before = host.api.records();
            let error = host.agent(&scope).hold("shop", 4001).failed().await;
            let TunnelError::HostTaken { host: name, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(name, "shop.example.com");
            assert_eq!(error.retry(), Retry::Never);
            assert_eq!(host.api.records(), before);
            assert_eq!(host.api.tunnels().len(), 0);
            assert_eq!(host.record(), None);
            host.api.forget(&id);
            for id in chaff {
                host.api.forget(&id);
            }
        }
    });
}

fn doctor_asks() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let verdicts = |checks: &[Check]| -> Vec<Verdict> {
            checks.iter().map(|check| check.verdict).collect()
        };
        let checks = host.agent(&scope).provider.check(true).await;
        assert_eq!(verdicts(&checks), [Verdict::Good; 6], "{checks:#?}");
        assert!(
            checks[0].detail.contains("cloudflared version"),
            "{checks:#?}"
        );
        let offline = host.agent_with(&scope, |tools| {
            tools.settings.cloudflare = CloudflareSettings::default();
        });
        let before = host.api.calls().len();
        assert!(!verdicts(&offline.provider.check(false).await).contains(&Verdict::Good));
        host.agent(&scope).provider.check(false).await;
        assert_eq!(host.api.calls().len(), before, "it asked the network");

        let deep = host.agent_with(&scope, |tools| {
            tools.settings.cloudflare.domain = Some("preview.example.com".to_owned());
        });
        let checks = deep.provider.check(true).await;
        assert_eq!(
            checks.last().unwrap().verdict,
            Verdict::Doubtful,
            "{checks:#?}"
        );
        host.api.fail(Fault {
            code: 10000,
            ..Fault::new("GET", "dns_records", 403)
        });
        let checks = host.agent(&scope).provider.check(true).await;
        let bad: Vec<_> = checks
            .iter()
            .filter(|it| it.verdict == Verdict::Bad)
            .collect();
        assert_eq!(bad.len(), 1, "{checks:#?}");
        assert!(
            bad[0].fix.as_ref().unwrap().contains("Zone / DNS / Edit"),
            "{bad:#?}"
        );
    });
}
