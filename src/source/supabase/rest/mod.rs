//! PostgREST and Storage over HTTP: queries, pages, keys and answers.

pub(super) mod answer;
pub(super) mod api_key;
pub(super) mod client;
pub(super) mod endpoint;
pub(super) mod object;
pub(super) mod pages;
pub(super) mod query;
