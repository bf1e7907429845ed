//! What crosses the agent's socket, and its TCP port where there is one: `API_VERSION`, the path of every route, and the types.
//!
//! Raise [`API_VERSION`] only when an older client or agent would misread; adding a field or an
//! event type is not that. A client that meets another version replaces the agent; instances
//! survive it.

mod envelope;
mod exec;
mod image;
mod instance;
mod probe;
mod prune;
mod secret;
mod share;
mod supabase;
mod system;
mod token;
mod tunnel;

pub use envelope::Envelope;
pub use exec::{ExecFrame, ExecRequest, UPGRADE_PROTOCOL};
pub use image::{BuildImagesRequest, BuiltView, ImageView, ImagesView, PruneView};
pub use instance::{
    DetectRequest, DownRequest, DownView, EventsQuery, InstanceQuery, InstanceView, InstancesView,
    LogsQuery, SourceRef, UpRequest, WaitQuery,
};
pub use probe::ProbeView;
pub use prune::{PruneRequest, WasteItem, WasteKind, WasteView};
pub use secret::{SecretView, SecretsRequest, SecretsView};
pub use share::{
    LinkState, LinkView, NewLinkRequest, NewLinkView, OwnLinkView, RevokeRequest, RevokedView,
    ShareView, SharesView,
};
pub use supabase::{
    FindingState, FindingView, FindingsView, LeftOutView, SchemaView, SignInRequest, SignedInView,
    SignedOutView, SupabaseRequest, SyncView,
};
pub use system::{EngineView, Hello, HelloQuery, Ready};
pub use token::{
    NewTokenRequest, NewTokenView, RevokeTokenRequest, RevokedTokenView, TokenView, TokensView,
};
pub use tunnel::{
    CheckTunnelsRequest, ClosedTunnelView, OpenTunnelRequest, TunnelCheckView, TunnelChecksView,
    TunnelVerdict, TunnelView, TunnelsView,
};

pub const API_VERSION: u32 = 1;

/// Every route. `{id}` takes an instance's id or its name.
pub mod path {
    pub const HELLO: &str = "/v1/hello";
    pub const SHUTDOWN: &str = "/v1/shutdown";
    pub const START: &str = "/v1/instances/start";
    pub const STOP: &str = "/v1/instances/stop";
    pub const INSTANCES: &str = "/v1/instances";
    pub const INSTANCE: &str = "/v1/instances/{id}";
    pub const LOGS: &str = "/v1/instances/{id}/logs";
    pub const EVENTS: &str = "/v1/instances/{id}/events";
    pub const ALL_EVENTS: &str = "/v1/events";
    pub const EXEC: &str = "/v1/instances/{id}/exec";
    pub const RESTART: &str = "/v1/instances/{id}/restart";
    pub const WAIT: &str = "/v1/instances/{id}/wait";
    pub const SECRETS: &str = "/v1/instances/{id}/secrets";
    pub const TUNNEL_OPEN: &str = "/v1/instances/{id}/tunnel/open";
    pub const TUNNEL_CLOSE: &str = "/v1/instances/{id}/tunnel/close";
    pub const TUNNELS: &str = "/v1/tunnels";
    pub const TUNNELS_CHECK: &str = "/v1/tunnels/check";
    pub const SHARES: &str = "/v1/shares";
    pub const SHARE: &str = "/v1/instances/{id}/share";
    pub const SHARE_NEW: &str = "/v1/instances/{id}/share/new";
    pub const SHARE_OWN: &str = "/v1/instances/{id}/share/own";
    pub const SHARE_REVOKE: &str = "/v1/instances/{id}/share/revoke";
    pub const SYNC: &str = "/v1/instances/{id}/sync";
    pub const SUPABASE_LOGIN: &str = "/v1/supabase/login";
    pub const SUPABASE_LOGOUT: &str = "/v1/supabase/logout";
    pub const SUPABASE_CHECK: &str = "/v1/supabase/check";
    pub const SUPABASE_SCHEMA: &str = "/v1/supabase/schema";
    pub const PROBE: &str = "/v1/probe";
    pub const PRUNE: &str = "/v1/prune";
    pub const DETECT: &str = "/v1/detect";
    pub const IMAGES: &str = "/v1/images";
    pub const IMAGES_BUILD: &str = "/v1/images/build";
    pub const IMAGES_PRUNE: &str = "/v1/images/prune";
    pub const TOKENS: &str = "/v1/tokens";
    pub const TOKENS_NEW: &str = "/v1/tokens/new";
    pub const TOKENS_REVOKE: &str = "/v1/tokens/revoke";
}
