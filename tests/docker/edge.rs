//! The user's own reverse proxy, in small: ends TLS for `*.preview.test` on loopback and passes the
//! bytes on to the gateway as they are.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use codemate_preview::task::Scope;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

pub struct Edge {
    addr: SocketAddr,
    /// The authority its certificate is of, as PEM.
    pub authority: String,
    runtime: Runtime,
    scope: Scope,
}

impl Edge {
    /// In front of what listens at `gateway` on 127.0.0.1, now or later.
    pub fn open(gateway: u16) -> Self {
        let (acceptor, authority) = identity();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let scope = Scope::new();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let guard = runtime.enter();
        scope.spawn(accept(listener, acceptor, gateway, scope.clone()));
        drop(guard);
        Self {
            addr,
            authority,
            runtime,
            scope,
        }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let closed = self
            .runtime
            .block_on(self.scope.close(Duration::from_secs(20)));
        if !std::thread::panicking() {
            assert!(closed, "the edge's connections do not end");
        }
    }
}

fn identity() -> (TlsAcceptor, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    // OpenSSL takes a certificate whose issuer is called as it is itself for its own issuer.
    params
        .distinguished_name
        .push(DnType::CommonName, "an authority of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["*.preview.test".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, gateway: u16, scope: Scope) {
    loop {
        let accepted = tokio::select! {
            () = scope.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((visitor, _)) = accepted else { continue };
        let acceptor = acceptor.clone();
        let token = scope.token();
        scope.spawn(async move {
            tokio::select! {
                () = token.cancelled() => {}
                // A visitor that leaves, or a gateway that is not there, ends one connection.
                _ = pass(visitor, &acceptor, gateway) => {}
            }
        });
    }
}

async fn pass(visitor: TcpStream, acceptor: &TlsAcceptor, gateway: u16) -> std::io::Result<()> {
    visitor.set_nodelay(true)?;
    let mut visitor = acceptor.accept(visitor).await?;
    let mut gateway = TcpStream::connect(("127.0.0.1", gateway)).await?;
    gateway.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut visitor, &mut gateway).await?;
    Ok(())
}
