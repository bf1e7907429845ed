//! Named Cloudflare tunnels when something goes wrong: at Cloudflare, with the program, with us.

use std::{fs, net::SocketAddr, sync::Arc};

use codemate_preview::{
    model::{Name, TunnelKind, TunnelState},
    task::Scope,
    tunnel::{Connection, Provider as _, Retry, TunnelError, TunnelTarget, Tunnels},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{
    Test,
    cloudflare::{catch_all, rule},
    cloudflare_api::Fault,
    named_host::{Host, id_of, is_running},
    world::{Door, block_on, until},
};

pub const TESTS: &[Test] = &[
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
    Test::new("what_is_wanted_is_not_reaped", the_reaper_knows),
    Test::new("what_other_settings_left_is_no_hindrance", other_settings),
    Test::new("without_the_program_nothing_stays", without_the_program),
    Test::new("released_between_attempts", released_between_attempts),
];

fn half_of_it() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        let agent = host.agent(&scope);
        host.api.fail(Fault {
            times: Fault::FOR_EVER,
            ..Fault::new("POST", "dns_records", 400)
        });
        let error = agent.hold("shop", 4001).failed().await;
        assert!(matches!(error, TunnelError::Rejected { .. }), "{error:?}");
        assert_eq!(host.api.count("PUT", "configurations"), 1);
        assert_eq!(host.starts().len(), 1);
        host.is_clean();

        // With another that is held, only its own share goes.
        host.api.heal();
        let mut blog = agent.hold("blog", 4002);
        blog.up().await;
        host.api.fail(Fault::new("POST", "dns_records", 400));
        agent.hold("shop", 4001).failed().await;
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
        let error = agent.hold("shop", 4001).failed().await;
        let Retry::After(wait) = error.retry() else {
            panic!("{error:?}");
        };
        assert_eq!(wait.as_secs(), 120);

        host.api.fail(Fault {
            code: 10000,
            times: Fault::FOR_EVER,
            ..Fault::new("POST", "cfd_tunnel", 403)
        });
        let error = agent.hold("shop", 4001).failed().await;
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
        let error = agent.hold("shop", 4001).failed().await;
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
        let error = lost.hold("shop", 4001).failed().await;
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
            let error = held.failed().await;
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
        let error = shop.failed().await;
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
async fn crashed(host: &Host, scope: &Scope) {
    let agent = host.agent(scope);
    let (mut shop, mut blog) = (agent.hold("shop", 4001), agent.hold("blog", 4002));
    shop.up().await;
    blog.up().await;
    shop.task.abort();
    blog.task.abort();
    let _ = (shop.task.await, blog.task.await);
    agent.scope.cancel();
    let pid = host.starts()[0];
    until("its program to end", || (!is_running(pid)).then_some(()));
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
        assert_eq!(host.api.records().len(), 1);
        assert!(host.api.records().contains_key(&kept));
        host.api.forget(&kept);
        host.is_clean();
    });
}

fn other_settings() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        crashed(&host, &scope).await;
        // What is there is in an account that this token is not for.
        let mut left = host.record().unwrap();
        left.remote.insert("account".to_owned(), "f".repeat(32));
        host.store.save_tunnel(&left).unwrap();
        let mut shop = host.agent(&scope).hold("shop", 4001);
        assert_eq!(shop.up().await, "https://shop.example.com");
        assert_eq!(host.record().unwrap().instances, [id_of("shop")]);
        shop.release().await.unwrap();
        host.is_clean();
    });
}

fn without_the_program() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        crashed(&host, &scope).await;
        let agent = host.agent_with(&scope, |tools| tools.path = None);
        for name in ["shop", "blog"] {
            let error = agent.hold(name, 4001).failed().await;
            let missing = matches!(error, TunnelError::ProgramMissing { .. });
            assert!(missing, "{error:?}");
        }
        host.is_clean();
    });
}

fn the_reaper_knows() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        crashed(&host, &scope).await;
        host.keep_instance("blog");
        let agents = scope.child();
        let tunnels = Tunnels::new(&host.tools(&agents)).unwrap();
        assert_eq!(tunnels.reap().await, [""; 0]);
        let (_, record) = host.api.records().pop_first().unwrap();
        assert_eq!(record["name"], "blog.example.com");
        assert_eq!(host.api.records().len(), 1);
        assert_eq!(host.record().unwrap().instances, [id_of("blog")]);
        // As for an instance that is taken down before it was up again.
        tunnels.release(&id_of("blog")).await.unwrap();
        host.is_clean();
    });
}

fn released_between_attempts() {
    block_on(|scope| async move {
        let host = Host::new(&scope).await;
        fs::write(host.home().join("broken"), "").unwrap();
        let door = Arc::new(Door::open(&scope).await);
        let tunnels = Tunnels::new(&host.tools(&scope)).unwrap();
        let visit = TunnelTarget {
            id: id_of("shop"),
            name: Name::slug("shop"),
            target: SocketAddr::from(([127, 0, 0, 1], 4001)),
            endpoint: door,
        };
        let mut tunnel = tunnels.open(TunnelKind::Cloudflare, visit).unwrap();
        let waiting = |state: &TunnelState| matches!(state, TunnelState::Waiting { .. });
        tunnel.states.wait_for(waiting).await.unwrap();
        assert_eq!(host.api.tunnels().len(), 1);
        tunnel.close().await;
        host.is_clean();
    });
}
