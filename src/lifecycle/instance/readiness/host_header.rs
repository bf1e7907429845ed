//! By which host name an app is asked. Pure.

use crate::model::{AppAnswer, ProxyHost, ServedHost};

/// What the name of the preview is inside.
#[derive(Debug, Clone)]
pub struct HostHeaders {
    pub proxy: ProxyHost,
    /// The user said so, so that no other is tried.
    pub is_fixed: bool,
    /// Such as `shop.localhost:7070`.
    pub outside: String,
}

impl HostHeaders {
    /// What else may be tried, where nobody said what it is to be.
    pub fn other(&self, port: u16) -> Option<String> {
        let is_tried = self.is_fixed || self.proxy == ProxyHost::Localhost;
        (!is_tried).then(|| localhost(port))
    }

    pub fn of_port(&self, port: u16) -> String {
        match &self.proxy {
            ProxyHost::Localhost => localhost(port),
            ProxyHost::Name | ProxyHost::Preserve => self.outside.clone(),
            ProxyHost::Fixed(authority) => authority.as_str().to_owned(),
        }
    }
}

/// The name that every app serves, if it serves only one.
pub fn localhost(port: u16) -> String {
    format!("localhost:{port}")
}

/// By which name an app is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostChoice {
    /// As the plan says.
    Own,
    Localhost,
}

impl HostChoice {
    pub fn of(answered: AppAnswer) -> Self {
        if answered.host == ServedHost::Localhost {
            Self::Localhost
        } else {
            Self::Own
        }
    }
}
