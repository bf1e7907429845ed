//! Client hellos: real ones, cut ones, and ones that try to hide their name.

use std::sync::Arc;

use proptest::prelude::*;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, crypto};

use super::parts::tls::{ClientHello, LONGEST_HELLO, TlsRefusal, hello};

/// What a real client sends first.
pub fn real(name: &str) -> Vec<u8> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = name.to_owned().try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

fn long(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap();
    [&len.to_be_bytes()[..], bytes].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &long(data)].concat()
}

fn server_name(name: &[u8]) -> Vec<u8> {
    extension(0, &long(&[&[0][..], &long(name)].concat()))
}

fn handshake(extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(long(extensions));
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1][..], &len[1..], &body].concat()
}

fn records(message: &[u8], size: usize) -> Vec<u8> {
    message
        .chunks(size)
        .flat_map(|part| [&[22, 3, 1][..], &long(part)].concat())
        .collect()
}

fn with(extensions: &[u8]) -> ClientHello {
    hello(&records(&handshake(extensions), 16 << 10))
}

fn named(name: &str) -> ClientHello {
    ClientHello::Named(name.as_bytes().to_vec())
}

#[test]
fn a_real_client_names_its_server() {
    let bytes = real("a.example.com");
    assert_eq!(hello(&bytes), named("a.example.com"));
    for len in 0..bytes.len() {
        assert_eq!(hello(&bytes[..len]), ClientHello::Incomplete, "{len}");
    }
    // Whatever comes after it is the server's.
    assert_eq!(
        hello(&[&bytes[..], &[0; 9]].concat()),
        named("a.example.com")
    );
    // A client of an address says no name.
    assert_eq!(
        hello(&real("198.51.100.1")),
        ClientHello::Bad(TlsRefusal::NoName)
    );
}

#[test]
fn a_hello_in_pieces_is_put_together() {
    let message = handshake(&server_name(b"a.example.com"));
    for size in 1..=message.len() {
        assert_eq!(
            hello(&records(&message, size)),
            named("a.example.com"),
            "{size}"
        );
    }
}

#[test]
fn a_hidden_name_is_no_name() {
    let good = server_name(b"a.example.com");
    let cases = [
        ("none", extension(16, &[0; 3]), TlsRefusal::NoName),
        ("an empty one", server_name(b""), TlsRefusal::NoName),
        (
            "an encrypted hello beside it",
            [good.clone(), extension(0xfe0d, &[1])].concat(),
            TlsRefusal::Encrypted,
        ),
        (
            "an encrypted hello before it",
            [extension(0xfe0d, &[0; 40]), good.clone()].concat(),
            TlsRefusal::Encrypted,
        ),
        (
            "an encrypted name",
            extension(0xffce, &[0; 40]),
            TlsRefusal::Encrypted,
        ),
        (
            "two extensions",
            [good.clone(), server_name(b"b.example.com")].concat(),
            TlsRefusal::Malformed,
        ),
        (
            "two in one list",
            extension(
                0,
                &long(&[&[0][..], &long(b"a.b"), &[0], &long(b"c.d")].concat()),
            ),
            TlsRefusal::Malformed,
        ),
        (
            "of another kind",
            extension(0, &long(&[&[1][..], &long(b"a.b")].concat())),
            TlsRefusal::Malformed,
        ),
        (
            "bytes after the list",
            extension(
                0,
                &[long(&[&[0][..], &long(b"a.b")].concat()), vec![0]].concat(),
            ),
            TlsRefusal::Malformed,
        ),
        (
            "longer than it is",
            [good.clone(), vec![0, 16, 0, 9]].concat(),
            TlsRefusal::Malformed,
        ),
    ];
    for (what, extensions, why) in cases {
        assert_eq!(with(&extensions), ClientHello::Bad(why), "{what}");
    }
    assert_eq!(with(&good), named("a.example.com"));
}

#[test]
fn what_is_no_hello_is_known_at_once() {
    let message = handshake(&server_name(b"a.example.com"));
    let good = records(&message, 16 << 10);
    for (what, at, byte, why) in [
        ("an alert", 0, 21, TlsRefusal::NotTls),
        ("a later record", 0, 23, TlsRefusal::NotTls),
        ("SSL 2", 0, 0x80, TlsRefusal::NotTls),
        ("another major version", 1, 2, TlsRefusal::NotTls),
        ("a record too long", 3, 0x7f, TlsRefusal::Malformed),
        ("a server's hello", 5, 2, TlsRefusal::Malformed),
        ("a hello of 16 MiB", 6, 0xff, TlsRefusal::TooLong),
    ] {
        let mut bytes = good.clone();
        bytes[at] = byte;
        assert_eq!(hello(&bytes), ClientHello::Bad(why), "{what}");
    }
    assert_eq!(
        hello(b"SSH-2.0-x\r\n"),
        ClientHello::Bad(TlsRefusal::NotTls)
    );
    assert_eq!(
        hello(&[22, 3, 1, 0, 0]),
        ClientHello::Bad(TlsRefusal::Malformed),
        "an empty record"
    );
    let huge = handshake(&[server_name(b"a.b"), extension(21, &vec![0; LONGEST_HELLO])].concat());
    assert_eq!(
        hello(&records(&huge, 16 << 10)),
        ClientHello::Bad(TlsRefusal::TooLong)
    );
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = hello(&bytes);
        let _ = with(&bytes);
    }

    #[test]
    fn a_changed_byte_never_makes_an_encrypted_hello_plain(at in 0_usize..200, byte: u8) {
        let extensions = [server_name(b"a.example.com"), extension(0xfe0d, &[0; 40])].concat();
        let mut bytes = records(&handshake(&extensions), 16 << 10);
        prop_assume!(at < bytes.len());
        let name = bytes.windows(2).rposition(|two| two == [0xfe, 0x0d]).unwrap();
        // The very bytes that say it is one are the client's own business.
        prop_assume!(at != name && at != name + 1);
        bytes[at] = byte;
        prop_assert_ne!(hello(&bytes), named("a.example.com"));
    }
}
