//! bore: the real server and the real client, through `command`.

use std::net::{IpAddr, Ipv4Addr, TcpListener};

use codemate_preview::{
    model::{TunnelKind, TunnelState, Verification},
    task::Scope,
    tunnel::Tunnel,
};

use super::{
    Test, programs,
    rig::{Rig, reach},
    world::{PATIENCE, block_on},
};

pub const TESTS: &[Test] =
    &[Test::new("a_real_bore_leads_here", a_real_bore_leads_here).needs(its_port_is_free)];

/// An address that nothing else of these tests listens at: bore's control port cannot be chosen.
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);
const CONTROL: u16 = 7835;

fn its_port_is_free() -> bool {
    TcpListener::bind((SERVER, CONTROL)).is_ok()
}

fn serve(scope: &Scope) {
    let mut server = bore_cli::server::Server::new(1024..=65535, None);
    server.set_bind_addr(IpAddr::V4(SERVER));
    server.set_bind_tunnels(IpAddr::V4(SERVER));
    let token = scope.token();
    scope.spawn(async move {
        tokio::select! {
            () = token.cancelled() => {}
            ended = server.listen() => panic!("the server ended: {ended:?}"),
        }
    });
}

async fn verified(tunnel: &mut Tunnel, besides: Option<&str>) -> String {
    reach(tunnel, "a URL that leads here", |state| match state {
        TunnelState::Ready {
            url,
            verified: Verification::EndToEnd,
        } => Some(url.to_string()).filter(|url| Some(url.as_str()) != besides),
        _ => None,
    })
    .await
}

async fn get(url: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("{url}/hello")).send().await.unwrap();
    answer.text().await.unwrap()
}

fn a_real_bore_leads_here() {
    block_on(|scope| async move {
        serve(&scope);
        let mut rig = Rig::new(&scope).await;
        rig.tools.timing.verifying = PATIENCE;
        programs::install(&rig.dir.0, "bore", "bore");
        let settings = &mut rig.tools.settings.command;
        let argv = ["bore", "local", "{port}", "--local-host", "{host}", "--to"];
        settings.argv = argv.map(str::to_owned).to_vec();
        settings.argv.push(SERVER.to_string());
        settings.url_pattern = Some("listening at ([^ ]+)".to_owned());
        settings.url = Some("http://{1}".to_owned());
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, TunnelKind::Command);
        let first = verified(&mut tunnel, None).await;
        let host = first.trim_start_matches("http://");
        assert_eq!(get(&first).await, format!("GET /hello at {host}: "));

        // Killed by someone, it comes back, at another port.
        let pid = rustix::process::Pid::from_raw(rig.dir.runs()[0].pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let second = verified(&mut tunnel, Some(&first)).await;
        assert!(get(&second).await.starts_with("GET /hello"));
        assert_eq!(rig.dir.runs().len(), 2);
        tunnel.close().await;
    });
}
