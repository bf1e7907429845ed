//! Named Cloudflare tunnels: our client against a fake of the documented API.

use std::{fs, net::SocketAddr};

use codemate_preview::{
    model::{Name, TunnelKind, TunnelState},
    tunnel::{Connection, Provider as _, Reaped, Retry, TunnelError, Tunnels, Verdict, Visit},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{
    Test,
    cloudflare_api::{Fault, TOKEN, TUNNEL_TOKEN},
    named_host::{Held, Host, OWNER, id_of},
    world::{Door, block_on, until},
};

pub const TESTS: &[Test] = &[
    Test::new("from_nothing_and_back", from_nothing_and_back),
    Test::new("secrets_stay_in_the_environment", secrets),
    Test::new("a_second_preview_costs_a_rule_and_a_name", a_second_preview),
    Test::new("the_next_agent_goes_on", the_next_agent_goes_on),
    Test::new("a_name_that_leads_elsewhere_is_turned", a_name_is_turned),
    Test::new("someone_elses_name_is_left_alone", someone_elses_name),
    Test::new("half_of_it_is_taken_back", half_of_it),
    Test::new("what_may_pass_is_tried_again", what_may_pass),
    Test::new("a_lost_answer_makes_nothing_twice", a_lost_answer),
    Test::new("refusals_are_told_apart", refusals),
    Test::new("the_program_comes_back", the_program_comes_back),
    Test::new("a_program_that_keeps_ending", keeps_ending),
    Test::new("a_tunnel_deleted_by_hand_is_made_anew", deleted_by_hand),
    Test::new("connections_do_not_keep_it", connections_do_not_keep_it),
    Test::new("leftovers_of_a_crash_are_reaped", leftovers),
    Test::new("what_was_not_yet_recorded_is_found", not_yet_recorded),
    Test::new("released_between_attempts", released_between_attempts),
    Test::new("doctor_asks", doctor_asks),
];

fn rule(host: &str, port: u16) -> Value {
    json!({"hostname": host, "service": format!("http://127.0.0.1:{port}")})
}

fn catch_all() -> Value {
    json!({"service": "http_status:404"})
}

/// How a hold that fails ended.
async fn failed(held: Held) -> TunnelError {
    held.end().await.expect_err("it did not fail")
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
        assert!(!super::named_host::is_running(host.starts()[0]));

        let records = host.api.records();
        let agent = host.agent(&scope);
        let left = host.record().unwrap();
        let reaped = agent.provider.reap(&left, &|_| true).await.unwrap();
        assert_eq!(reaped, Reaped::Minded);
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
            let error = failed(host.agent(&scope).hold("shop", 4001)).await;
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

fn half_of_it() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let agent = host.agent(&scope);
        host.api.fail(Fault {
            times: Fault::FOR_EVER,
            ..Fault::new("POST", "dns_records", 400)
        });
        let error = failed(agent.hold("shop", 4001)).await;
        assert!(matches!(error, TunnelError::Rejected { .. }), "{error:?}");
        assert_eq!(host.api.count("PUT", "configurations"), 1);
        assert_eq!(host.starts().len(), 1);
        host.is_clean();

        // With another that is held, only its own share goes.
        host.api.heal();
        let mut blog = agent.hold("blog", 4002);
        blog.up().await;
        host.api.fail(Fault::new("POST", "dns_records", 400));
        failed(agent.hold("shop", 4001)).await;
        let (_, tunnel) = host.api.tunnels().pop_first().unwrap();
        assert_eq!(
            tunnel.ingress,
            [rule("blog.example.com", 4002), catch_all()]
        );
        assert_eq!(host.record().unwrap().instances, [id_of("blog")]);
        assert_eq!(host.api.records().len(), 1);
        assert_eq!(blog.up().await, "https://blog.example.com");
        blog.release().await.unwrap();
        host.is_clean();
    });
}

fn what_may_pass() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        host.api.fail(Fault {
            retry_after: Some(1),
            ..Fault::new("GET", "cfd_tunnel", 429)
        });
        for (method, path, status) in [
            ("POST", "cfd_tunnel", 500),
            ("PUT", "configurations", 502),
            ("GET", "token", 408),
            ("POST", "dns_records", 503),
        ] {
            host.api.fail(Fault {
                times: 2,
                ..Fault::new(method, path, status)
            });
        }
        let mut shop = host.agent(&scope).hold("shop", 4001);
        assert_eq!(shop.up().await, "https://shop.example.com");
        assert_eq!(host.api.count("POST", "dns_records"), 3);
        shop.release().await.unwrap();
        host.is_clean();
    });
}

fn a_lost_answer() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        for path in ["cfd_tunnel", "dns_records"] {
            host.api.fail(Fault {
                done: true,
                ..Fault::new("POST", path, 504)
            });
        }
        let mut shop = host.agent(&scope).hold("shop", 4001);
        shop.up().await;
        assert_eq!(host.api.count("POST", "cfd_tunnel"), 2);
        assert_eq!(host.api.tunnels().len(), 1);
        assert_eq!(host.api.count("POST", "dns_records"), 2);
        assert_eq!(host.api.records().len(), 1);
        shop.release().await.unwrap();
        host.is_clean();
    });
}

fn refusals() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let agent = host.agent(&scope);
        host.api.fail(Fault {
            retry_after: Some(120),
            ..Fault::new("GET", "cfd_tunnel", 429)
        });
        let error = failed(agent.hold("shop", 4001)).await;
        let Retry::After(wait) = error.retry() else {
            panic!("{error:?}");
        };
        assert_eq!(wait.as_secs(), 120);

        host.api.fail(Fault {
            code: 10000,
            times: Fault::FOR_EVER,
            ..Fault::new("POST", "cfd_tunnel", 403)
        });
        let error = failed(agent.hold("shop", 4001)).await;
        let TunnelError::Credential { hint, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(
            hint.contains("Account / Cloudflare Tunnel / Edit"),
            "{hint}"
        );
        assert!(hint.contains("Zone / DNS / Edit"), "{hint}");

        host.api.heal();
        host.api.fail(Fault {
            times: Fault::FOR_EVER,
            ..Fault::new("PUT", "configurations", 500)
        });
        let error = failed(agent.hold("shop", 4001)).await;
        assert!(
            matches!(error, TunnelError::Unreachable { .. }),
            "{error:?}"
        );
        assert_eq!(error.retry(), Retry::Backoff);
        // It will be tried again, so the tunnel is kept; unless the user is done with it.
        assert_eq!(host.api.tunnels().len(), 1);
        agent.provider.release(&id_of("shop")).await.unwrap();
        host.is_clean();

        host.api.heal();
        let lost = host.agent_with(&scope, |tools| {
            tools.settings.cloudflare.zone = Some("f".repeat(32));
        });
        let error = failed(lost.hold("shop", 4001)).await;
        assert!(matches!(error, TunnelError::Settings { .. }), "{error:?}");
    });
}

fn the_program_comes_back() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let agent = host.agent(&scope);
        let (mut shop, mut blog) = (agent.hold("shop", 4001), agent.hold("blog", 4002));
        let url = shop.up().await;
        blog.up().await;
        let before = host.api.calls();

        fs::write(host.home().join("unconnected"), "").unwrap();
        for held in [&mut shop, &mut blog] {
            held.until(|now| matches!(now, Connection::Down { .. }))
                .await;
        }
        fs::remove_file(host.home().join("unconnected")).unwrap();
        assert_eq!(shop.up().await, url);
        assert_eq!(host.starts().len(), 1);
        blog.up().await;

        let pid = i32::try_from(host.starts()[0]).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        for held in [&mut shop, &mut blog] {
            held.until(|now| matches!(now, Connection::Down { .. }))
                .await;
        }
        assert_eq!(shop.up().await, url);
        blog.up().await;
        assert_eq!(host.starts().len(), 2);
        assert_eq!(host.api.calls(), before, "the API was bothered");
        shop.release().await.unwrap();
        blog.release().await.unwrap();
        host.is_clean();
    });
}

fn keeps_ending() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        fs::write(host.home().join("broken"), "").unwrap();
        let agent = host.agent(&scope);
        let (shop, blog) = (agent.hold("shop", 4001), agent.hold("blog", 4002));
        for held in [shop, blog] {
            let error = failed(held).await;
            let TunnelError::ProgramEnded { last_lines, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(last_lines, &["it is broken"]);
        }
        assert_eq!(
            host.api.records().len(),
            0,
            "a name without a tunnel behind it"
        );
        for name in ["shop", "blog"] {
            agent.provider.release(&id_of(name)).await.unwrap();
        }
        host.is_clean();
    });
}

fn deleted_by_hand() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let agent = host.agent(&scope);
        let mut shop = agent.hold("shop", 4001);
        let url = shop.up().await;
        host.api.lose_tunnels();
        let mut blog = agent.hold("blog", 4002);
        assert_eq!(blog.up().await, "https://blog.example.com");
        let error = failed(shop).await;
        assert!(matches!(error, TunnelError::Lost { .. }), "{error:?}");
        // As the supervisor does.
        let mut shop = agent.hold("shop", 4001);
        assert_eq!(shop.up().await, url);
        let (id, _) = host.api.tunnels().pop_first().unwrap();
        for record in host.api.records().into_values() {
            assert_eq!(record["content"], format!("{id}.cfargotunnel.com"));
        }
        shop.release().await.unwrap();
        blog.release().await.unwrap();
        host.is_clean();
    });
}

fn connections_do_not_keep_it() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let mut shop = host.agent(&scope).hold("shop", 4001);
        shop.up().await;
        let (id, _) = host.api.tunnels().pop_first().unwrap();
        host.api.connect(&id, 4);
        shop.release().await.unwrap();
        assert_eq!(host.api.count("DELETE", "/connections"), 1);
        host.is_clean();
    });
}

/// Two previews, and then the agent is gone without a word.
async fn crashed(host: &Host, scope: &codemate_preview::task::Scope) {
    let agent = host.agent(scope);
    let (mut shop, mut blog) = (agent.hold("shop", 4001), agent.hold("blog", 4002));
    shop.up().await;
    blog.up().await;
    shop.task.abort();
    blog.task.abort();
    let _ = (shop.task.await, blog.task.await);
    agent.scope.cancel();
    let pid = host.starts()[0];
    until("its program to end", || {
        (!super::named_host::is_running(pid)).then_some(())
    });
}

fn leftovers() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        crashed(&host, &scope).await;
        let left = host.record().unwrap();
        assert_eq!(left.instances.len(), 2);

        let agent = host.agent(&scope);
        let blog = id_of("blog");
        agent.provider.reap(&left, &|id| *id == blog).await.unwrap();
        let (_, record) = host.api.records().pop_first().unwrap();
        assert_eq!(record["name"], "blog.example.com");
        assert_eq!(host.api.records().len(), 1);
        assert_eq!(host.api.tunnels().len(), 1, "what is wanted needs it");
        assert_eq!(
            host.record().unwrap().instances,
            std::slice::from_ref(&blog)
        );

        // Gone meanwhile is as good.
        host.api.lose_tunnels();
        for _ in 0..2 {
            agent.provider.reap(&left, &|_| false).await.unwrap();
            host.is_clean();
        }
    });
}

fn not_yet_recorded() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        crashed(&host, &scope).await;
        // Killed between a request and its answer.
        let mut left = host.record().unwrap();
        left.remote
            .retain(|key, _| !key.starts_with("dns:") && key != "tunnel");
        host.store.save_tunnel(&left).unwrap();
        let kept = host.api.plant(json!({
            "type": "CNAME", "name": "other.example.com", "content": "x", "comment": "ours",
        }));
        let agent = host.agent(&scope);
        agent.provider.reap(&left, &|_| false).await.unwrap();
        assert_eq!(
            host.api.records().into_keys().collect::<Vec<_>>(),
            [kept.clone()]
        );
        host.api.forget(&kept);
        host.is_clean();
    });
}

fn released_between_attempts() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        fs::write(host.home().join("broken"), "").unwrap();
        let door = std::sync::Arc::new(Door::open(&scope).await);
        let tunnels = Tunnels::new(&host.tools(&scope)).unwrap();
        let visit = Visit {
            id: id_of("shop"),
            name: Name::slug("shop"),
            target: SocketAddr::from(([127, 0, 0, 1], 4001)),
            doorway: door,
        };
        let mut tunnel = tunnels.open(TunnelKind::Cloudflare, visit).unwrap();
        let waiting = |state: &TunnelState| matches!(state, TunnelState::Waiting { .. });
        tunnel.states.wait_for(waiting).await.unwrap();
        assert_eq!(host.api.tunnels().len(), 1);
        tunnel.close().await;
        host.is_clean();
    });
}

fn doctor_asks() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let verdicts = |checks: &[codemate_preview::tunnel::Check]| -> Vec<Verdict> {
            checks.iter().map(|check| check.verdict).collect()
        };
        let checks = host.agent(&scope).provider.check(true).await;
        assert_eq!(verdicts(&checks), [Verdict::Good; 6], "{checks:#?}");
        assert!(
            checks[0].detail.contains("cloudflared version"),
            "{checks:#?}"
        );
        let offline = host.agent_with(&scope, |tools| {
            tools.settings.cloudflare = Default::default();
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
