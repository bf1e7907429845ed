//! Making grants: the secrets that open a private preview, and the hashes they are known by.
//!
//! A link carries 256 random bits. A browser that opens it gets a cookie derived from them and from
//! the instance, so that neither leads to the other, and what is kept on disk leads to neither.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;

use crate::model::{Digest, Grant, GrantId, InstanceId, Secret};

/// 256 bits in base64 without padding.
const LENGTH: usize = 43;

/// What each hash is for, so that none is good for anything else.
const LINK: &str = "codemate-preview 2026-11 link";
const COOKIE: &str = "codemate-preview 2026-11 cookie of a link";
const COOKIE_DIGEST: &str = "codemate-preview 2026-11 cookie";

/// A fresh grant, and the only copy of its secret.
#[derive(Debug)]
pub struct Minted {
    pub grant: Grant,
    pub token: Secret,
}

/// Make a grant for one instance.
pub fn mint(
    instance: &InstanceId,
    label: Option<String>,
    created: Timestamp,
    expires: Option<Timestamp>,
) -> Minted {
    let token = Secret::new(URL_SAFE_NO_PAD.encode(random::<32>()));
    let cookie = derived(token.reveal(), instance);
    Minted {
        grant: Grant {
            id: GrantId::of(random()),
            instance: instance.clone(),
            link: digest(LINK, token.reveal()),
            cookie: digest(COOKIE_DIGEST, &cookie),
            label,
            created,
            expires,
            revoked: None,
        },
        token,
    }
}

/// What a link's secret is known by. `None` for what can be no secret of ours, which is not worth
/// hashing.
pub fn link_digest(token: &str) -> Option<Digest> {
    has_form(token).then(|| digest(LINK, token))
}

/// What a cookie is known by.
pub fn cookie_digest(cookie: &str) -> Option<Digest> {
    has_form(cookie).then(|| digest(COOKIE_DIGEST, cookie))
}

/// The cookie for whoever holds the link.
pub fn cookie_of(token: &str, instance: &InstanceId) -> Secret {
    Secret::new(derived(token, instance))
}

fn derived(token: &str, instance: &InstanceId) -> String {
    let mut hasher = blake3::Hasher::new_derive_key(COOKIE);
    hasher.update(token.as_bytes());
    hasher.update(instance.as_str().as_bytes());
    URL_SAFE_NO_PAD.encode(hasher.finalize().as_bytes())
}

fn digest(purpose: &str, secret: &str) -> Digest {
    Digest::new(blake3::derive_key(purpose, secret.as_bytes()))
}

fn has_form(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == LENGTH && text.bytes().all(is_letter)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("a kernel that runs processes has random bytes for them");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> InstanceId {
        text.parse().unwrap()
    }

    #[test]
    fn a_grant_knows_its_own_link_and_cookie_and_no_other() {
        let shop = id("0123456789ab");
        let now = Timestamp::UNIX_EPOCH;
        let (one, other) = (mint(&shop, None, now, None), mint(&shop, None, now, None));
        let token = one.token.reveal();
        let cookie = cookie_of(token, &shop);
        assert_eq!(link_digest(token), Some(one.grant.link));
        assert_eq!(cookie_digest(cookie.reveal()), Some(one.grant.cookie));
        assert_ne!(link_digest(token), Some(other.grant.link));
        assert_ne!(cookie_digest(cookie.reveal()), Some(other.grant.cookie));
        // One in the place of the other opens nothing, and a cookie of another instance neither.
        assert_ne!(link_digest(cookie.reveal()), Some(one.grant.link));
        assert_ne!(cookie_digest(token), Some(one.grant.cookie));
        let elsewhere = cookie_of(token, &id("ba9876543210"));
        assert_ne!(cookie_digest(elsewhere.reveal()), Some(one.grant.cookie));
    }

    #[test]
    fn a_link_has_256_bits_and_what_is_kept_does_not_hold_them() {
        let minted = mint(&id("0123456789ab"), None, Timestamp::UNIX_EPOCH, None);
        let token = minted.token.reveal();
        assert_eq!(URL_SAFE_NO_PAD.decode(token).unwrap().len(), 32);
        let kept = serde_json::to_string(&minted.grant).unwrap();
        let cookie = cookie_of(token, &minted.grant.instance);
        assert!(!kept.contains(token) && !kept.contains(cookie.reveal()));
        assert!(kept.contains(minted.grant.id.as_str()));
        assert!(!format!("{minted:?}").contains(token));
        let read: Grant = serde_json::from_str(&kept).unwrap();
        assert_eq!(read, minted.grant);
    }

    #[test]
    fn only_what_can_be_a_secret_is_hashed() {
        let good = "a".repeat(LENGTH);
        assert!(link_digest(&good).is_some());
        let bad = ["", "a", &"a".repeat(44), &"a".repeat(42), &"é".repeat(43)];
        for text in bad.into_iter().chain([good.replace('a', "+").as_str()]) {
            assert!(link_digest(text).is_none() && cookie_digest(text).is_none());
        }
    }

    #[test]
    fn an_end_is_kept_to_the_moment() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut grant = mint(&id("0123456789ab"), None, at(0), Some(at(10))).grant;
        assert!(grant.is_live(at(9)));
        assert!(!grant.is_live(at(10)));
        assert_eq!(
            (grant.ended(at(9)), grant.ended(at(10))),
            (None, Some(at(10)))
        );
        grant.expires = None;
        assert!(grant.is_live(at(1 << 32)));
        grant.revoked = Some(at(3));
        assert!(!grant.is_live(at(4)));
        assert_eq!(grant.ended(at(4)), Some(at(3)));
    }
}
