//! Where a project's rows are and what its columns are called, under `[supabase]` in the user's
//! settings.
//!
//! A project's own files have no part in this: servers and credentials are the user's.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SupabaseSettings {
    /// Such as `https://abcdefgh.supabase.co`; `SUPABASE_URL` wins.
    pub url: Option<String>,
    /// The root of a PostgREST, where rows are not at `<url>/rest/v1`. May stand alone: such a
    /// server has no users, no Storage and no Realtime.
    pub rest_url: Option<String>,
    /// Holds the API key; the variables of [`super::credentials::SUPABASE_KEY`] win.
    pub key_file: Option<PathBuf>,
    /// Holds a JWT that is sent as it is, instead of a session; `SUPABASE_USER_TOKEN` wins.
    pub token_file: Option<PathBuf>,
    /// Whether a secret or `service_role` key may be used, which no row-level security binds.
    pub service: bool,
    /// `public` when not given.
    pub schema: Option<String>,
    /// `project_files` when not given.
    pub table: Option<String>,
    /// The table of projects, asked whether the project can be seen; `projects` when not given, and
    /// none when empty.
    pub projects_table: Option<String>,
    /// The table of tombstones; `project_file_deletions` when not given, and none when empty.
    pub deletions_table: Option<String>,
    /// What a row must be as well, in PostgREST's words: `branch=eq.main&is_draft=is.false`.
    pub extra_filter: Option<String>,
    /// The Storage bucket of rows that name an object but no bucket.
    pub bucket: Option<String>,
    /// How changes are found; `auto` when not given.
    pub mode: Option<SupabaseMode>,
    /// Whether the server is asked to say when something changed; yes when not given.
    pub realtime: Option<bool>,
    /// Between two looks while files change; `2s` when not given.
    pub poll: Option<String>,
    /// Between two looks otherwise; `30s` when not given.
    pub idle_poll: Option<String>,
    /// Between two comparisons of everything; `5m` when not given.
    pub full_check: Option<String>,
    pub columns: SupabaseColumns,
}

/// How changes are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupabaseMode {
    /// By revision where the table has what that takes.
    #[default]
    Auto,
    /// By a column that only grows, and tombstones: takes the schema of `supabase schema`.
    Rev,
    /// By comparing what every row says of itself.
    Manifest,
}

/// Names of columns. What is not given is looked for under the usual names; an empty name means
/// that there is no such column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SupabaseColumns {
    /// `project_id`
    pub project_id: Option<String>,
    /// Unique and never changed; `id`, and none where the path is the key.
    pub id: Option<String>,
    /// `path`, `file_path` or `name`
    pub path: Option<String>,
    /// `content`, `file_content` or `content_text`
    pub content: Option<String>,
    /// `encoding`: `base64`, or anything else for text.
    pub encoding: Option<String>,
    /// Whether a row without an encoding is base64: `is_binary`.
    pub binary: Option<String>,
    /// `is_directory`, `is_folder`, or `type` where that is `folder` or `directory`.
    pub dir: Option<String>,
    /// Bytes: `size`, `size_bytes` or `file_size`.
    pub size: Option<String>,
    /// Changes whenever the content does: `sha256`, `content_hash`, `checksum` or `hash`.
    pub hash: Option<String>,
    /// Changes whenever the row does; each of `rev`, `version` and `updated_at` that there is.
    pub changed: Option<String>,
    /// Null unless the file is deleted: `deleted_at`.
    pub deleted: Option<String>,
    /// True for the one row of a path that counts: `is_current_version` or `is_current`.
    pub current: Option<String>,
    /// The Storage object that holds the content: `storage_path`.
    pub storage: Option<String>,
    /// That object's bucket: `bucket`.
    pub bucket: Option<String>,
    /// Unix permissions: `mode`.
    pub mode: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{UserSettings, from_toml};

    #[test]
    fn settings_are_read_and_misspelt_ones_refused() {
        let text = "[supabase]\nurl = \"https://x.supabase.co\"\nmode = \"manifest\"\nrealtime = \
                    false\n[supabase.columns]\npath = \"name\"\nid = \"\"\n";
        let settings = from_toml::<UserSettings>(text).unwrap().supabase;
        assert_eq!(settings.mode, Some(SupabaseMode::Manifest));
        assert_eq!(settings.columns.path.as_deref(), Some("name"));
        assert_eq!(settings.columns.id.as_deref(), Some(""));
        let wrong = from_toml::<UserSettings>("[supabase]\ntabel = \"x\"\n").unwrap_err();
        assert_eq!(wrong.meant.as_deref(), Some("table"));
    }
}
