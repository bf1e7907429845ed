//! `accept`: connections of one socket, until its scope ends. `until_drained`: the end of each.

use std::{io, net::SocketAddr, pin::Pin, time::Duration};

use tokio::net::{TcpListener, TcpStream};

use crate::task::Scope;

/// How long open requests may take to end once the scope has.
pub const DRAIN: Duration = Duration::from_secs(3);
/// For the want of file descriptors to pass.
const RESPITE: Duration = Duration::from_millis(50);

/// Give each connection to `serve` until the scope ends. A slot is waited for first, so that who cannot
/// be served waits in the kernel's queue; there is none any more once it is `None`.
pub async fn accept<S, F: Future<Output = Option<S>>>(
    socket: &TcpListener,
    scope: &Scope,
    slot: impl Fn() -> F,
    mut serve: impl FnMut(TcpStream, SocketAddr, S),
) {
    loop {
        let next = async {
            let slot = slot().await?;
            Some((slot, socket.accept().await))
        };
        let next = tokio::select! {
            () = scope.cancelled() => return,
            next = next => next,
        };
        let Some((slot, accepted)) = next else {
            return;
        };
        match accepted {
            Ok((stream, address)) => serve(stream, address, slot),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(RESPITE).await;
            }
        }
    }
}

/// Serve a connection to its end. Once the scope ends it is told to `shut_down`, which lets no further
/// request in, and what is open has [`DRAIN`] to end too.
pub async fn until_drained<C, E>(
    connection: C,
    shut_down: impl FnOnce(Pin<&mut C>),
    scope: &Scope,
) -> Result<(), E>
where
    C: Future<Output = Result<(), E>>,
{
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = scope.cancelled() => {
            shut_down(connection.as_mut());
            tokio::time::timeout(DRAIN, connection).await.unwrap_or(Ok(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{Notify, Semaphore};

    use super::*;

    /// Who has no slot is not accepted, and is as soon as one is given back.
    #[tokio::test]
    async fn nobody_is_served_without_a_slot_nor_after_the_end() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        let (scope, slots) = (Scope::new(), Arc::new(Semaphore::new(1)));
        let (served, mut news) = tokio::sync::mpsc::unbounded_channel();
        let (inner, limit) = (scope.clone(), Arc::clone(&slots));
        let tasks = Scope::new();
        tasks.spawn(async move {
            let slot = || {
                let limit = Arc::clone(&limit);
                async move { limit.acquire_owned().await.ok() }
            };
            accept(&socket, &inner, slot, |stream, _, slot| {
                served.send((stream, slot)).unwrap();
            })
            .await;
        });
        let _both = [
            TcpStream::connect(at).await.unwrap(),
            TcpStream::connect(at).await.unwrap(),
        ];
        let first = news.recv().await.unwrap();
        assert_eq!(slots.available_permits(), 0);
        assert!(news.try_recv().is_err(), "the second waits");
        drop(first);
        let _second = news.recv().await.unwrap();
        assert!(scope.close(DRAIN).await);
        assert!(news.recv().await.is_none(), "its task has ended");
    }

    /// An answer under way is given when the scope ends, and says that it is the last.
    #[tokio::test]
    async fn an_open_request_is_answered_after_the_end() {
        use http_body_util::Empty;
        use hyper::{
            Request, Response,
            body::{Bytes, Incoming},
            server::conn::http1::{self, Connection},
            service::service_fn,
        };
        use hyper_util::rt::TokioIo;
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        for ends in [true, false] {
            let (mut visitor, ours) = tokio::io::duplex(4096);
            let scope = Scope::new();
            let ending = scope.clone();
            let told = Arc::new(Notify::new());
            let was_told = Arc::clone(&told);
            let service = service_fn(move |_: Request<Incoming>| {
                let (ending, was_told) = (ending.clone(), Arc::clone(&was_told));
                async move {
                    if ends {
                        ending.cancel();
                        // The answer is under way while the connection learns of the end.
                        was_told.notified().await;
                    }
                    Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new()))
                }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(ours), service);
            let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
            visitor.write_all(request).await.unwrap();
            let shut_down = |connection: Pin<&mut Connection<_, _>>| {
                connection.graceful_shutdown();
                told.notify_one();
            };
            let serving = until_drained(connection, shut_down, &scope);
            let mut answer = String::new();
            if ends {
                serving.await.unwrap();
                visitor.read_to_string(&mut answer).await.unwrap();
            } else {
                // The control: it waits for the next request.
                let mut bytes = [0; 1024];
                let read = tokio::select! {
                    _ = serving => panic!("nothing ended it"),
                    read = visitor.read(&mut bytes) => read.unwrap(),
                };
                answer.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            }
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
            assert_eq!(answer.contains("connection: close"), ends, "{answer}");
        }
    }
}
