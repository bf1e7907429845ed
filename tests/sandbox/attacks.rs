//! What a hostile page in a real Chromium can do to a preview at `<name>.localhost`.

use std::{
    env,
    net::TcpListener,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use codemate_preview::{
    gateway::{Activity, Gateway, NoPorts, PublicDeny, PublicListeners, Route, Routes, Target},
    model::ProxyHost,
    task::Scope,
};

use crate::{browser, tcp_dial::TcpDial};

/// Set where this program runs itself apart.
const APART: &str = "CODEMATE_PREVIEW_TEST_APART";

pub const TESTS: &[crate::Test] = &[(
    "no_page_of_another_site_changes_anything",
    no_page_of_another_site_changes_anything,
)];

fn route(id: &str, port: u16) -> Route {
    Route {
        id: id.parse().unwrap(),
        target: Target::Ready {
            dial: Arc::new(TcpDial(([127, 0, 0, 1], port).into())),
            port,
            host: ProxyHost::Preserve,
            forwarded_host: false,
            generation: 1,
        },
        activity: Activity::new(),
        public_deny: PublicDeny::none(),
        ports: Arc::new(NoPorts),
    }
}

/// Nothing else takes it in the moment until the script listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// In a namespace of its own, for containers that come and go beside it make Chromium drop what it
/// loads; with the gateway and the apps, which it visits and is.
fn no_page_of_another_site_changes_anything() {
    if env::var_os(APART).is_some() {
        return attacked();
    }
    let output = browser::apart(env::current_exe().unwrap())
        .args([
            "attacks::no_page_of_another_site_changes_anything",
            "--exact",
        ])
        .env(APART, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The script is the app too, and counts what changes it.
fn attacked() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let (scope, routes) = (Scope::new(), Routes::new());
    let (shop, blog) = (free_port(), free_port());
    routes.set("shop".parse().unwrap(), route("0123456789ab", shop));
    routes.set("blog".parse().unwrap(), route("ba9876543210", blog));
    let gateway = Gateway::bind(Some(0)).unwrap();
    let port = gateway.port();
    let entrances = PublicListeners::new(routes, port, &scope);
    scope.spawn(async move { gateway.serve(&entrances).await.unwrap() });
    let output = attack(&[port, shop, blog]);
    runtime.block_on(scope.close(Duration::from_secs(20)));
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

fn attack(ports: &[u16]) -> Output {
    Command::new("node")
        .args([browser::script("attacks.mjs"), browser::chromium()])
        .args(ports.iter().map(u16::to_string))
        .output()
        .unwrap()
}
