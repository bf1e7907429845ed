//! What a hostile page in a real Chromium can do to a preview at `<name>.localhost`.

use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use codemate_preview::{
    gateway::{Activity, Entrances, Gateway, PublicDeny, Route, Routes, Target, TcpDial},
    model::ProxyHost,
    task::Scope,
};

pub const TESTS: &[crate::Test] = &[(
    "no_page_of_another_site_changes_anything",
    no_page_of_another_site_changes_anything,
)];

/// What `make setup-tests` installs. `CODEMATE_PREVIEW_TEST_BROWSER=required` makes its absence
/// a failure.
pub fn is_here() -> bool {
    let asked = env::var("CODEMATE_PREVIEW_TEST_BROWSER").unwrap_or_default();
    let library = scripts().join("node_modules/playwright-core/package.json");
    let here = program("chromium").is_some() && program("node").is_some() && library.exists();
    assert!(
        here || asked != "required",
        "Chromium, Node.js or playwright-core is missing; run `make setup-tests`"
    );
    here
}

fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut files = env::split_paths(&path).map(|dir| dir.join(name));
    files.find(|file| file.is_file())
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

fn route(id: &str, port: u16) -> Route {
    Route {
        id: id.parse().unwrap(),
        target: Target::Ready {
            dial: Arc::new(TcpDial(([127, 0, 0, 1], port).into())),
            port,
            host: ProxyHost::Preserve,
            generation: 1,
        },
        activity: Activity::new(),
        public_deny: PublicDeny::none(),
    }
}

/// Nothing else takes it in the moment until the script listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The script is the app too, and counts what changes it.
fn no_page_of_another_site_changes_anything() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let (scope, routes) = (Scope::new(), Routes::new());
    let (shop, blog) = (free_port(), free_port());
    routes.set("shop".parse().unwrap(), route("0123456789ab", shop));
    routes.set("blog".parse().unwrap(), route("ba9876543210", blog));
    let entrances = Entrances::new(routes, &scope);
    let gateway = Gateway::bind(Some(0)).unwrap();
    let port = gateway.port();
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
        .arg(scripts().join("attacks.mjs"))
        .arg(program("chromium").unwrap())
        .args(ports.iter().map(u16::to_string))
        .output()
        .unwrap()
}
