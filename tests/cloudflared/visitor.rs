//! Someone who visits a public URL through the edge.

use codemate_preview::model::PublicUrl;
use reqwest::{Client, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{edge::Edge, world::PATIENCE};

pub struct Visitor {
    url: String,
    host: String,
    client: Client,
}

impl Visitor {
    pub fn new(edge: &Edge, url: &str) -> Self {
        let host = url.parse::<PublicUrl>().unwrap().host().to_owned();
        let authority = reqwest::Certificate::from_pem(edge.ca.as_bytes()).unwrap();
        let client = Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .tls_certs_only([authority])
            .pool_max_idle_per_host(0)
            .resolve(&host, edge.public)
            .build()
            .unwrap();
        Self {
            url: url.to_owned(),
            host,
            client,
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        let asked = self.client.get(format!("{}{path}", self.url)).send().await;
        asked.unwrap()
    }

    /// Ask the door all that it answers, each in its way.
    pub async fn sees_the_door(&self) {
        let host = &self.host;
        let page = self.get("/page").await;
        assert_eq!(page.status(), 200);
        assert_eq!(page.headers()["x-edge-source"], r#"{"src":"origin"}"#);
        assert!(page.headers().contains_key("content-type"));
        assert_eq!(page.text().await.unwrap(), format!("GET /page at {host}: "));

        let form = self.client.post(format!("{}/form", self.url)).body("a=b");
        let answer = form.send().await.unwrap().text().await;
        assert_eq!(answer.unwrap(), format!("POST /form at {host}: a=b"));
        let live = async {
            self.sees_events_as_they_come().await;
            self.speaks_over_a_socket().await;
        };
        timeout(PATIENCE, live)
            .await
            .expect("nothing comes through");
    }

    /// The door never ends them, so one who waits for the end sees none.
    async fn sees_events_as_they_come(&self) {
        let mut events = self.get("/sse").await;
        assert_eq!(events.headers()["content-type"], "text/event-stream");
        let mut seen = Vec::new();
        while !seen.ends_with(b"data: 2\n\n") {
            seen.extend_from_slice(&events.chunk().await.unwrap().expect("it ended"));
        }
        assert_eq!(seen, b"data: 0\n\ndata: 1\n\ndata: 2\n\n");
    }

    async fn speaks_over_a_socket(&self) {
        let asked = self
            .client
            .get(format!("{}/socket", self.url))
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==");
        let response = asked.send().await.unwrap();
        assert_eq!(response.status(), 101);
        let mut socket = response.upgrade().await.unwrap();
        for said in [b"ping", b"pong"] {
            socket.write_all(said).await.unwrap();
            let mut heard = [0; 4];
            socket.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, said);
        }
    }
}
