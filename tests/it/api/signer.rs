//! Signs JWTs as a Supabase project would, or as somebody who would like to.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeySize, PublicKeyComponents},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as B64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://project.supabase.co/auth/v1";
pub const SECRET: &str = "a-shared-secret-of-at-least-32-bytes";

pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// What Supabase says of a user who has signed in.
pub fn claims(subject: &str) -> Value {
    json!({
        "sub": subject, "role": "authenticated", "aud": "authenticated", "iss": ISSUER,
        "iat": now(), "exp": now() + 3600, "email": "ann@example.com",
    })
}

/// The claims with one of them another, or gone.
pub fn with(mut claims: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| B64.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = B64.encode(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

pub fn hs256_as(header: &Value, claims: &Value, secret: &[u8]) -> String {
    signed(header, claims, |text| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
        mac.update(text);
        mac.finalize().into_bytes().to_vec()
    })
}

pub fn hs256(claims: &Value) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    hs256_as(&header, claims, SECRET.as_bytes())
}

pub fn unsigned(alg: &str, claims: &Value) -> String {
    signed(&json!({ "alg": alg, "typ": "JWT" }), claims, |_| Vec::new())
}

/// A key pair, and the name it has in a key set.
pub struct Signer {
    pub kid: String,
    kind: Kind,
}

enum Kind {
    Ec(EcdsaKeyPair),
    Rsa(aws_lc_rs::signature::RsaKeyPair),
}

impl Signer {
    pub fn ec(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self {
            kid: kid.to_owned(),
            kind: Kind::Ec(pair),
        }
    }

    pub fn rsa(kid: &str) -> Self {
        let pair = aws_lc_rs::signature::RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        Self {
            kid: kid.to_owned(),
            kind: Kind::Rsa(pair),
        }
    }

    pub fn alg(&self) -> &'static str {
        match self.kind {
            Kind::Ec(_) => "ES256",
            Kind::Rsa(_) => "RS256",
        }
    }

    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.kind {
            Kind::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({
                    "kty": "EC", "crv": "P-256",
                    "x": B64.encode(&point[1..33]), "y": B64.encode(&point[33..]),
                })
            }
            Kind::Rsa(pair) => {
                let parts = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({ "kty": "RSA", "n": B64.encode(parts.n), "e": B64.encode(parts.e) })
            }
        };
        jwk["kid"] = self.kid.as_str().into();
        jwk["use"] = "sig".into();
        jwk["alg"] = self.alg().into();
        jwk
    }

    /// What anybody can know of it, in the forms that have been taken for a shared secret.
    pub fn public(&self) -> Vec<Vec<u8>> {
        let raw = match &self.kind {
            Kind::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Kind::Rsa(pair) => pair.public_key().as_ref().to_vec(),
        };
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            base64::prelude::BASE64_STANDARD.encode(&raw)
        );
        vec![raw, pem.into_bytes(), self.jwk().to_string().into_bytes()]
    }

    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let random = SystemRandom::new();
        signed(header, claims, |text| match &self.kind {
            Kind::Ec(pair) => pair.sign(&random, text).unwrap().as_ref().to_vec(),
            Kind::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)
                    .unwrap();
                signature
            }
        })
    }

    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.alg(), "typ": "JWT", "kid": self.kid });
        self.sign_as(&header, claims)
    }
}
