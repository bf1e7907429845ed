//! JWTs of a Supabase project's users: what must hold before one is believed.
//!
//! The settings fix the one algorithm, and keys are made for that algorithm only; nothing a token
//! says of itself chooses how it is checked. `jku`, `x5u` and `jwk` in its header are not read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};
use serde::Deserialize;

use crate::model::Secret;

/// Longer ones are refused unread, bytes. Supabase's are about 1 kB.
const LONGEST: usize = 8 << 10;
const LONGEST_KID: usize = 256;
const LONGEST_SUBJECT: usize = 128;
/// By how much two clocks may differ, seconds.
pub const SKEW: u64 = 30;
/// A shared secret shorter than the hash it keys can be guessed (RFC 7518, 3.2), bytes.
pub const LEAST_SECRET: usize = 32;
/// What Supabase calls a user who has signed in.
const ROLE: &str = "authenticated";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlg {
    Hs256,
    Rs256,
    Es256,
}

impl JwtAlg {
    fn known(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
        }
    }
}

/// What a token must say, whoever signed it.
#[derive(Debug, Clone)]
pub struct JwtRules {
    pub alg: JwtAlg,
    pub audience: String,
    pub issuer: String,
}

/// Keys for one algorithm, by their ids.
#[derive(Debug, Clone, Default)]
pub struct JwtKeys {
    keys: BTreeMap<String, DecodingKey>,
    /// For tokens that name no key.
    only: Option<DecodingKey>,
}

/// A user, and until when that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub id: String,
    pub expires: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    #[error("it is no JWT")]
    Malformed,
    #[error("it is not signed as the settings say")]
    Algorithm,
    /// Worth a look at newer keys.
    #[error("no key has its id")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("it has expired or is not valid yet")]
    Time,
    #[error("it is for another audience or of another issuer, or not a user's")]
    JwtClaims,
}

#[derive(Deserialize)]
struct JwtClaims {
    sub: String,
    exp: f64,
    #[serde(default)]
    role: String,
}

impl JwtKeys {
    /// The one shared secret of `HS256`.
    pub fn secret(secret: &Secret) -> Self {
        Self {
            keys: BTreeMap::new(),
            only: Some(DecodingKey::from_secret(secret.reveal().as_bytes())),
        }
    }

    /// Those of a key set that are for `alg`; a shared secret never comes from there.
    pub fn read(text: &[u8], alg: JwtAlg) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Loose {
            keys: Vec<serde_json::Value>,
        }
        let loose: Loose = serde_json::from_slice(text)?;
        // A key of a kind not known here must not hide the others.
        let set = JwkSet {
            keys: loose
                .keys
                .into_iter()
                .filter_map(|key| serde_json::from_value(key).ok())
                .collect(),
        };
        let keys: BTreeMap<_, _> = set
            .keys
            .iter()
            .filter(|key| fits(key, alg))
            .filter_map(|key| {
                let id = key.common.key_id.clone()?;
                Some((id, DecodingKey::from_jwk(key).ok()?))
            })
            .collect();
        Ok(Self { keys, only: None })
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.only.is_none()
    }

    fn find(&self, kid: Option<&str>) -> Result<&DecodingKey, JwtError> {
        match (&self.only, kid) {
            (Some(only), _) => Ok(only),
            (None, Some(kid)) => self.keys.get(kid).ok_or(JwtError::UnknownKey),
            // A set of one key needs no names.
            (None, None) if self.keys.len() == 1 => {
                self.keys.values().next().ok_or(JwtError::UnknownKey)
            }
            (None, None) => Err(JwtError::Malformed),
        }
    }
}

fn fits(key: &Jwk, alg: JwtAlg) -> bool {
    let kind = match (&key.algorithm, alg) {
        (AlgorithmParameters::RSA(_), JwtAlg::Rs256) => true,
        (AlgorithmParameters::EllipticCurve(curve), JwtAlg::Es256) => {
            curve.curve == EllipticCurve::P256
        }
        _ => false,
    };
    let signs = matches!(
        key.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let named = key
        .common
        .key_algorithm
        .as_ref()
        .is_none_or(|named| named.to_string() == format!("{:?}", alg.known()));
    kind && signs && named
}

impl JwtRules {
    /// Whose token this is, if everything about it holds.
    pub fn check(&self, token: &str, keys: &JwtKeys) -> Result<Subject, JwtError> {
        if token.len() > LONGEST {
            return Err(JwtError::Malformed);
        }
        let header = decode_header(token).map_err(|_| JwtError::Malformed)?;
        if header.alg != self.alg.known() {
            return Err(JwtError::Algorithm);
        }
        // Whoever marks something as critical is to be understood or refused (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(JwtError::Malformed);
        }
        let kid = header.kid.as_deref();
        if kid.is_some_and(|kid| kid.len() > LONGEST_KID) {
            return Err(JwtError::Malformed);
        }
        let key = keys.find(kid)?;
        let claims = decode::<JwtClaims>(token, key, &self.validation())
            .map_err(|error| why(&error))?
            .claims;
        subject(claims)
    }

    fn validation(&self) -> Validation {
        let mut validation = Validation::new(self.alg.known());
        validation.leeway = SKEW;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation
    }
}

fn subject(claims: JwtClaims) -> Result<Subject, JwtError> {
    let JwtClaims { sub, exp, role } = claims;
    let is_plain = |c: char| c.is_ascii_graphic();
    let is_named = (1..=LONGEST_SUBJECT).contains(&sub.len()) && sub.chars().all(is_plain);
    if role != ROLE || !is_named {
        return Err(JwtError::JwtClaims);
    }
    // The same allowance as in the check. Past the end of time is as good as never.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float is cut to the range"
    )]
    let seconds = (exp as i64).saturating_add(SKEW.cast_signed());
    let expires = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    Ok(Subject { id: sub, expires })
}

fn why(error: &jsonwebtoken::errors::Error) -> JwtError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => JwtError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => JwtError::Algorithm,
        ErrorKind::ExpiredSignature | ErrorKind::ImmatureSignature => JwtError::Time,
        ErrorKind::InvalidAudience
        | ErrorKind::InvalidIssuer
        | ErrorKind::InvalidSubject
        | ErrorKind::InvalidClaimFormat(_)
        | ErrorKind::MissingRequiredClaim(_) => JwtError::JwtClaims,
        _ => JwtError::Malformed,
    }
}
