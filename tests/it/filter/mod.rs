//! The filter that lets connections out by name: its readers of messages, and itself as a process.

mod dns;
mod http;
mod process;
mod tls;

#[path = "../../../src/guest/filter"]
mod parts {
    #[expect(dead_code, reason = "the filter uses the rest of it")]
    pub mod dns_codec;
    #[expect(dead_code, reason = "the filter uses the rest of it")]
    pub mod http;
    #[expect(dead_code, reason = "the filter uses the rest of it")]
    pub mod tls;
}
