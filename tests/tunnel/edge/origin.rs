//! The agent's way to its origin, by HTTP/1.1 on loopback.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{io::split, net::TcpStream, task::spawn_local};

use super::{Failure, UPGRADE, headers, pipe};

/// Ask the origin for the edge, and pass its answer on as it comes.
pub async fn ask(
    origin: SocketAddr,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    is_socket: bool,
) -> Result<(), Failure> {
    let Ok(socket) = TcpStream::connect(origin).await else {
        return refuse(respond, 502);
    };
    let (mut client, connection) = http1::handshake(TokioIo::new(socket)).await?;
    spawn_local(connection.with_upgrades());
    let (parts, receive) = request.into_parts();
    let mut onward = Request::builder().method(parts.method).uri(
        parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str),
    );
    for (name, value) in parts.headers.iter().filter(|(name, _)| *name != UPGRADE) {
        onward = onward.header(name, value);
    }
    onward = onward.header(header::HOST, parts.uri.host().unwrap_or_default());
    if is_socket {
        onward = onward
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket");
        let answer = client.send_request(onward.body(Full::default())?).await?;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            // There is no 101 in HTTP/2.
            let send = respond.send_response(told(StatusCode::OK, &answer), false)?;
            let (read, write) = split(TokioIo::new(hyper::upgrade::on(answer).await?));
            tokio::try_join!(pipe::outward(read, send), pipe::inward(receive, write))?;
            return Ok(());
        }
        let send = respond.send_response(told(answer.status(), &answer), false)?;
        return pass(answer.into_body(), send).await;
    }
    let body = Full::new(Bytes::from(pipe::all(receive).await?));
    let answer = client.send_request(onward.body(body)?).await?;
    let send = respond.send_response(told(answer.status(), &answer), false)?;
    pass(answer.into_body(), send).await
}

/// An answer of the agent's own.
pub fn refuse(mut respond: SendResponse<Bytes>, status: u16) -> Result<(), Failure> {
    let mut answer = Response::builder().status(status).body(())?;
    *answer.headers_mut() = headers::of_agent();
    respond.send_response(answer, true)?;
    Ok(())
}

fn told<B>(status: StatusCode, of_origin: &Response<B>) -> Response<()> {
    let mut answer = Response::new(());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers::wrap(of_origin.headers());
    answer
}

async fn pass(mut body: hyper::body::Incoming, mut to: SendStream<Bytes>) -> Result<(), Failure> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            to.send_data(data, false)?;
        }
    }
    Ok(to.send_data(Bytes::new(), true)?)
}
