//! Entrances as such: whom they let in to what, and how they close.

use codemate_preview::{gateway::GatewayError, model::ProxyHost};
use http::StatusCode;
use hyper::Response;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::world::{
    App, World, data, fed, full, hello, mirror, next, raw, read, ready, soon, visit,
};

#[tokio::test]
async fn nobody_comes_in_before_a_url_is_shown() {
    let (world, app) = World::with(hello).await;
    let entrance = world.entrance(&[]);
    assert!(entrance.addr().ip().is_loopback());
    let port = entrance.addr().port();
    let hosts = [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("shop.localhost:{port}"),
        world.host(),
        "a.example".to_owned(),
    ];
    for host in &hosts {
        let (parts, _) = soon(visit(&entrance, host, world.get("/"))).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND, "{host}");
    }
    assert_eq!(app.requests(), 0);
    entrance.add_origin(&"https://a.example".parse().unwrap());
    let (parts, _) = soon(visit(&entrance, "a.example", world.get("/"))).await;
    assert_eq!(parts.status, StatusCode::OK);
}

#[tokio::test]
async fn an_outsider_finds_nothing_else() {
    let (world, app) = World::with(hello).await;
    let entrance = world.entrance(&["https://a.example"]);
    let other = world.entrance(&["https://b.example"]);
    let (port, gateway) = (entrance.addr().port(), world.port);
    let hosts = [
        world.host(),
        format!("other.localhost:{gateway}"),
        format!("shop.localhost:{port}"),
        format!("localhost:{gateway}"),
        format!("127.0.0.1:{gateway}"),
        format!("[::1]:{port}"),
        format!("127.0.0.1:{}", other.addr().port()),
        "localhost".to_owned(),
        "b.example".to_owned(),
        "a.example:80".to_owned(),
        "a.example.".to_owned(),
        "x.a.example".to_owned(),
        "shop".to_owned(),
    ];
    for host in &hosts {
        let (parts, text) = soon(visit(&entrance, host, world.get("/"))).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND, "{host}");
        for secret in ["shop", "codemate-preview", "b.example"] {
            assert!(!text.contains(secret), "{host}: {text}");
        }
    }
    assert_eq!(app.requests(), 0);
    let own = [format!("127.0.0.1:{port}"), format!("LocalHost:{port}")];
    let public = ["a.example", "A.EXAMPLE", "a.example:443"];
    for host in own.iter().map(String::as_str).chain(public) {
        let (parts, text) = soon(visit(&entrance, host, world.get("/"))).await;
        assert_eq!((parts.status, text.as_str()), (StatusCode::OK, "hello"));
    }
    // The local door in turn knows no public names.
    let mut request = world.get("/");
    let host = "a.example".parse().unwrap();
    request.headers_mut().insert("host", host);
    let (parts, _) = soon(world.ask(request)).await;
    assert_eq!(parts.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn malformed_requests_are_refused_here_too() {
    let (world, app) = World::with(mirror).await;
    let entrance = world.entrance(&["https://a.example"]);
    let one = |head: &str| format!("{head}\r\nconnection: close\r\n\r\n");
    for (head, status) in [
        ("GET / HTTP/1.1\r\nhost: a.example\r\nhost: a.example", 400),
        ("GET http://b.example/ HTTP/1.1\r\nhost: a.example", 400),
        ("GET / HTTP/1.1\r\nhost: u@a.example", 400),
        ("GET / HTTP/1.1", 400),
        ("TRACE / HTTP/1.1\r\nhost: a.example", 405),
        ("CONNECT a.example HTTP/1.1\r\nhost: a.example", 405),
    ] {
        let answer = soon(raw(&entrance, one(head).as_bytes())).await;
        let want = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&want), "{head}: {answer}");
    }
    assert_eq!(app.requests(), 0);
    // Behind TLS that ends elsewhere, `https` is a scheme like any.
    for scheme in ["http", "https"] {
        let head = format!("GET {scheme}://a.example/x HTTP/1.1\r\nhost: a.example");
        let answer = soon(raw(&entrance, one(&head).as_bytes())).await;
        assert!(
            answer.contains("\r\n\r\nGET /x\n") || answer.contains("GET /x\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn the_visitors_of_an_earlier_url_are_still_taken() {
    let (world, _app) = World::with(mirror).await;
    let entrance = world.entrance(&["https://a.example", "http://b.example:81"]);
    for (host, told) in [
        ("a.example", "https a.example"),
        ("b.example:81", "http b.example:81"),
    ] {
        let text = soon(visit(&entrance, host, world.get("/"))).await.1;
        let (proto, host) = told.split_once(' ').unwrap();
        assert!(
            text.contains(&format!("x-forwarded-proto: {proto}\n")),
            "{text}"
        );
        assert!(text.contains(&format!("\nhost: {host}\n")), "{text}");
    }
}

#[tokio::test]
async fn a_shared_port_is_divided_by_host() {
    let (world, shop) = World::with(hello).await;
    let other = App::start(&world.scope, |_| {
        Box::pin(async { Response::new(full("blog")) })
    })
    .await;
    world.route("blog", ready(other.port, ProxyHost::Preserve, 1));
    let first = world.shared("shop", 0, "https://shop.example");
    let port = first.addr().port();
    let second = world.shared("blog", port, "https://blog.example");
    assert_eq!(second.addr(), first.addr());
    for (host, want) in [("shop.example", "hello"), ("blog.example", "blog")] {
        assert_eq!(soon(visit(&first, host, world.get("/"))).await.1, want);
    }
    let nobody = [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        "x.example".to_owned(),
        world.host(),
    ];
    for host in &nobody {
        let (parts, _) = soon(visit(&first, host, world.get("/"))).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND, "{host}");
    }
    assert_eq!((shop.requests(), other.requests()), (1, 1));

    drop(first);
    let (parts, _) = soon(visit(&second, "shop.example", world.get("/"))).await;
    assert_eq!(parts.status, StatusCode::NOT_FOUND);
    let (_, text) = soon(visit(&second, "blog.example", world.get("/"))).await;
    assert_eq!(text, "blog", "who else is there is not disturbed");
    // The last one leaves, and somebody comes before anyone could have noticed.
    drop(second);
    let again = world.shared("shop", port, "https://shop.example");
    let (_, text) = soon(visit(&again, "shop.example", world.get("/"))).await;
    assert_eq!(text, "hello");
    drop(again);
    soon(refused(port)).await;
    let again = world.shared("shop", port, "https://shop.example");
    let (_, text) = soon(visit(&again, "shop.example", world.get("/"))).await;
    assert_eq!(text, "hello");
}

/// Resolves once nobody listens there.
async fn refused(port: u16) {
    while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_port_somebody_else_has_is_an_error_that_names_the_setting() {
    let world = World::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let name = "shop".parse().unwrap();
    let Err(error) = world
        .entrances
        .open(&name, Some(port), &super::world::open())
    else {
        panic!("two listen on one port");
    };
    assert!(matches!(error, GatewayError::PublicPort { port: taken, .. } if taken == port));
    let problem = error.problem();
    assert!(problem.message.contains(&port.to_string()));
    assert!(problem.hint.unwrap().contains("`tunnels.static.port`"));
    drop(listener);
    world
        .entrances
        .open(&name, Some(port), &super::world::open())
        .unwrap();
}

#[tokio::test]
async fn closing_an_own_entrance_closes_its_port_and_what_came_by_it() {
    let (feed, body) = fed();
    let body = std::sync::Mutex::new(Some(body));
    let (world, mut app) = World::with(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        Box::pin(async move {
            Response::builder()
                .header("content-type", "text/event-stream")
                .body(body)
                .unwrap()
        })
    })
    .await;
    let entrance = world.entrance(&["https://a.example"]);
    let mut stream = TcpStream::connect(entrance.addr()).await.unwrap();
    let ask = b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut seen = String::new();
    for event in ["one", "two"] {
        feed.send(data(event)).unwrap();
        while !seen.contains(event) {
            let mut piece = [0; 512];
            let read = soon(stream.read(&mut piece)).await.unwrap();
            assert!(read > 0, "{seen}");
            seen.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
    }
    let port = entrance.addr().port();
    drop(entrance);
    let mut rest = Vec::new();
    let _ = soon(stream.read_to_end(&mut rest)).await;
    assert!(
        !rest.ends_with(b"0\r\n\r\n"),
        "it did not end, it broke off"
    );
    app.closed().await;
    soon(refused(port)).await;
}

#[tokio::test]
async fn closing_one_of_a_shared_port_cuts_its_streams_alone() {
    let (shop_feed, shop_body) = fed();
    let (blog_feed, blog_body) = fed();
    let world = World::new();
    let bodies = std::sync::Mutex::new(vec![blog_body, shop_body]);
    let app = App::start(&world.scope, move |_| {
        let body = bodies.lock().unwrap().pop().unwrap();
        Box::pin(async move { Response::new(body) })
    })
    .await;
    world.show(app.port, ProxyHost::Preserve, 1);
    world.route("blog", ready(app.port, ProxyHost::Preserve, 1));
    let shop = world.shared("shop", 0, "https://shop.example");
    let blog = world.shared("blog", shop.addr().port(), "https://blog.example");
    let mut visitors = Vec::new();
    for (host, feed) in [("shop.example", &shop_feed), ("blog.example", &blog_feed)] {
        let mut visitor = world.visitor_at(shop.addr().port()).await;
        let mut request = world.get("/");
        request.headers_mut().insert("host", host.parse().unwrap());
        let mut response = soon(visitor.send_request(request)).await.unwrap();
        feed.send(data("one")).unwrap();
        assert_eq!(next(response.body_mut()).await, "one");
        visitors.push((visitor, response));
    }
    drop(shop);
    let (_blog_visitor, mut of_blog) = visitors.pop().unwrap();
    let (_shop_visitor, of_shop) = visitors.pop().unwrap();
    let broken = soon(http_body_util::BodyExt::collect(of_shop.into_body())).await;
    assert!(broken.is_err(), "it did not end, it broke off");
    blog_feed.send(data("two")).unwrap();
    assert_eq!(next(of_blog.body_mut()).await, "two");
    drop(blog_feed);
    assert_eq!(soon(read(of_blog)).await.1, "");
    drop(blog);
}

#[tokio::test]
async fn entrances_end_with_the_gateway() {
    let (mut world, _app) = World::with(hello).await;
    let entrance = world.entrance(&["https://a.example"]);
    let shared = world.shared("shop", 0, "https://b.example");
    assert_eq!(
        soon(visit(&shared, "b.example", world.get("/"))).await.1,
        "hello"
    );
    world.scope.cancel();
    soon(&mut world.served).await.unwrap();
    soon(refused(entrance.addr().port())).await;
    soon(refused(shared.addr().port())).await;
}
