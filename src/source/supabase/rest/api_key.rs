//! `ApiKey`: the key of a project, and what its own form tells of it.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::model::Secret;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    text: Secret,
    kind: KeyKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyKind {
    /// `sb_publishable_…`
    Publishable,
    /// `sb_secret_…`: row-level security does not bind it.
    Secret,
    /// A JWT, the older kind, with the database role it claims.
    Jwt { role: String },
    /// Of no form known here.
    Other,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    role: String,
}

impl ApiKey {
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let kind = if text.starts_with("sb_publishable_") {
            KeyKind::Publishable
        } else if text.starts_with("sb_secret_") {
            KeyKind::Secret
        } else {
            role(text).map_or(KeyKind::Other, |role| KeyKind::Jwt { role })
        };
        Self {
            text: Secret::new(text),
            kind,
        }
    }

    pub fn kind(&self) -> &KeyKind {
        &self.kind
    }

    /// Whether row-level security does not bind it.
    pub fn is_service(&self) -> bool {
        match &self.kind {
            KeyKind::Secret => true,
            KeyKind::Jwt { role } => role == "service_role",
            KeyKind::Publishable | KeyKind::Other => false,
        }
    }

    /// The value of the `apikey` header.
    pub fn text(&self) -> &Secret {
        &self.text
    }

    /// What `Authorization` carries where nobody is signed in. Only a JWT may go there.
    pub fn as_bearer(&self) -> Option<&Secret> {
        matches!(self.kind, KeyKind::Jwt { .. }).then_some(&self.text)
    }
}

/// The role a JWT claims; `None` if it is none.
pub(in crate::source::supabase) fn role(text: &str) -> Option<String> {
    let mut parts = text.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    Some(serde_json::from_slice::<Claims>(&claims).ok()?.role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_by_its_form() {
        let jwt = |claims: &str| format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let table = [
            ("sb_publishable_a".to_owned(), false, false),
            (" sb_secret_a\n".to_owned(), true, false),
            (jwt(r#"{"role":"anon"}"#), false, true),
            (jwt(r#"{"role":"service_role","iss":"x"}"#), true, true),
            (jwt("{}"), false, true),
            ("a.b.c".to_owned(), false, false),
            ("whatever".to_owned(), false, false),
        ];
        for (text, is_service, is_bearer) in table {
            let key = ApiKey::new(&text);
            assert_eq!(key.is_service(), is_service, "{text}");
            assert_eq!(key.as_bearer().is_some(), is_bearer, "{text}");
            assert_eq!(key.text().reveal(), text.trim());
        }
    }
}
