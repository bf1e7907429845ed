//! DNS messages from both sides, neither of which is trusted.

use std::net::IpAddr;

use proptest::prelude::*;

use super::parts::dns_codec::{
    A, AAAA, BadQuery, DnsOutcome, FORMAT_ERROR, NO_ERROR, NOT_IMPLEMENTED, build_query,
    parse_answer, parse_query,
};

const NAME: &str = "a.example.com";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// An answer to a query with id 7: its question, then records as they stand.
fn answer(flags: [u8; 2], count: u8, records: &[u8]) -> Vec<u8> {
    let mut message = build_query(7, NAME, A);
    message[2..4].copy_from_slice(&[0x80 | flags[0], flags[1]]);
    message[7] = count;
    message.extend_from_slice(records);
    message
}

fn record(owner: &[u8], kind: u8, ttl: u8, data: &[u8]) -> Vec<u8> {
    let len = u8::try_from(data.len()).unwrap();
    [owner, &[0, kind, 0, 1, 0, 0, 0, ttl, 0, len], data].concat()
}

fn told(message: &[u8]) -> Option<DnsOutcome> {
    parse_answer(message, 7, NAME, A)
}

fn addresses(list: &[&str], ttl: u32) -> DnsOutcome {
    let addresses = list.iter().map(|text| ip(text)).collect();
    DnsOutcome::Addresses { addresses, ttl }
}

/// Where the question's name is.
const ASKED: &[u8] = &[0xc0, 12];
const OTHER: &[u8] = b"\x01b\x07example\x03net\0";

#[test]
fn a_query_is_read_and_answered_with_its_own_question() {
    let mut message = build_query(0x1234, "A.eXample.com", AAAA);
    // As clients send it: with an option record, which is not answered.
    message[11] = 1;
    message.extend([0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
    let query = parse_query(&message).unwrap();
    assert_eq!((&query.name[..], query.kind), (&b"A.eXample.com"[..], AAAA));
    let many = vec![ip("2606:4700::1"); 20];
    let answer = query.answer(NO_ERROR, &many, 30);
    assert!(answer.len() <= 512, "{}", answer.len());
    assert_eq!(&answer[..8], &[0x12, 0x34, 0x81, 0x80, 0, 1, 0, 8]);
    assert_eq!(answer[12..31], message[12..31]);
    let Some(DnsOutcome::Addresses { addresses, ttl: 30 }) =
        parse_answer(&answer, 0x1234, NAME, AAAA)
    else {
        panic!("our own answer is read");
    };
    assert_eq!(addresses.len(), 8);
}

#[test]
fn the_longest_name_leaves_room_for_its_addresses() {
    let name = format!("{}.{}", vec!["a".repeat(62); 3].join("."), "b".repeat(61));
    let query = parse_query(&build_query(1, &name, AAAA)).unwrap();
    let answer = query.answer(NO_ERROR, &vec![ip("2606:4700::1"); 20], 30);
    assert!((480..=512).contains(&answer.len()), "{}", answer.len());
}

#[test]
fn what_is_no_plain_question_is_refused() {
    let good = build_query(9, NAME, A);
    let change = |at: usize, byte: u8| {
        let mut message = good.clone();
        message[at] = byte;
        parse_query(&message)
    };
    let refused = |code| Err(BadQuery::Refused { id: 9, code });
    assert_eq!(change(2, 0x81), Err(BadQuery::Noise), "an answer");
    for (opcode, what) in [(1, "inverse"), (2, "status"), (4, "notify"), (5, "update")] {
        assert_eq!(change(2, opcode << 3), refused(NOT_IMPLEMENTED), "{what}");
    }
    for (at, byte, what) in [
        (5, 0, "no question"),
        (5, 2, "two questions"),
        (7, 1, "an answer in it"),
        (9, 1, "an authority in it"),
        (12, 0xc0, "a pointer"),
        (12, 64, "a label of no known kind"),
        (12, 63, "a label past the end"),
    ] {
        assert_eq!(change(at, byte), refused(FORMAT_ERROR), "{what}");
    }
    let end = good.len();
    assert_eq!(change(end - 1, 3), refused(NOT_IMPLEMENTED), "class chaos");
    for len in 12..end {
        assert_eq!(parse_query(&good[..len]), refused(FORMAT_ERROR), "{len}");
    }
    for len in 0..12 {
        assert_eq!(parse_query(&good[..len]), Err(BadQuery::Noise), "{len}");
    }
    // A name of 256 bytes, as it is written.
    let long = build_query(9, &vec!["a".repeat(50); 6].join("."), A);
    assert_eq!(parse_query(&long), refused(FORMAT_ERROR));
}

#[test]
fn aliases_lead_to_addresses() {
    let records = [
        record(ASKED, 5, 60, OTHER),
        record(OTHER, 1, 20, &[198, 51, 100, 1]),
        record(OTHER, 1, 40, &[198, 51, 100, 2]),
        // Not asked about: an answer cannot bring it in.
        record(b"\x01c\x07example\x03net\0", 1, 9, &[198, 51, 100, 3]),
    ];
    let message = answer([0, 0], 4, &records.concat());
    assert_eq!(
        told(&message),
        Some(addresses(&["198.51.100.1", "198.51.100.2"], 20))
    );
    let only_alias = answer([0, 0], 1, &records[0]);
    assert_eq!(told(&only_alias), Some(addresses(&[], 0)));
    let other_class = [&[0xc0, 12, 0, 1, 0, 3, 0, 0, 0, 9, 0, 4][..], &[1; 4]].concat();
    assert_eq!(
        told(&answer([0, 0], 1, &other_class)),
        Some(addresses(&[], 0))
    );
}

#[test]
fn an_answer_that_is_not_ours_is_passed_over() {
    let good = answer([0, 0], 1, &record(ASKED, 1, 60, &[198, 51, 100, 1]));
    assert_eq!(told(&good), Some(addresses(&["198.51.100.1"], 60)));
    for (at, byte, what) in [
        (1, 8, "another id"),
        (2, 0, "a query"),
        (5, 0, "no question"),
        (13, b'b', "another name"),
        (28, 28, "another kind"),
        (30, 3, "another class"),
    ] {
        let mut message = good.clone();
        message[at] = byte;
        assert_eq!(told(&message), None, "{what}");
    }
    assert_eq!(told(&answer([2, 0], 0, &[])), Some(DnsOutcome::Truncated));
    assert_eq!(told(&answer([0, 3], 0, &[])), Some(DnsOutcome::NoSuchName));
    assert_eq!(told(&answer([0, 2], 0, &[])), Some(DnsOutcome::Failed));
    assert_eq!(told(&answer([0, 5], 0, &[])), Some(DnsOutcome::Failed));
}

#[test]
fn hostile_answers_come_to_an_end() {
    let address = record(ASKED, 1, 60, &[198, 51, 100, 1]);
    let at_itself = u8::try_from(build_query(7, NAME, A).len()).unwrap();
    for (what, count, records) in [
        (
            "a pointer to itself",
            1,
            record(&[0xc0, at_itself], 1, 1, &[1; 4]),
        ),
        ("a pointer ahead", 1, record(&[0xc0, 200], 1, 1, &[1; 4])),
        (
            "a pointer past the end",
            1,
            record(&[0xff, 0xff], 1, 1, &[1; 4]),
        ),
        ("fewer records than told", 2, address.clone()),
        ("an address of three bytes", 1, record(ASKED, 1, 1, &[1; 3])),
        (
            "an alias that goes on",
            1,
            record(ASKED, 5, 1, b"\x01b\0\0"),
        ),
        ("cut in its data", 1, address[..address.len() - 1].to_vec()),
        (
            "a loop of aliases",
            2,
            [record(ASKED, 5, 1, OTHER), record(OTHER, 5, 1, ASKED)].concat(),
        ),
    ] {
        assert_eq!(
            told(&answer([0, 0], count, &records)),
            Some(DnsOutcome::Failed),
            "{what}"
        );
    }
    // Two pointers, one behind the other, to a name of the most labels.
    let mut chain = answer([0, 0], 1, &[]);
    for _ in 0..200 {
        let at = u16::try_from(chain.len() - 2).unwrap();
        chain.extend([1, b'x']);
        chain.extend((0xc000 | at).to_be_bytes());
    }
    assert_ne!(told(&chain), Some(addresses(&["198.51.100.1"], 60)));
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse_query(&bytes);
        let mut message = answer([0, 0], 64, &bytes);
        message[6..8].copy_from_slice(&[0xff, 0xff]);
        let _ = told(&message);
    }

    #[test]
    fn a_changed_answer_never_adds_an_address(at in 12_usize..60, byte: u8) {
        let mut message = answer([0, 0], 1, &record(ASKED, 1, 60, &[198, 51, 100, 1]));
        prop_assume!(at < message.len());
        message[at] = byte;
        if let Some(DnsOutcome::Addresses { addresses, .. }) = told(&message) {
            prop_assert!(addresses.len() <= 1);
        }
    }

    #[test]
    fn every_name_comes_back(labels in prop::collection::vec("[a-z0-9]{1,20}", 2..6), kind: u16) {
        let name = labels.join(".");
        let query = parse_query(&build_query(3, &name, kind)).unwrap();
        prop_assert_eq!((query.name, query.kind), (name.into_bytes(), kind));
    }
}
