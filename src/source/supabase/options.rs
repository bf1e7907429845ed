//! `Options`: settings and environment made into what the rest of the room works with.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{ApiKey, Effort, Endpoint, SupabaseError};
use crate::{
    config::{
        SupabaseColumns, SupabaseMode, SupabaseSettings,
        credentials::{SUPABASE_KEY, SUPABASE_SERVICE_KEY, SUPABASE_TOKEN, SUPABASE_URL},
    },
    model::{Credentials, Secret},
};

/// What the environment says of Supabase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SupabaseCredentials {
    /// It wins over the settings'.
    pub url: Option<String>,
    pub key: Option<Secret>,
    /// Of use only where the settings say `service`.
    pub service_key: Option<Secret>,
    /// A JWT that is sent as it is.
    pub token: Option<Secret>,
}

impl SupabaseCredentials {
    pub fn of(all: &Credentials) -> Self {
        let get = |key| all.get(key).cloned();
        Self {
            url: get(SUPABASE_URL).map(|url| url.reveal().to_owned()),
            key: get(SUPABASE_KEY),
            service_key: get(SUPABASE_SERVICE_KEY),
            token: get(SUPABASE_TOKEN),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Options {
    pub endpoint: Endpoint,
    /// `None` only for a PostgREST alone.
    pub key: Option<ApiKey>,
    /// A JWT that takes the place of a session.
    pub token: Option<Secret>,
    pub schema: String,
    pub table: String,
    pub projects_table: Option<String>,
    pub deletions_table: Option<String>,
    /// Column and condition, as they stand in a query.
    pub filter: Vec<(String, String)>,
    pub bucket: Option<String>,
    pub mode: SupabaseMode,
    pub realtime: bool,
    pub columns: SupabaseColumns,
    /// PEM file of the authorities that servers are checked by, beside the system's.
    pub authorities: Option<PathBuf>,
    pub pace: Pace,
    pub effort: Effort,
}

/// How often a table is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// While files change.
    pub poll: Duration,
    /// Otherwise.
    pub idle_poll: Duration,
    /// Between comparisons of everything.
    pub full_check: Duration,
    /// After a hint, for more of its burst.
    pub debounce: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(2),
            idle_poll: Duration::from_secs(30),
            full_check: Duration::from_mins(5),
            debounce: Duration::from_millis(150),
        }
    }
}

impl Options {
    /// Blocking: reads the files the settings name.
    pub fn resolve(
        settings: &SupabaseSettings,
        env: &SupabaseCredentials,
    ) -> Result<Self, SupabaseError> {
        let url = env.url.as_deref().or(settings.url.as_deref());
        let endpoint = Endpoint::new(url, settings.rest_url.as_deref())?;
        let key = key(settings, env)?;
        if key.is_none() && url.is_some() {
            return Err(SupabaseError::settings(
                "there is no key for the Supabase project",
                "set SUPABASE_KEY to its publishable key, or name a file as `supabase.key_file`",
            ));
        }
        let token = match (&env.token, &settings.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(file)) => Some(from_file("supabase.token_file", file)?),
            (None, None) => None,
        };
        let named = |configured: &Option<String>, usual: &str| {
            let name = configured.clone().unwrap_or_else(|| usual.to_owned());
            Some(name).filter(|name| !name.is_empty())
        };
        let pace = Pace::default();
        Ok(Self {
            endpoint,
            key,
            token,
            schema: named(&settings.schema, "public").unwrap_or_default(),
            table: named(&settings.table, "project_files").unwrap_or_default(),
            projects_table: named(&settings.projects_table, "projects"),
            deletions_table: named(&settings.deletions_table, "project_file_deletions"),
            filter: filter(settings.extra_filter.as_deref().unwrap_or_default())?,
            bucket: settings.bucket.clone(),
            mode: settings.mode.unwrap_or_default(),
            realtime: settings.realtime.unwrap_or(true),
            columns: settings.columns.clone(),
            authorities: None,
            pace: Pace {
                poll: duration("poll", settings.poll.as_deref(), pace.poll)?,
                idle_poll: duration("idle_poll", settings.idle_poll.as_deref(), pace.idle_poll)?,
                full_check: duration(
                    "full_check",
                    settings.full_check.as_deref(),
                    pace.full_check,
                )?,
                debounce: pace.debounce,
            },
            effort: Effort::default(),
        })
    }

    /// The same for every start of one project on one table, and for no other.
    pub fn identity(&self, project: &str) -> String {
        let rest = self.endpoint.rest().as_str();
        let parts = [rest, self.schema.as_str(), self.table.as_str(), project];
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(part.as_bytes()).update(&[0]);
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

fn key(
    settings: &SupabaseSettings,
    env: &SupabaseCredentials,
) -> Result<Option<ApiKey>, SupabaseError> {
    let from_env = match &env.key {
        Some(key) => Some(key),
        None => env.service_key.as_ref().filter(|_| settings.service),
    };
    let text = match (from_env, &settings.key_file) {
        (Some(key), _) => Some(key.clone()),
        (None, Some(file)) => Some(from_file("supabase.key_file", file)?),
        (None, None) => None,
    };
    let key = text.map(|text| ApiKey::new(text.reveal()));
    let only_service = key.is_none() && env.service_key.is_some();
    if (key.as_ref().is_some_and(ApiKey::is_service) || only_service) && !settings.service {
        return Err(SupabaseError::settings(
            "the key is a secret one, which no row-level security binds",
            "use the publishable key and sign in, or say `service = true` under `[supabase]`",
        ));
    }
    Ok(key)
}

fn from_file(setting: &str, file: &Path) -> Result<Secret, SupabaseError> {
    let text = fs::read_to_string(file).map_err(|error| {
        SupabaseError::settings(
            format!("`{}` cannot be read: {error}", file.display()),
            format!("it is named as `{setting}`"),
        )
    })?;
    if text.trim().is_empty() {
        return Err(SupabaseError::settings(
            format!("`{}` is empty", file.display()),
            format!("it is named as `{setting}`"),
        ));
    }
    Ok(Secret::new(text.trim()))
}

fn filter(text: &str) -> Result<Vec<(String, String)>, SupabaseError> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    let pair = |part: &str| match part.split_once('=') {
        Some((column, condition)) if !column.is_empty() && condition.contains('.') => {
            Ok((column.to_owned(), condition.to_owned()))
        }
        _ => Err(SupabaseError::settings(
            format!("`{part}` is no filter"),
            "write `supabase.extra_filter` like `is_draft=is.false&branch=eq.main`",
        )),
    };
    parts.map(pair).collect()
}

fn duration(name: &str, text: Option<&str>, usual: Duration) -> Result<Duration, SupabaseError> {
    let Some(text) = text else { return Ok(usual) };
    match humantime::parse_duration(text) {
        Ok(duration) if duration >= Duration::from_millis(100) => Ok(duration),
        _ => Err(SupabaseError::settings(
            format!("`supabase.{name}` is `{text}`, which is no duration of 100 ms or more"),
            "such as `2s` or `5m`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(key: Option<&str>, service: Option<&str>) -> SupabaseCredentials {
        SupabaseCredentials {
            url: Some("https://x.supabase.co".to_owned()),
            key: key.map(Secret::new),
            service_key: service.map(Secret::new),
            token: None,
        }
    }

    fn resolve(settings: &SupabaseSettings, env: &SupabaseCredentials) -> Result<Options, String> {
        Options::resolve(settings, env).map_err(|error| error.to_string())
    }

    #[test]
    fn a_secret_key_takes_a_word_in_the_settings() {
        let mut settings = SupabaseSettings::default();
        assert!(
            resolve(
                &settings,
                &env(Some("sb_publishable_x"), Some("sb_secret_x"))
            )
            .is_ok()
        );
        for env in [env(Some("sb_secret_x"), None), env(None, Some("anything"))] {
            let refused = resolve(&settings, &env).unwrap_err();
            assert!(refused.contains("secret"), "{refused}");
        }
        assert!(resolve(&settings, &env(None, None)).is_err());
        settings.service = true;
        let options = resolve(&settings, &env(None, Some("sb_secret_x"))).unwrap();
        assert!(options.key.unwrap().is_service());
    }

    #[test]
    fn a_bare_server_needs_no_key_and_empty_names_mean_none() {
        let settings = SupabaseSettings {
            rest_url: Some("http://127.0.0.1:3000".to_owned()),
            projects_table: Some(String::new()),
            extra_filter: Some("a=is.true&b=eq.x=y".to_owned()),
            poll: Some("250ms".to_owned()),
            ..SupabaseSettings::default()
        };
        let options = resolve(&settings, &SupabaseCredentials::default()).unwrap();
        assert_eq!(options.projects_table, None);
        assert_eq!(options.filter[1], ("b".to_owned(), "eq.x=y".to_owned()));
        assert_eq!(options.pace.poll, Duration::from_millis(250));
        assert_eq!(options.identity("p"), options.identity("p"));
        assert_ne!(options.identity("p"), options.identity("q"));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let bare = |settings: SupabaseSettings| SupabaseSettings {
            rest_url: Some("http://127.0.0.1:3000".to_owned()),
            ..settings
        };
        let table = [
            bare(SupabaseSettings {
                poll: Some("soon".to_owned()),
                ..SupabaseSettings::default()
            }),
            bare(SupabaseSettings {
                extra_filter: Some("is_draft".to_owned()),
                ..SupabaseSettings::default()
            }),
            bare(SupabaseSettings {
                token_file: Some("/nowhere/at/all".into()),
                ..SupabaseSettings::default()
            }),
        ];
        for settings in table {
            assert!(resolve(&settings, &SupabaseCredentials::default()).is_err());
        }
    }
}
