//! The public side of a provider that is a stand-in: ends TLS for `*.ngrok.test` and passes bytes on
//! to where the tunnel leads now.

use std::{net::SocketAddr, sync::Arc};

use codemate_preview::task::Scope;
use tokio::net::{TcpListener, TcpStream};

use super::{identity, ngrok_edge::BASE};

pub struct Front {
    pub addr: SocketAddr,
    /// The authority of its certificate, as PEM.
    pub ca: String,
}

impl Front {
    /// `leads_to` says the port on 127.0.0.1, once there is one.
    pub async fn open(
        scope: &Scope,
        leads_to: impl Fn() -> Option<u16> + Send + Sync + 'static,
    ) -> Self {
        let (acceptor, ca) = identity::make(["localhost", &format!("*.{BASE}")]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (inner, leads_to) = (scope.clone(), Arc::new(leads_to));
        scope.spawn(async move {
            while let Some(Ok((visitor, _))) =
                inner.token().run_until_cancelled(listener.accept()).await
            {
                let (acceptor, leads_to) = (acceptor.clone(), Arc::clone(&leads_to));
                let token = inner.token();
                inner.spawn(token.run_until_cancelled_owned(async move {
                    let Ok(mut visitor) = acceptor.accept(visitor).await else {
                        return;
                    };
                    let Some(port) = leads_to() else { return };
                    let Ok(mut gateway) = TcpStream::connect(("127.0.0.1", port)).await else {
                        return;
                    };
                    let _ = tokio::io::copy_bidirectional(&mut visitor, &mut gateway).await;
                }));
            }
        });
        Self { addr, ca }
    }
}
