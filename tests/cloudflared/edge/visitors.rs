//! The public side of the edge: leads visitors to the tunnels of the hosts they ask for.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Body as _, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{io::split, net::TcpListener, task::spawn_local};
use tokio_rustls::TlsAcceptor;

use super::{Failure, Shared, UPGRADE, headers, pipe};

type Body = BoxBody<Bytes, io::Error>;

/// What Cloudflare says when no agent of the tunnel is connected.
const NOBODY: u16 = 530;

pub async fn take(shared: Arc<Shared>, listener: TcpListener, tls: TlsAcceptor) {
    loop {
        let (visitor, from) = listener.accept().await.unwrap();
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        spawn_local(async move {
            let Ok(visitor) = tls.accept(visitor).await else {
                return;
            };
            let service = service_fn(|request| answer(&shared, from, request));
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(visitor), service)
                .with_upgrades()
                .await;
        });
    }
}

async fn answer(
    shared: &Shared,
    from: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().to_owned();
    let Some(way) = shared.way_to(&host) else {
        return Ok(plain(NOBODY, "error code: 1033"));
    };
    let led = lead(way, &host, from, request).await;
    Ok(led.unwrap_or_else(|error| plain(502, &error.to_string())))
}

fn plain(status: u16, text: &str) -> Response<Body> {
    let body = Full::new(Bytes::from(text.to_owned()));
    let body = body.map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

async fn lead(
    way: SendRequest<Bytes>,
    host: &str,
    from: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    let upgrade = request.headers().get(header::UPGRADE).cloned();
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let mut onward = Request::builder()
        .method(request.method())
        .uri(format!("https://{host}{path}"))
        .body(())?;
    *onward.headers_mut() = for_agent(request.headers(), from)?;
    let mut way = way.ready().await?;
    let response = if upgrade.is_some() {
        onward.headers_mut().insert(UPGRADE, "websocket".parse()?);
        let (response, send) = way.send_request(onward, false)?;
        let response = response.await?;
        if response.status() == StatusCode::OK {
            let upgraded = hyper::upgrade::on(&mut request);
            let headers = headers::unwrap(response.headers()).ok_or("headers that are none")?;
            let receive = response.into_body();
            spawn_local(async move {
                let (read, write) = split(TokioIo::new(upgraded.await?));
                tokio::try_join!(pipe::outward(read, send), pipe::inward(receive, write))?;
                Ok::<_, Failure>(())
            });
            let mut switched = plain(101, "");
            *switched.headers_mut() = headers;
            let to = upgrade.unwrap_or_else(|| unreachable!());
            switched.headers_mut().insert(header::UPGRADE, to);
            let connection = "upgrade".parse()?;
            switched
                .headers_mut()
                .insert(header::CONNECTION, connection);
            return Ok(switched);
        }
        response
    } else {
        let is_whole = request.body().is_end_stream() || request.method() == Method::GET;
        let (response, mut send) = way.send_request(onward, is_whole)?;
        if !is_whole {
            let body = request.into_body().collect().await?.to_bytes();
            send.send_data(body, true)?;
        }
        response.await?
    };
    let (parts, receive) = response.into_parts();
    let mut told = Response::new(live(receive));
    *told.status_mut() = parts.status;
    *told.headers_mut() = headers::unwrap(&parts.headers).ok_or("headers that are none")?;
    Ok(told)
}

/// What the agent sees of a visitor's headers, and what the edge adds.
fn for_agent(of_visitor: &HeaderMap, from: SocketAddr) -> Result<HeaderMap, Failure> {
    let mut kept: HeaderMap = of_visitor
        .iter()
        .filter(|(name, _)| !headers::is_of_connection(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    kept.insert("cf-connecting-ip", from.ip().to_string().parse()?);
    kept.insert("x-forwarded-proto", "https".parse()?);
    kept.insert("cf-ray", "0000000000000000-LOOP".parse()?);
    Ok(kept)
}

/// Chunk by chunk, as they come.
fn live(from: RecvStream) -> Body {
    let chunks = futures_util::stream::try_unfold(from, |mut from| async move {
        let chunk = pipe::next(&mut from).await?;
        Ok(chunk.map(|chunk| (Frame::data(chunk), from)))
    });
    StreamBody::new(chunks).boxed()
}
