//! A page as a browser asks for it: by the URL's own host name at this machine, redirects followed.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use reqwest::{
    Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    header::ACCEPT,
    redirect::Policy,
};
use tokio::runtime::Runtime;

/// Longer than a page takes that is compiled when it is asked for.
const PATIENCE: Duration = Duration::from_mins(1);
const HOPS: usize = 5;

/// Every name is this machine's.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let here: Addrs = Box::new(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0))));
        Box::pin(std::future::ready(Ok(here)))
    }
}

static BROWSER: LazyLock<(Runtime, Client)> = LazyLock::new(|| {
    let local = Policy::custom(|attempt| {
        let host = attempt.url().host_str().unwrap_or_default();
        if attempt.previous().len() > HOPS || !host.ends_with("localhost") {
            return attempt.stop();
        }
        attempt.follow()
    });
    let client = Client::builder()
        .no_proxy()
        .dns_resolver(Arc::new(Loopback))
        .redirect(local)
        .pool_max_idle_per_host(0)
        .read_timeout(PATIENCE)
        .build()
        .unwrap();
    (Runtime::new().unwrap(), client)
});

/// The status and the page at `url`; `Err` says why there is none.
pub fn page(url: &str) -> Result<(u16, String), String> {
    let (runtime, client) = &*BROWSER;
    let asked = async {
        let answer = client
            .get(url)
            .header(ACCEPT, "text/html,*/*")
            .send()
            .await?;
        Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
    };
    runtime
        .block_on(asked)
        .map_err(|error| format!("{error:?}"))
}

/// Ask for `url` and read no more than the head of the answer, which stays open until it is dropped.
pub fn hold(url: &str) -> Result<Response, String> {
    let (runtime, client) = &*BROWSER;
    // Its time to read is one of the runtime's, also where it is dropped.
    let answer = async { client.get(url).send().await };
    runtime
        .block_on(answer)
        .map_err(|error| format!("{error:?}"))
}
