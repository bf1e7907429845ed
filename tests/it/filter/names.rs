//! Names and addresses that are let through, and those that only look like them.

use super::parts::{
    names::{Allowed, harmless, host},
    ranges::is_denied,
};

#[test]
fn a_host_is_allowed_by_its_whole_name() {
    let allowed = Allowed::parse("a.example.com\n*.example.org\n").unwrap();
    for name in ["a.example.com", "x.example.org", "x.y.example.org"] {
        assert!(allowed.has(name), "{name}");
    }
    for name in [
        "example.com",
        "b.a.example.com",
        "xa.example.com",
        "a.example.com.evil.net",
        "example.org",
        "xexample.org",
        ".example.org",
        "",
    ] {
        assert!(!allowed.has(name), "{name}");
    }
    for bad in ["a.example.com\nnot a name", "*", "*.*.com", "10.0.0.1"] {
        assert!(Allowed::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_name_has_one_form() {
    assert_eq!(host("A.Example.COM.").as_deref(), Some("a.example.com"));
    for bad in [
        "a.example.com..",
        ".a.example.com",
        "a..b",
        "127.0.0.1",
        "0x7f.1",
        "127.0x1",
        "2130706433",
        "[::1]",
        "a\0.example.com",
        "a.example.com\r\n",
        "a/b.example.com",
        "a.example.com:443",
        "user@a.example.com",
        &format!("{}.com", "a".repeat(64)),
        &format!("{}com", "a.".repeat(126)),
    ] {
        assert_eq!(host(bad), None, "{bad:?}");
    }
}

#[test]
fn what_is_printed_is_one_word_of_one_line() {
    assert_eq!(harmless(b"A.example.com"), "a.example.com");
    assert_eq!(harmless(b"a b\nrefused tls x 1"), "a?b?refused?tls?x?1");
    assert_eq!(harmless("\u{202e}\u{1b}[2J".as_bytes()), "????[2j");
    assert_eq!(harmless(b""), "-");
    assert_eq!(harmless(&[b'a'; 5000]).len(), 253);
}

#[test]
fn private_addresses_are_told_from_the_internet() {
    for address in [
        "0.0.0.0",
        "10.255.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.31.255.255",
        "192.168.1.1",
        "198.19.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001:0:1::",
        "2002:a00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(is_denied(address.parse().unwrap()), "{address}");
    }
    for address in [
        "9.9.9.9",
        "11.0.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "223.255.255.255",
        "2606:4700::1",
        "::ffff:9.9.9.9",
    ] {
        assert!(!is_denied(address.parse().unwrap()), "{address}");
    }
}
