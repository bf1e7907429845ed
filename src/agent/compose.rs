//! Composing the agent: every component is built here, and nowhere else.

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use super::{
    audit::Audit,
    remote::{Remote, RemoteParams},
    session_vault::StoreVault,
    tokens::TokenRegistry,
};
use crate::{
    config::{CredentialRegistry, Env, Paths, SandboxSettings, UserSettings, env_gateway_port},
    engine::{
        Engine, Owner,
        docker::{Docker, DockerSettings, NetworkSettings, SubnetPool},
        guest::GUEST,
    },
    gateway::{Gateway, PublicListeners, Routes},
    lifecycle::{Context, Images, Manager, Settings},
    model::{BadSize, Code, Problem, Size},
    security::{OwnerRules, Policy, granted_egress},
    source::{
        SourceProvider, Sources,
        supabase::{SupabaseProvider, SupabaseSessions},
    },
    store::Store,
    task::Scope,
    tunnel::{OURSELVES, Tools, TunnelTiming, Tunnels},
};

/// Everything an agent is made of, joined and not yet running.
pub struct Components {
    pub manager: Arc<Manager>,
    pub supabase: Arc<SupabaseSessions>,
    pub gateway: Gateway,
    pub public_listeners: PublicListeners,
    pub tokens: Arc<TokenRegistry>,
    pub audit: Arc<Audit>,
    /// Where the settings ask for it.
    pub remote: Option<Remote>,
}

/// Where a host keeps the authorities it trusts, on the systems we run on.
const CA_BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

impl Components {
    pub fn build(env: &Env, paths: &Paths, scope: &Scope) -> Result<Self, Problem> {
        let user = UserSettings::read(&paths.config_dir).map_err(|error| error.problem())?;
        let store =
            Arc::new(Store::open(paths.state_dir.clone()).map_err(|error| error.problem())?);
        let remote = remote(env, &user)?;
        let tokens = TokenRegistry::load(store.clone()).map_err(|error| error.problem())?;
        let audit = audit(paths)?;
        let owner = store.owner().map_err(|error| error.problem())?;
        let engine: Arc<dyn Engine> = Arc::new(
            Docker::connect(docker_settings(
                env,
                &user,
                Owner(owner.clone()),
                network_settings(&user.sandbox)?,
            ))
            .map_err(|error| error.problem())?,
        );
        let preferred = env_gateway_port(env)
            .map_err(|error| error.problem())?
            .or(user.gateway_port)
            .or(store.gateway_port().map_err(|error| error.problem())?);
        let gateway = Gateway::bind(preferred).map_err(|error| error.problem())?;
        store
            .set_gateway_port(gateway.port())
            .map_err(|error| error.problem())?;
        let routes = Routes::default();
        let public_listeners = PublicListeners::new(routes.clone(), gateway.port(), scope);
        let credentials = credentials(env, &store)?;
        let kept = (store.clone(), credentials.clone());
        let tunnels =
            Tunnels::new(&tools(env, &user, kept, scope)?).map_err(|error| error.problem())?;
        let vault = Arc::new(StoreVault(store.clone()));
        let sessions =
            SupabaseSessions::new(user.supabase.clone(), credentials.clone(), vault, scope);
        let supabase = Arc::new(sessions.with_authorities(ca_bundle(env, &user)));
        let sources: [Arc<dyn SourceProvider>; 1] = [Arc::new(SupabaseProvider(supabase.clone()))];
        let house = Context {
            images: Images::new(engine.clone(), store.clone()),
            engine,
            store,
            public_listeners: public_listeners.clone(),
            tunnels: Arc::new(tunnels),
            credentials,
            sources: Sources::new(sources),
            routes,
            disk: Arc::default(),
            went_down: tokio::sync::Notify::new(),
            settings: Settings {
                policy: policy(&user)?,
                config_dir: paths.config_dir.clone(),
                gateway_port: gateway.port(),
                tunnel: user.tunnel,
                share: user.share.clone(),
                owners: OwnerRules {
                    previews: user.api.previews.unwrap_or(OwnerRules::PREVIEWS),
                    images: user.api.images.clone(),
                    tunnels: user.api.tunnels,
                },
                owner,
            },
        };
        let manager = Arc::new(Manager::new(house, scope.child()));
        manager.adopt_recorded().map_err(|error| error.problem())?;
        Ok(Self {
            manager,
            supabase,
            gateway,
            public_listeners,
            tokens: Arc::new(tokens),
            audit: Arc::new(audit),
            remote,
        })
    }
}

fn remote(env: &Env, user: &UserSettings) -> Result<Option<Remote>, Problem> {
    let ca_bundle = ca_bundle(env, user);
    let params = RemoteParams {
        jwt_secret: env.api_jwt_secret.as_ref(),
        ca_bundle: ca_bundle.as_deref(),
    };
    Remote::bind(&user.api, &params).map_err(|error| error.problem())
}

fn audit(paths: &Paths) -> Result<Audit, Problem> {
    Audit::open(&paths.audit_log()).map_err(|error| {
        Problem::new(
            Code::Agent,
            format!("the audit log cannot be written: {error}"),
        )
    })
}

fn docker_settings(
    env: &Env,
    user: &UserSettings,
    owner: Owner,
    network: NetworkSettings,
) -> DockerSettings {
    let home = env.home.clone().unwrap_or_else(|| PathBuf::from("/"));
    DockerSettings {
        host: env.docker_host.clone().or_else(|| user.docker_host.clone()),
        context: env.docker_context.clone(),
        docker_config_dir: env
            .docker_config
            .clone()
            .unwrap_or_else(|| home.join(".docker")),
        runtime_dir: env.xdg_runtime_dir.clone(),
        home,
        owner,
        ca_bundle: ca_bundle(env, user),
        guest: GUEST,
        network,
    }
}

fn network_settings(sandbox: &SandboxSettings) -> Result<NetworkSettings, Problem> {
    let bad = |key: &str, value: &str, wanted: &str| {
        Problem::new(
            Code::Config,
            format!("`{key}` of `[sandbox]` is {value:?}, which is no {wanted}"),
        )
    };
    let networks = match sandbox.networks.as_deref() {
        None => None,
        Some(text) => Some(SubnetPool::parse(text).ok_or_else(|| {
            bad(
                "networks",
                text,
                "IPv4 network of at least 8 addresses, such as `10.213.0.0/16`",
            )
        })?),
    };
    let mut dns = Vec::new();
    for address in &sandbox.dns {
        match address {
            IpAddr::V4(address) => dns.push(*address),
            IpAddr::V6(address) => {
                return Err(bad("dns", &address.to_string(), "IPv4 address"));
            }
        }
    }
    let mut reach = Vec::new();
    for text in &sandbox.reach {
        let parsed = text.parse();
        reach.push(
            parsed.map_err(|_| bad("reach", text, "address and port, such as `10.1.2.3:3128`"))?,
        );
    }
    Ok(NetworkSettings {
        networks,
        dns,
        reach,
        ..NetworkSettings::default()
    })
}

/// The settings' word, else `SSL_CERT_FILE`, else where this system keeps it.
fn ca_bundle(env: &Env, user: &UserSettings) -> Option<PathBuf> {
    user.ca_bundle
        .clone()
        .or_else(|| env.ssl_cert_file.clone())
        .into_iter()
        .chain(CA_BUNDLES.iter().map(PathBuf::from))
        .find(|path| path.is_file())
}

/// What the last agent kept, and over it what our own environment has.
fn credentials(env: &Env, store: &Store) -> Result<CredentialRegistry, Problem> {
    let kept = store.credentials().map_err(|error| error.problem())?;
    let credentials = CredentialRegistry::new(kept);
    if credentials.merge(&env.credentials) {
        store
            .save_credentials(&credentials.kept())
            .map_err(|error| error.problem())?;
    }
    Ok(credentials)
}

fn tools(
    env: &Env,
    user: &UserSettings,
    (store, credentials): (Arc<Store>, CredentialRegistry),
    scope: &Scope,
) -> Result<Tools, Problem> {
    let owner = store.owner().map_err(|error| error.problem())?;
    Ok(Tools {
        settings: user.tunnels.clone(),
        credentials,
        store,
        owner,
        path: env.path.clone(),
        home: env.home.clone(),
        ca_bundle: ca_bundle(env, user),
        inherited: env.inherited.clone(),
        wrapper: OURSELVES.into(),
        timing: TunnelTiming::default(),
        scope: scope.child(),
    })
}

fn policy(user: &UserSettings) -> Result<Policy, Problem> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = |key: &str, setting: &Option<String>| match setting {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(Size(bytes)) => Ok(Some(bytes)),
            Err(BadSize) => Err(Problem::new(
                Code::Config,
                format!("`{key}` is {text:?}, which is no size"),
            )
            .hint("write it such as `4GiB`")),
        },
    };
    let all = f64::from(u32::try_from(cores).unwrap_or(u32::MAX));
    let egress = user.sandbox.egress.clone().unwrap_or_default();
    // Names nobody can mean are told before the first preview, not by it.
    granted_egress(None, &egress).map_err(|error| error.problem())?;
    Ok(Policy {
        egress,
        most_cpus: user.most_cpus.unwrap_or(all),
        most_memory_bytes: size("most_memory", &user.most_memory)?.unwrap_or(u64::MAX),
        most_disk_bytes: size("most_disk", &user.most_disk)?.unwrap_or(u64::MAX),
        least_free_bytes: size("least_free_disk", &user.least_free_disk)?.unwrap_or(1 << 30),
        most_kept_bytes: size("most_kept_disk", &user.most_kept_disk)?.unwrap_or(20 << 30),
        most_image_bytes: size("most_image_disk", &user.most_image_disk)?.unwrap_or(20 << 30),
        allow_root: user.sandbox.allow_root,
        runtime: user.sandbox.runtime.clone(),
        runtimes: user.sandbox.runtimes.clone(),
    })
}
