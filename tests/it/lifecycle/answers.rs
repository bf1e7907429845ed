//! How an app's answer, or the want of one, is told.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use codemate_preview::model::{Code, Event, PhaseKind, Secret, ServedHost, UpOutcome};

use super::world::{SERVER, World};

fn answering(status: u16) -> String {
    SERVER
        .replace("TEXT", "it")
        .replace("send_response(200)", &format!("send_response({status})"))
        .replace(
            "self.end_headers()",
            "self.end_headers(); print('token', os.environ.get('TOKEN'), flush=True)",
        )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_says_500_is_the_preview() {
    let world = World::new(&answering(500));
    let agent = world.agent();
    let mut order = world.order();
    order
        .options
        .env
        .insert("TOKEN".to_owned(), Secret::new("hunter2-hunter2"));
    let outcome = agent.up(order).await.unwrap();
    assert!(
        matches!(
            outcome,
            UpOutcome::Success {
                status: Some(500),
                exit: 0,
                ..
            }
        ),
        "{outcome:?}"
    );
    let (_, journal) = agent.manager.journal("shop").unwrap();
    let told = journal
        .follow()
        .0
        .into_iter()
        .find_map(|entry| match entry.event {
            Event::Warning { message, .. } if message.contains("status 500") => Some(message),
            _ => None,
        });
    let told = told.unwrap();
    assert!(
        told.starts_with("the app answers `/` with status 500"),
        "{told}"
    );
    assert!(told.contains("\n  token [secret]"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    let again = agent.up(world.order()).await;
    assert!(again.is_ok(), "{again:?}");
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_required_fails_with_what_came() {
    let world = World::new(&answering(503));
    let agent = world.agent();
    let mut order = world.order();
    order.options.ready.status = Some("200-399".to_owned());
    order.options.ready.timeout = Some("10s".to_owned());
    let error = agent.up(order).await.unwrap_err();
    let problem = error.problem();
    assert_eq!(problem.code.exit_code(), 10);
    assert!(
        problem.message.contains("503, and 200-399 is required")
            && problem.message.contains("\n  token"),
        "{problem:?}"
    );
    // The same app is a preview for whoever requires nothing.
    agent.up(world.order()).await.unwrap();
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_under_a_watcher_ends_the_start_with_its_words() {
    let main = "import time\nprint('KeyError: MONGO_URL', flush=True)\n\
                print('[nodemon] app crashed - waiting for file changes before starting...', flush=True)\n\
                time.sleep(600)\n";
    let world = World::new(main);
    let agent = world.agent();
    let error = agent.up(world.order()).await.unwrap_err();
    let problem = error.problem();
    assert_eq!(problem.code, Code::AppExited, "{problem:?}");
    assert!(
        problem.message.contains("\n  KeyError: MONGO_URL"),
        "{problem:?}"
    );
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_after_an_answer_is_not_called_one_before_it() {
    let main = SERVER.replace("TEXT", "one").replace(
        "    def do_GET(self):",
        "    def do_GET(self):\n        if self.path == '/die':\n            os._exit(3)",
    );
    let world = World::new(&main);
    let agent = world.agent();
    agent.up(world.order()).await.unwrap();
    world.until_served("one").await;
    let mut stream = TcpStream::connect(("127.0.0.1", world.port)).unwrap();
    stream.write_all(b"GET /die HTTP/1.0\r\n\r\n").unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    let (_, journal) = agent.manager.journal("shop").unwrap();
    let (past, mut now) = journal.follow();
    let failed = |event: &Event| {
        matches!(
            event,
            Event::State {
                to: Some(PhaseKind::Failed),
                ..
            }
        )
    };
    if !past.iter().any(|entry| failed(&entry.event)) {
        while !failed(&now.recv().await.unwrap().event) {}
    }
    let record = agent.manager.show("shop").unwrap();
    let cause = serde_json::to_string(&record.phase).unwrap();
    assert!(cause.contains("the app exited with code 3"), "{cause}");
    assert!(!cause.contains("before it answered"), "{cause}");
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

/// Its certificate is made here and known to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_speaks_tls_alone_is_ready() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let main = SERVER.replace("TEXT", "safe").replace(
        "HTTPServer((\"127.0.0.1\", int(os.environ[\"PORT\"])), Hello).serve_forever()",
        "import ssl\n\
         server = HTTPServer((\"127.0.0.1\", int(os.environ[\"PORT\"])), Hello)\n\
         context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
         context.load_cert_chain(\"cert.pem\", \"key.pem\")\n\
         server.socket = context.wrap_socket(server.socket, server_side=True)\n\
         server.serve_forever()",
    );
    let world = World::new(&main);
    let at = |name: &str| world.project().join(name);
    std::fs::write(at("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(at("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let agent = world.agent();
    let outcome = agent.up(world.order()).await.unwrap();
    assert!(
        matches!(
            outcome,
            UpOutcome::Success {
                status: Some(200),
                ..
            }
        ),
        "{outcome:?}"
    );
    let (_, journal) = agent.manager.journal("shop").unwrap();
    let told = journal.follow().0.into_iter().any(|entry| {
        matches!(entry.event, Event::Warning { message, .. } if message.contains("speaks TLS alone"))
    });
    assert!(told);
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

/// Takes requests for this host and no other, as development servers do.
fn serving(host: &str) -> String {
    let check = format!(
        "if self.headers['Host'].split(':')[0] != '{host}':\n            \
         self.send_response(403)\n            self.end_headers()\n            \
         self.wfile.write(b'Invalid Host header')\n            return\n        \
         self.send_response(200)"
    );
    SERVER
        .replace("TEXT", "past the check")
        .replace("self.send_response(200)", &check)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_asked_by_the_name_that_it_takes() {
    for (taken, said, served) in [
        ("shop.localhost", None, ServedHost::Own),
        ("localhost", None, ServedHost::Localhost),
        ("shop.example", None, ServedHost::Neither),
        ("shop.example", Some("shop.example"), ServedHost::Own),
        ("localhost", Some("name"), ServedHost::Neither),
    ] {
        let world = World::new(&serving(taken));
        let agent = world.agent();
        let mut order = world.order();
        order.options.proxy.host = said.map(|host| host.parse().unwrap());
        agent.up(order).await.unwrap();
        let answered = agent.manager.show("shop").unwrap().answered.unwrap();
        assert_eq!(answered.host, served, "{taken} {said:?}");
        agent.manager.down("shop", true).await.unwrap();
        agent.stop().await;
    }
}
