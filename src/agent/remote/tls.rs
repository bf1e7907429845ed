//! TLS for the API: version 1.3, with the certificate that the settings name.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        version::TLS13,
    },
};

use super::RemoteError;

/// Blocking: reads both files. Others must not be able to read the key.
pub fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, RemoteError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|source| RemoteError::Read {
            path: path.to_owned(),
            source,
        })
    };
    let bad = |path: &Path, why: String| RemoteError::Pem {
        path: path.to_owned(),
        why,
    };
    let mode = fs::metadata(key).map(|fresh_keys| fresh_keys.mode());
    if mode.is_ok_and(|mode| mode & 0o007 != 0) {
        return Err(RemoteError::Open {
            path: key.to_owned(),
        });
    }
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(cert)?)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(cert, error.to_string()))?;
    let private =
        PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| bad(key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| bad(cert, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| bad(cert, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
