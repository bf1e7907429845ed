//! `Caller`: who sends a request, what they may do, and when they may no longer.

use std::fmt;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::model::InstanceId;

/// Made by whoever checked the credential; a request without one is refused.
#[derive(Debug, Clone)]
pub struct Caller {
    pub kind: CallerKind,
    pub scopes: Scopes,
    /// Whose instances the caller makes; `None` is the host's user.
    pub owner: Option<String>,
    /// Cancelled when the credential is revoked.
    revoked: CancellationToken,
    expires: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerKind {
    /// The host's user, by the Unix socket.
    Host,
    /// Whoever holds the token of this id.
    Token(String),
    /// A user of the Supabase project that the settings name.
    Owner(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes {
    pub manage: bool,
    /// May name directories of the host as a project.
    pub local_dirs: bool,
    pub reach: Reach,
}

/// Which instances somebody may know of. What is beyond it does not exist for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    All,
    One(InstanceId),
    Owner(String),
}

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Look at what is within reach.
    Read,
    /// Change what is within reach.
    Manage,
    /// Look at the host.
    ReadHost,
    /// Change the host: its credentials, images and public names, and the agent.
    ManageHost,
    /// Be the host's user, at the socket: no credential that travels makes another.
    HostUser,
}

impl Reach {
    pub fn holds(&self, id: &InstanceId, owner: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == id,
            Self::Owner(own) => owner == Some(own),
        }
    }
}

impl Caller {
    /// The host's user.
    pub fn host() -> Self {
        Self {
            kind: CallerKind::Host,
            scopes: Scopes {
                manage: true,
                local_dirs: true,
                reach: Reach::All,
            },
            owner: None,
            revoked: CancellationToken::new(),
            expires: None,
        }
    }

    /// The holder of a token the host's user made.
    pub fn token(
        id: String,
        scopes: Scopes,
        revoked: CancellationToken,
        expires: Option<Timestamp>,
    ) -> Self {
        Self {
            kind: CallerKind::Token(id),
            scopes,
            owner: None,
            revoked,
            expires,
        }
    }

    /// A user known by a JWT, for their own instances and nothing else.
    pub fn owner(subject: String, expires: Timestamp) -> Self {
        Self {
            kind: CallerKind::Owner(subject.clone()),
            scopes: Scopes {
                manage: true,
                local_dirs: false,
                reach: Reach::Owner(subject.clone()),
            },
            owner: Some(subject),
            revoked: CancellationToken::new(),
            expires: Some(expires),
        }
    }

    pub fn may(&self, right: Right) -> bool {
        let of_host = self.scopes.reach == Reach::All;
        match right {
            Right::Read => true,
            Right::Manage => self.scopes.manage,
            Right::ReadHost => of_host,
            Right::ManageHost => of_host && self.scopes.manage,
            Right::HostUser => self.kind == CallerKind::Host,
        }
    }

    /// Resolves once the credential is worth nothing any more.
    pub async fn ended(&self) {
        let expired = async {
            match self.expires {
                None => std::future::pending().await,
                Some(at) => until(at).await,
            }
        };
        tokio::select! {
            () = self.revoked.cancelled() => {}
            () = expired => {}
        }
    }
}

/// By the wall clock, which may be set while one waits.
async fn until(at: Timestamp) {
    const LOOK: std::time::Duration = std::time::Duration::from_secs(20);
    loop {
        let left = at.as_millisecond() - Timestamp::now().as_millisecond();
        let Ok(left) = u64::try_from(left) else {
            return;
        };
        if left == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(left).min(LOOK)).await;
    }
}

/// As it stands in the audit log: never the credential itself.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            CallerKind::Host => f.write_str("host"),
            CallerKind::Token(id) => write!(f, "token:{id}"),
            CallerKind::Owner(subject) => write!(f, "owner:{subject}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHTS: [Right; 5] = [
        Right::Read,
        Right::Manage,
        Right::ReadHost,
        Right::ManageHost,
        Right::HostUser,
    ];

    fn of(manage: bool, reach: Reach) -> Vec<bool> {
        let scopes = Scopes {
            manage,
            local_dirs: true,
            reach,
        };
        let caller = Caller::token("x".to_owned(), scopes, CancellationToken::new(), None);
        RIGHTS.map(|right| caller.may(right)).to_vec()
    }

    #[test]
    fn who_may_what() {
        let one = Reach::One(InstanceId::of_project("x", None));
        assert_eq!(RIGHTS.map(|right| Caller::host().may(right)), [true; 5]);
        assert_eq!(of(true, Reach::All), [true, true, true, true, false]);
        assert_eq!(of(false, Reach::All), [true, false, true, false, false]);
        assert_eq!(of(true, one.clone()), [true, true, false, false, false]);
        assert_eq!(of(false, one), [true, false, false, false, false]);
        let owner = Caller::owner("ann".to_owned(), Timestamp::MAX);
        let may = RIGHTS.map(|right| owner.may(right));
        assert_eq!(may, [true, true, false, false, false]);
        assert!(!owner.scopes.local_dirs);
    }

    #[test]
    fn reach_is_by_owner_and_an_ownerless_instance_is_nobodys_else() {
        let id = InstanceId::of_project("x", None);
        let ann = Reach::Owner("ann".to_owned());
        assert!(ann.holds(&id, Some("ann")));
        assert!(!ann.holds(&id, Some("bob")));
        assert!(!ann.holds(&id, None));
        assert!(Reach::One(id.clone()).holds(&id, Some("bob")));
        assert!(!Reach::One(InstanceId::of_project("y", None)).holds(&id, None));
    }

    #[tokio::test]
    async fn it_ends_by_time_and_by_revocation() {
        let past = Timestamp::now() - jiff::SignedDuration::from_secs(1);
        Caller::owner("ann".to_owned(), past).ended().await;
        let revoked = CancellationToken::new();
        let scopes = Caller::host().scopes;
        let caller = Caller::token("x".to_owned(), scopes, revoked.clone(), None);
        let mut ends = std::pin::pin!(caller.ended());
        let still = futures_util::poll!(&mut ends).is_pending();
        assert!(still);
        revoked.cancel();
        ends.await;
    }
}
