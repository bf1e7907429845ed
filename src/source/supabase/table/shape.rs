//! `Shape`: which column of a table means what.

use std::collections::BTreeSet;

use crate::{
    config::{SupabaseColumns, SupabaseMode},
    source::supabase::{Options, Query, SupabaseError},
};

/// How one table holds files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub table: String,
    pub project: String,
    pub key: Key,
    pub path: String,
    pub content: Option<String>,
    pub encoding: Option<String>,
    pub binary: Option<String>,
    pub dir: Option<String>,
    pub size: Option<String>,
    pub hash: Option<String>,
    /// Three at most, a number that grows first if there is one.
    pub changed: Vec<String>,
    pub object: Option<String>,
    pub bucket: Option<String>,
    pub mode: Option<String>,
    /// Conditions on every row beside the project.
    pub filter: Vec<(String, String)>,
    /// Changes can be asked for by revision.
    pub revisions: Option<Revisions>,
}

/// What a row is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A column that never changes.
    Id(String),
    /// The path, which a rename changes.
    Path,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revisions {
    /// The column that only grows.
    pub column: String,
    /// The table of tombstones.
    pub deletions: String,
}

/// What is known of a table's columns.
#[derive(Debug, Clone, Default)]
pub struct TableFindings {
    pub columns: BTreeSet<String>,
    /// Whether the table of tombstones can be read.
    pub deletions: bool,
}

const MOST_CHANGED: usize = 3;

const PROJECT: &[&str] = &["project_id"];
const ID: &[&str] = &["id"];
const PATH: &[&str] = &["path", "file_path", "name"];
const CONTENT: &[&str] = &["content", "file_content", "content_text"];
const ENCODING: &[&str] = &["encoding"];
const BINARY: &[&str] = &["is_binary"];
const DIR: &[&str] = &["is_directory", "is_folder", "type"];
const SIZE: &[&str] = &["size", "size_bytes", "file_size"];
const HASH: &[&str] = &["sha256", "content_hash", "checksum", "hash"];
const REV: &str = "rev";
const CHANGED: &[&str] = &[REV, "version", "updated_at"];
const DELETED: &[&str] = &["deleted_at"];
const CURRENT: &[&str] = &["is_current_version", "is_current"];
const STORAGE: &[&str] = &["storage_path"];
const BUCKET: &[&str] = &["bucket"];
const MODE: &[&str] = &["mode"];
/// A tree of names, which are no paths.
const PARENT: &str = "parent_id";

/// Every column worth asking for by name, where a table has no row to show.
pub fn candidates(columns: &SupabaseColumns) -> BTreeSet<String> {
    let usual = [
        PROJECT, ID, PATH, CONTENT, ENCODING, BINARY, DIR, SIZE, HASH, CHANGED, DELETED, CURRENT,
        STORAGE, BUCKET, MODE,
    ];
    let usual = usual.into_iter().flatten().map(|&name| name.to_owned());
    let configured = configured(columns).into_iter().flatten().cloned();
    let mut all: BTreeSet<String> = usual.chain(configured).collect();
    all.insert(PARENT.to_owned());
    all.remove("");
    all
}

fn configured(columns: &SupabaseColumns) -> [&Option<String>; 15] {
    [
        &columns.project_id,
        &columns.id,
        &columns.path,
        &columns.content,
        &columns.encoding,
        &columns.binary,
        &columns.dir,
        &columns.size,
        &columns.hash,
        &columns.changed,
        &columns.deleted,
        &columns.current,
        &columns.storage,
        &columns.bucket,
        &columns.mode,
    ]
}

impl Shape {
    /// Choose a column for each meaning: the one in the settings, else the first usual name found.
    pub fn choose(options: &Options, found: &TableFindings) -> Result<Self, SupabaseError> {
        let configured = &options.columns;
        let pick = ColumnPick {
            table: &options.table,
            found: &found.columns,
        };
        let path = pick.path(configured)?;
        let content = pick.content(configured)?;
        let mut filter = options.filter.clone();
        for (column, is) in [
            (pick.one(configured.deleted.as_ref(), DELETED)?, "is.null"),
            (pick.one(configured.current.as_ref(), CURRENT)?, "is.true"),
        ] {
            filter.extend(column.map(|column| (column, is.to_owned())));
        }
        let changed = match &configured.changed {
            Some(_) => Vec::from_iter(pick.one(configured.changed.as_ref(), &[])?),
            None => pick.all(CHANGED),
        };
        let mut shape = Self {
            table: options.table.clone(),
            project: pick.needed(configured.project_id.as_ref(), PROJECT, "project")?,
            key: pick
                .one(configured.id.as_ref(), ID)?
                .map_or(Key::Path, Key::Id),
            path,
            content,
            encoding: pick.one(configured.encoding.as_ref(), ENCODING)?,
            binary: pick.one(configured.binary.as_ref(), BINARY)?,
            dir: pick.one(configured.dir.as_ref(), DIR)?,
            size: pick.one(configured.size.as_ref(), SIZE)?,
            hash: pick.one(configured.hash.as_ref(), HASH)?,
            changed,
            object: pick.one(configured.storage.as_ref(), STORAGE)?,
            bucket: pick.one(configured.bucket.as_ref(), BUCKET)?,
            mode: pick.one(configured.mode.as_ref(), MODE)?,
            filter,
            revisions: None,
        };
        shape.choose_revisions(options, found)?;
        Ok(shape)
    }

    /// Tombstones tell of rows that are deleted, not of rows that a condition hides.
    fn choose_revisions(
        &mut self,
        options: &Options,
        found: &TableFindings,
    ) -> Result<(), SupabaseError> {
        if options.mode == SupabaseMode::Manifest {
            return Ok(());
        }
        let column = match &options.columns.changed {
            Some(configured) => Some(configured.clone()),
            None => self.changed.iter().find(|name| *name == REV).cloned(),
        };
        match (column, &options.deletions_table) {
            (Some(column), Some(deletions)) if found.deletions && self.filter.is_empty() => {
                self.revisions = Some(Revisions {
                    column,
                    deletions: deletions.clone(),
                });
                // What tombstones name.
                self.key = Key::Path;
                Ok(())
            }
            _ if options.mode == SupabaseMode::Auto => Ok(()),
            _ => Err(SupabaseError::settings(
                "changes cannot be found by revision in this table",
                "that takes a column `rev`, a readable table of tombstones and no filter, as in \
                 the schema of `codemate-preview supabase schema`; or say `mode = \"manifest\"`",
            )),
        }
    }

    /// Whether nothing but the content tells that a row changed.
    pub fn is_blind(&self) -> bool {
        self.changed.is_empty() && self.hash.is_none()
    }

    pub fn key_column(&self) -> &str {
        match &self.key {
            Key::Id(column) => column,
            Key::Path => &self.path,
        }
    }

    /// Every row of a project that counts, without what is in it.
    pub fn listing(&self, project: &str) -> Query {
        self.rows(project, &self.columns(false))
    }

    /// The same with what is in it.
    pub fn contents(&self, project: &str) -> Query {
        self.rows(project, &self.columns(true))
    }

    fn rows(&self, project: &str, select: &str) -> Query {
        Query::of(&self.table)
            .with("select", select)
            .with(&self.project, &format!("eq.{project}"))
            .with_all(&self.filter)
    }

    /// The names are those of [`super::row::WireRow`].
    fn columns(&self, with_content: bool) -> String {
        let id = match &self.key {
            Key::Id(id) => Some(id),
            Key::Path => None,
        };
        let revisions = self.revisions.as_ref();
        let mut columns = vec![
            ("path", Some(&self.path)),
            ("key", id),
            ("hash", self.hash.as_ref()),
            ("size", self.size.as_ref()),
            ("dir", self.dir.as_ref()),
            ("object", self.object.as_ref()),
            ("bucket", self.bucket.as_ref()),
            ("mode", self.mode.as_ref()),
            ("rev", revisions.map(|revisions| &revisions.column)),
        ];
        let changed = self.changed.iter().map(Some);
        columns.extend(["c0", "c1", "c2"].into_iter().zip(changed));
        if with_content {
            columns.push(("encoding", self.encoding.as_ref()));
            columns.push(("binary", self.binary.as_ref()));
            columns.push(("content", self.content.as_ref()));
        }
        let columns = columns
            .into_iter()
            .filter_map(|(name, column)| Some((name, column?)));
        let terms = columns.map(|(name, column)| format!("{name}:{column}"));
        terms.collect::<Vec<_>>().join(",")
    }
}

struct ColumnPick<'a> {
    table: &'a str,
    found: &'a BTreeSet<String>,
}

impl ColumnPick<'_> {
    fn one(
        &self,
        configured: Option<&String>,
        usual: &[&str],
    ) -> Result<Option<String>, SupabaseError> {
        match configured {
            Some(name) if name.is_empty() => Ok(None),
            // A path into JSON is no column of its own.
            Some(name) if self.found.contains(name) || name.contains("->") => {
                Ok(Some(name.clone()))
            }
            Some(name) => Err(self.lacks(format!("has no column `{name}`"))),
            None => Ok(self.all(usual).into_iter().next()),
        }
    }

    fn all(&self, usual: &[&str]) -> Vec<String> {
        let found = usual.iter().filter(|&&name| self.found.contains(name));
        found
            .take(MOST_CHANGED)
            .map(|&name| name.to_owned())
            .collect()
    }

    fn needed(
        &self,
        configured: Option<&String>,
        usual: &[&str],
        meaning: &str,
    ) -> Result<String, SupabaseError> {
        self.one(configured, usual)?
            .ok_or_else(|| self.lacks(format!("has no column for the {meaning}")))
    }

    fn path(&self, configured: &SupabaseColumns) -> Result<String, SupabaseError> {
        let path = self.needed(configured.path.as_ref(), PATH, "path")?;
        if configured.path.is_none() && path == "name" && self.found.contains(PARENT) {
            return Err(self.lacks("is a tree of names, without whole paths".to_owned()));
        }
        Ok(path)
    }

    fn content(&self, configured: &SupabaseColumns) -> Result<Option<String>, SupabaseError> {
        match self.one(configured.content.as_ref(), CONTENT)? {
            // A list of attachments has a path in Storage too: only who says so means it.
            None if configured.storage.is_none() => {
                Err(self.lacks("has no column for the content".to_owned()))
            }
            content => Ok(content),
        }
    }

    fn lacks(&self, lacks: String) -> SupabaseError {
        SupabaseError::NotFiles {
            table: self.table.to_owned(),
            lacks,
            columns: self.found.iter().cloned().collect(),
        }
    }
}
