//! A stand-in for `cloudflared` that connects to the edge for real: the agent, behind the
//! arguments, the environment and the metrics endpoint of that program.
//!
//! As was seen of `cloudflared`, it takes QUIC unless it is told otherwise; that leads nowhere
//! here, and it does not try HTTP/2 then.

use std::net::SocketAddr;

use axum::{Json, Router, http::StatusCode, routing::get};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use super::{
    agent::{Agent, State},
    on_this_thread,
};

/// Be it, with these arguments, until SIGTERM.
pub fn run(args: &[String]) {
    on_this_thread(async {
        let (agent, host) = match args {
            [tunnel, config, _, url, origin, quick, service]
                if [tunnel, config, url, quick]
                    == ["tunnel", "--config", "--url", "--quick-service"] =>
            {
                quick_tunnel(origin, service).await
            }
            [tunnel, config, _, run] if [tunnel, config, run] == ["tunnel", "--config", "run"] => {
                (named_tunnel(), String::new())
            }
            other => panic!("not asked for a tunnel: {other:?}"),
        };
        let (say, state) = watch::channel(State::Unconnected);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind(variable("TUNNEL_METRICS")).await.unwrap();
        let (asked, mut terminated) = (stop.clone(), signal(SignalKind::terminate()).unwrap());
        tokio::select! {
            _ = axum::serve(listener, metrics(state, host)) => {}
            () = async {
                if std::env::var("TUNNEL_TRANSPORT_PROTOCOL").as_deref() != Ok("http2") {
                    stop.cancelled().await;
                }
                agent.run(say, stop).await;
            } => {}
            () = async {
                terminated.recv().await;
                asked.cancel();
                std::future::pending::<()>().await;
            } => {}
        }
    });
}

async fn quick_tunnel(origin: &str, service: &str) -> (Agent, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = client.post(format!("{service}/tunnel")).send().await;
    let answer: Value = asked.unwrap().json().await.unwrap();
    let given = &answer["result"];
    let origin = origin.strip_prefix("http://").unwrap().parse().unwrap();
    let (edge, ca) = edge();
    let host = given["hostname"].as_str().unwrap().to_owned();
    (Agent::of_quick(given, edge, ca, origin), host)
}

fn named_tunnel() -> Agent {
    let (edge, ca) = edge();
    Agent::of_token(&variable("TUNNEL_TOKEN"), edge, ca)
}

fn edge() -> (SocketAddr, String) {
    let ca = std::fs::read_to_string(variable("TUNNEL_CACERT")).unwrap();
    (variable("TUNNEL_EDGE").parse().unwrap(), ca)
}

fn metrics(state: watch::Receiver<State>, host: String) -> Router {
    let ready = move || {
        let is_ready = *state.borrow() == State::Registered;
        let status = if is_ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let body = json!({"status": status.as_u16(), "readyConnections": u8::from(is_ready)});
        std::future::ready((status, Json(body)))
    };
    let hostname = move || std::future::ready(json!({"hostname": host}).to_string());
    Router::new()
        .route("/ready", get(ready))
        .route("/quicktunnel", get(hostname))
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}
