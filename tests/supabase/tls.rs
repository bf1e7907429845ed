//! A certificate of our own, and a process that trusts it.

use std::{fs, process::Command, sync::Arc};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, crypto,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// Names the directory, in the process that trusts.
const DIR: &str = "CODEMATE_PREVIEW_TEST_TLS_DIR";

/// Whether this process trusts [`acceptor`].
pub fn is_trusting() -> bool {
    std::env::var(DIR).is_ok()
}

/// Run one test of this program in a process that does.
pub fn run_again(test: &str) {
    let dir = tempfile::tempdir().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    let file = dir.path().join("cert.pem");
    fs::write(&file, cert.pem()).unwrap();
    fs::write(dir.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    let run = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact"])
        .env("SSL_CERT_FILE", &file)
        .env(DIR, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

/// With the certificate that is trusted.
pub fn acceptor() -> TlsAcceptor {
    let dir = std::path::PathBuf::from(std::env::var(DIR).unwrap());
    let cert = CertificateDer::from_pem_file(dir.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(dir.join("key.pem")).unwrap();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
