//! The filter that lets connections out by name: its readers of messages, and itself as a process.

mod dns;
mod http;
mod names;
mod process;
mod tls;

#[path = "../../../src/guest/filter"]
mod parts {
    #[expect(dead_code, reason = "the filter uses the rest of it")]
    pub mod dns;
    #[expect(dead_code, reason = "the filter uses the rest of it")]
    pub mod http;
    pub mod names;
    pub mod ranges;
    #[expect(dead_code, reason = "the filter uses the rest of it")]
    pub mod tls;
}
