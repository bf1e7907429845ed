//! Whether a URL leads here: the whole way from `open` to `Ready`, with a door on loopback.

use std::{sync::Arc, time::Duration};

use codemate_preview::{
    config::TunnelSettings,
    model::{PublicUrl, Verification},
    tunnel::Verifier,
};

use super::{
    Test,
    world::{Door, block_on},
};

pub const TESTS: &[Test] = &[
    Test::new("our_own_answer_is_known", our_own_answer_is_known),
    Test::new("another_servers_is_not", another_servers_is_not),
    Test::new("nobody_there_is_said", nobody_there_is_said),
];

fn verifier(to: std::net::SocketAddr) -> Verifier {
    let mut settings = TunnelSettings::default();
    settings
        .resolve
        .insert("*.preview.test".to_owned(), to.to_string());
    Verifier::new(&settings.resolve, None)
        .unwrap()
        .patience(Duration::from_secs(2))
}

fn url() -> PublicUrl {
    "http://shop.preview.test".parse().unwrap()
}

fn our_own_answer_is_known() {
    block_on(|scope| async move {
        let door = Door::open(&scope).await;
        let verified = verifier(door.addr).verify(&url(), &door).await;
        assert_eq!(verified, Verification::EndToEnd);
    });
}

fn another_servers_is_not() {
    block_on(|scope| async move {
        let (ours, other) = (Door::open(&scope).await, Door::open(&scope).await);
        let verified = verifier(other.addr).verify(&url(), &ours).await;
        let Verification::Unverified { reason } = verified else {
            panic!("another server's answer was taken for ours");
        };
        assert!(reason.contains("something else"), "{reason}");
    });
}

fn nobody_there_is_said() {
    block_on(|scope| async move {
        let door = Arc::new(Door::open(&scope).await);
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = nobody.local_addr().unwrap();
        drop(nobody);
        let verified = verifier(addr).verify(&url(), door.as_ref()).await;
        assert!(
            matches!(verified, Verification::Unverified { .. }),
            "{verified:?}"
        );
    });
}
