//! The readers of what a preview sends that may reach hosts by name: they never panic, what they
//! found stands whatever comes after, and what is passed on says the same when it is read again.

#![no_main]

use guest_api::host_names::host;
use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "compiled in whole")]
#[path = "../../src/guest/filter/dns_codec.rs"]
mod dns_codec;
#[expect(dead_code, reason = "compiled in whole")]
#[path = "../../src/guest/filter/http.rs"]
mod http;
#[expect(dead_code, reason = "compiled in whole")]
#[path = "../../src/guest/filter/tls.rs"]
mod tls;

use self::{http::RequestHead, tls::ClientHello};

fuzz_target!(|data: &[u8]| {
    let [which, cut, rest @ ..] = data else {
        return;
    };
    // As it may arrive: a part first, then all of it.
    let part = &rest[..rest.len() * usize::from(*cut) / 256];
    match which % 4 {
        0 => client_hello(part, rest),
        1 => request(part, rest),
        2 => query(rest),
        _ => drop(dns_codec::parse_answer(
            rest,
            u16::from(*cut),
            "ok.example.org",
            1,
        )),
    }
});

fn client_hello(part: &[u8], all: &[u8]) {
    let early = tls::hello(part);
    if early != ClientHello::Incomplete {
        assert_eq!(early, tls::hello(all));
    }
}

fn request(part: &[u8], all: &[u8]) {
    let early = http::head(part);
    if early != RequestHead::Incomplete {
        assert_eq!(early, http::head(all));
    }
    let RequestHead::Request(mut first) = http::head(all) else {
        return;
    };
    let body = &all[first.consumed..];
    let mut again = match http::head(&first.head) {
        RequestHead::Request(again) => again,
        // One header is added, that the connection ends.
        RequestHead::Bad("too many headers") => return,
        other => panic!("what is passed on is no request: {other:?}"),
    };
    assert_eq!(again.host, first.host);
    assert_eq!(again.consumed, first.head.len());
    assert_eq!(again.body, first.body);
    // Its end is where it is, however it is cut.
    let middle = body.len() / 2;
    let whole = first.body.take(body);
    let halves = again.body.take(&body[..middle]).and_then(|taken| {
        let more = again.body.take(&body[taken..])?;
        Ok(taken + more)
    });
    assert_eq!(whole, halves);
}

fn query(message: &[u8]) {
    let Ok(query) = dns_codec::parse_query(message) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(&query.name) else {
        return;
    };
    let Some(name) = host(text) else { return };
    assert_eq!(host(&name).as_deref(), Some(name.as_str()));
    let ours = dns_codec::build_query(7, &name, query.kind);
    let again = dns_codec::parse_query(&ours).expect("a query of our own is one");
    assert_eq!((again.name, again.kind), (name.into_bytes(), query.kind));
}
