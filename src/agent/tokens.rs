//! The tokens that are good now: looked up by hash, revoked at once.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    model::{Code, Problem, Secret},
    security::{Caller, Reach, Scopes, new_token, token_hash},
    store::{Store, StoreError, TokenRecord},
};

/// More would be somebody's loop.
const MOST: usize = 1000;
const LONGEST_NOTE: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the time it would expire at has passed")]
    Expired,
    #[error("a note of more than {LONGEST_NOTE} bytes")]
    LongNote,
    #[error("only a token that may manage may name directories")]
    LocalDirs,
    #[error("there are {MOST} tokens already")]
    TooMany,
    #[error("the system has no randomness to give")]
    NoRandomness,
}

impl TokenError {
    pub fn problem(&self) -> Problem {
        let problem = |code| Problem::new(code, self.to_string());
        match self {
            Self::Store(error) => error.problem(),
            Self::Expired | Self::LongNote => problem(Code::Usage),
            Self::LocalDirs => problem(Code::Usage).hint("add `--manage`"),
            Self::TooMany => problem(Code::Usage).next(
                &["codemate-preview", "token", "ls"],
                "shows those that could be revoked",
            ),
            Self::NoRandomness => problem(Code::Internal),
        }
    }
}

#[derive(Debug, Clone)]
struct TokenEntry {
    record: TokenRecord,
    revoked: CancellationToken,
}

#[derive(Debug)]
pub struct TokenRegistry {
    store: Arc<Store>,
    /// By hash.
    entry: Mutex<BTreeMap<String, TokenEntry>>,
    /// One writer at a time, so that an older list never replaces a newer one.
    writing: tokio::sync::Mutex<()>,
}

impl TokenRegistry {
    pub fn load(store: Arc<Store>) -> Result<Self, StoreError> {
        let entry = store.tokens()?.into_iter().map(|record| {
            let revoked = CancellationToken::new();
            (record.hash.clone(), TokenEntry { record, revoked })
        });
        Ok(Self {
            entry: Mutex::new(entry.collect()),
            store,
            writing: tokio::sync::Mutex::default(),
        })
    }

    /// Who holds this token; `None` if nobody does, or no longer.
    pub fn caller(&self, text: &str) -> Option<Caller> {
        let hash = token_hash(text)?;
        let TokenEntry { record, revoked } = self.entry.lock().get(&hash)?.clone();
        if record.expires.is_some_and(|at| at <= Timestamp::now()) {
            return None;
        }
        let scopes = Scopes {
            manage: record.manage,
            local_dirs: record.manage && record.local_dirs,
            reach: record.instance.map_or(Reach::All, Reach::One),
        };
        Some(Caller::token(record.id, scopes, revoked, record.expires))
    }

    pub fn list(&self) -> Vec<TokenRecord> {
        let mut all: Vec<_> = self
            .entry
            .lock()
            .values()
            .map(|entry| entry.record.clone())
            .collect();
        all.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        all
    }

    /// Its id and hash are chosen here. It is good once the disk has it.
    pub async fn add(&self, record: TokenRecord) -> Result<(Secret, TokenRecord), TokenError> {
        if record.expires.is_some_and(|at| at <= Timestamp::now()) {
            return Err(TokenError::Expired);
        }
        if record.note.len() > LONGEST_NOTE {
            return Err(TokenError::LongNote);
        }
        if record.local_dirs && !record.manage {
            return Err(TokenError::LocalDirs);
        }
        let _alone = self.writing.lock().await;
        let mut all = self.list();
        if all.len() >= MOST {
            return Err(TokenError::TooMany);
        }
        let new = new_token().ok_or(TokenError::NoRandomness)?;
        let record = TokenRecord {
            id: new.id,
            hash: new.hash.clone(),
            ..record
        };
        all.push(record.clone());
        self.save(all).await?;
        let entry = TokenEntry {
            record: record.clone(),
            revoked: CancellationToken::new(),
        };
        self.entry.lock().insert(new.hash, entry);
        Ok((new.text, record))
    }

    /// Says whether there was one. It ends before the disk is told, so it ends even if that fails.
    pub async fn revoke(&self, id: &str) -> Result<bool, TokenError> {
        let _alone = self.writing.lock().await;
        let found = {
            let mut entry = self.entry.lock();
            let hash = entry
                .iter()
                .find(|(_, entry)| entry.record.id == id)
                .map(|(hash, _)| hash.clone());
            hash.and_then(|hash| entry.remove(&hash))
        };
        let Some(found) = found else {
            return Ok(false);
        };
        found.revoked.cancel();
        self.save(self.list()).await?;
        Ok(true)
    }

    async fn save(&self, all: Vec<TokenRecord>) -> Result<(), TokenError> {
        Ok(self.store.run(move |store| store.save_tokens(&all)).await?)
    }
}
