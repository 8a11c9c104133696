//! One module in a process of its own, answering other nodes: the separate process of the contract suite.
//!
//! ```text
//! contract-node MODULE STORE (placed | vacant)
//! ```
//!
//! The cluster's secret, 64 hexadecimal digits, comes in `CONTRACT_NODE_SECRET`. It prints where it listens, and ends
//! when its standard input does: so it never outlives the test that started it.

use std::io::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::{App, HttpServer};
use anyhow::{Context as _, bail};
use kernel::auth::{AuthError, KeySource, Verifier};
use kernel::store::{StoreSettings, StoreUrl};
use kernel::{CallContext, Principal, PublicKey};
use seam::server::{Guard, Registry, UserRefused};
use seam::tokens::ServiceTokens;
use seam::{Contract, Endpoint, Epoch, Handle};
use tokio::io::AsyncReadExt as _;
use user_contract::Users;

/// The epoch at which it serves; the suite knows it.
const EPOCH: u64 = 7;

/// Nodes by their service tokens, users by the user module if that is the one served here.
struct Gate {
    tokens: ServiceTokens,
    verifier: Verifier,
}

/// The keys as the user module gives them.
struct Keys(Handle<dyn Users>);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, store, placed] = arguments.as_slice() else {
        bail!("usage: contract-node MODULE STORE (placed | vacant)")
    };
    let store = StoreSettings::new(StoreUrl::Sqlite(store.into()));
    let users = Handle::<dyn Users>::vacant();
    let endpoint = open(module, &store, placed == "placed", &users)?;
    let registry = Registry::default();
    registry.serve(endpoint);
    let verifier = Verifier::new(Arc::new(Keys(users)));
    let guard: Arc<dyn Guard> =
        Arc::new(Gate { tokens: ServiceTokens::new("contract-node", &secret()?), verifier });
    let server = HttpServer::new(move || {
        App::new().configure(seam::server::configure(registry.clone(), Arc::clone(&guard)))
    })
    .workers(1)
    .keep_alive(seam::http::SERVER_KEEP_ALIVE)
    .disable_signals()
    .bind("127.0.0.1:0")?;
    let address = server.addrs().first().copied().context("no address")?;
    let server = tokio::spawn(server.run());
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    // Nothing is ever sent; the end is the news.
    let mut nothing = Vec::new();
    let _ended = tokio::io::stdin().read_to_end(&mut nothing).await;
    server.abort();
    Ok(())
}

fn open(
    module: &str,
    store: &StoreSettings,
    placed: bool,
    users: &Handle<dyn Users>,
) -> anyhow::Result<Endpoint> {
    match module {
        "user" => {
            let module = user::UserModule::open(
                user::Settings::default(),
                store,
                user::Needs { orders: Handle::vacant() },
            )?;
            drop(users.place(module.contract()));
            Ok(endpoint(module.contract(), placed))
        }
        "product" => {
            let needs = product::Needs { orders: Handle::vacant() };
            let module = product::ProductModule::open(product::Settings::default(), store, needs)?;
            Ok(endpoint(module.contract(), placed))
        }
        "order" => {
            let needs = order::Needs {
                users: Handle::vacant(),
                products: Handle::vacant(),
                base_url: Arc::new(OnceLock::new()),
            };
            Ok(endpoint(
                order::OrderModule::open(order::Settings::default(), store, needs)?.contract(),
                placed,
            ))
        }
        other => bail!("there is no module {other:?}"),
    }
}

fn endpoint<C: ?Sized + Contract>(module: Arc<C>, placed: bool) -> Endpoint {
    let handle = if placed { Handle::to(module) } else { Handle::vacant() };
    Endpoint::of_handle(handle, Epoch::new(EPOCH))
}

fn secret() -> anyhow::Result<[u8; 32]> {
    let text = std::env::var("CONTRACT_NODE_SECRET")?;
    let mut secret = [0; 32];
    for (place, byte) in secret.iter_mut().enumerate() {
        let digits = text.get(2 * place..2 * place + 2).context("the secret is too short")?;
        *byte = u8::from_str_radix(digits, 16)?;
    }
    Ok(secret)
}

// === impl Gate ===

#[async_trait::async_trait]
impl Guard for Gate {
    fn admits(&self, token: &str, audience: &str) -> bool {
        self.tokens.verify(token, audience).is_ok()
    }

    async fn user(&self, token: &str) -> Result<Principal, UserRefused> {
        self.verifier.verify(token).await.map_err(|error| match error {
            AuthError::Unavailable => UserRefused::Unavailable,
            AuthError::Expired | AuthError::Invalid => UserRefused::Invalid,
        })
    }
}

// === impl Keys ===

#[async_trait::async_trait]
impl KeySource for Keys {
    async fn public_keys(&self) -> Option<Vec<PublicKey>> {
        let context = CallContext::of_module("contract-node", Duration::from_secs(5));
        self.0.enter().ok()?.public_keys(context, ()).await.ok()
    }
}
