//! `Credentials`: what proves to providers who we are, by provider and by field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// Names one credential: `supabase` and `key`. A provider with a single one has no name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialKey {
    pub provider: &'static str,
    /// Empty where the provider takes one text.
    pub field: &'static str,
}

/// As JSON, `{"ngrok": "…", "supabase": {"key": "…"}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Credentials(BTreeMap<String, BTreeMap<String, Secret>>);

type Wire = BTreeMap<String, Option<ProviderWire>>;

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum ProviderWire {
    Single(Secret),
    Fields(BTreeMap<String, Option<Secret>>),
}

impl Credentials {
    pub fn get(&self, key: CredentialKey) -> Option<&Secret> {
        self.0.get(key.provider)?.get(key.field)
    }

    /// Nothing is set where `secret` is `None`.
    #[must_use]
    pub fn with(mut self, key: CredentialKey, secret: Option<Secret>) -> Self {
        if let Some(secret) = secret {
            let provider = self.0.entry(key.provider.to_owned()).or_default();
            provider.insert(key.field.to_owned(), secret);
        }
        self
    }

    /// Of these keys alone.
    #[must_use]
    pub fn only(&self, keys: impl IntoIterator<Item = CredentialKey>) -> Self {
        keys.into_iter().fold(Self::default(), |picked, key| {
            picked.with(key, self.get(key).cloned())
        })
    }

    /// Lay `newer` over these. What `newer` lacks stays.
    pub fn merge(&mut self, newer: Self) {
        for (provider, fields) in newer.0 {
            self.0.entry(provider).or_default().extend(fields);
        }
    }

    /// The fields of one provider, and all others' credentials.
    #[must_use]
    pub fn split(mut self, provider: &str) -> (BTreeMap<String, Secret>, Self) {
        let fields = self.0.remove(provider).unwrap_or_default();
        (fields, self)
    }

    /// Give a provider these fields, of which some may be empty.
    #[must_use]
    pub fn join(mut self, provider: &str, fields: BTreeMap<String, Option<Secret>>) -> Self {
        let fields = fields
            .into_iter()
            .filter_map(|(field, secret)| Some((field, secret?)));
        self.0.insert(provider.to_owned(), fields.collect());
        self.0.retain(|_, fields| !fields.is_empty());
        self
    }
}

impl From<Wire> for Credentials {
    fn from(wire: Wire) -> Self {
        let fields = |provider: ProviderWire| match provider {
            ProviderWire::Single(secret) => BTreeMap::from([(String::new(), secret)]),
            ProviderWire::Fields(fields) => fields
                .into_iter()
                .filter_map(|(field, secret)| Some((field, secret?)))
                .collect(),
        };
        let given = wire
            .into_iter()
            .filter_map(|(name, provider)| Some((name, fields(provider?))))
            .filter(|(_, fields)| !fields.is_empty());
        Self(given.collect())
    }
}

impl From<Credentials> for Wire {
    fn from(credentials: Credentials) -> Self {
        let provider = |mut fields: BTreeMap<String, Secret>| match fields.remove("") {
            Some(secret) => ProviderWire::Single(secret),
            None => ProviderWire::Fields(
                fields
                    .into_iter()
                    .map(|(field, secret)| (field, Some(secret)))
                    .collect(),
            ),
        };
        let all = credentials.0.into_iter();
        all.map(|(name, fields)| (name, Some(provider(fields))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: CredentialKey = CredentialKey {
        provider: "one",
        field: "",
    };
    const KEY: CredentialKey = CredentialKey {
        provider: "table",
        field: "key",
    };
    const URL: CredentialKey = CredentialKey {
        provider: "table",
        field: "url",
    };

    fn of(json: &str) -> Credentials {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_provider_has_one_text_or_several_fields() {
        let all = of(r#"{"one":"a","table":{"key":"b","url":"c"}}"#);
        let texts = [ONE, KEY, URL].map(|key| all.get(key).map(Secret::reveal));
        assert_eq!(texts, [Some("a"), Some("b"), Some("c")]);
        let again = serde_json::to_string(&all).unwrap();
        assert_eq!(again, r#"{"one":"a","table":{"key":"b","url":"c"}}"#);
        let some = all.only([ONE, URL]);
        assert_eq!(some, of(r#"{"one":"a","table":{"url":"c"}}"#));
    }

    #[test]
    fn null_and_nothing_are_the_same() {
        for json in [r#"{"one":null,"table":{"key":null}}"#, r#"{"table":{}}"#] {
            assert_eq!(of(json), Credentials::default(), "{json}");
        }
    }

    #[test]
    fn newer_ones_win_field_by_field() {
        let mut all = of(r#"{"one":"a","table":{"key":"b"}}"#);
        all.merge(of(r#"{"table":{"url":"c"},"one":"d"}"#));
        assert_eq!(all, of(r#"{"one":"d","table":{"key":"b","url":"c"}}"#));
    }

    #[test]
    fn neither_debug_nor_an_error_shows_one() {
        let all = of(r#"{"one":"hunter2"}"#);
        assert!(!format!("{all:?}").contains("hunter2"));
        let refused = serde_json::from_str::<Credentials>(r#"{"one":48151623}"#).unwrap_err();
        assert!(!refused.to_string().contains("4815"), "{refused}");
    }
}
