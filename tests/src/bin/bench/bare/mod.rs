//! The bare server: what the measured requests cost with nothing around them.
//!
//! Plain actix-web handlers that take a connection from an r2d2 pool on a blocking thread, run diesel queries on it and answer
//! JSON. The statements, the schema, the pragmas, the size of the pools, the allocator and the bodies are Banyan's; there is no
//! middleware, no idempotency, no entity tag, no cursor's signature, no validation, no log, no metric, and no contract between
//! modules.

mod cart;
mod checkout;
mod list;
mod login;
mod order;
mod product;
mod schema;
mod search;
mod stock;
mod token;

use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};

use token::Keys;

/// As many as Banyan keeps for each module.
pub(crate) const CONNECTIONS: u32 = 4;
/// As Banyan sets them, but for `query_only`: these connections write, too.
const PRAGMAS: &str = "\
    PRAGMA busy_timeout = 5000;\
    PRAGMA journal_mode = WAL;\
    PRAGMA synchronous = FULL;\
    PRAGMA foreign_keys = ON;\
    PRAGMA recursive_triggers = ON;\
    PRAGMA temp_store = MEMORY;\
    PRAGMA cache_size = -4000;";

type Connections = Pool<ConnectionManager<SqliteConnection>>;
type Answer = Result<HttpResponse, actix_web::Error>;

/// The three stores and the signing key.
#[derive(Clone)]
struct Shop {
    user: Connections,
    product: Connections,
    order: Connections,
    keys: Arc<Keys>,
}

/// Whatever goes wrong in a handler: the bench ends then.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the pool: {0}")]
    Pool(#[from] diesel::r2d2::PoolError),
    #[error("a statement: {0}")]
    Query(#[from] diesel::result::Error),
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Other(String),
}

impl actix_web::ResponseError for Failure {}

#[derive(Debug)]
struct Pragmas;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Pragmas {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(PRAGMAS).map_err(diesel::r2d2::Error::QueryError)
    }
}

// === impl Shop ===

impl Shop {
    fn open(data: &Path) -> anyhow::Result<Self> {
        let user = open(&data.join("user.db"))?;
        Ok(Self {
            keys: Arc::new(Keys::load(&mut *user.get()?)?),
            user,
            product: open(&data.join("product.db"))?,
            order: open(&data.join("order.db"))?,
        })
    }
}

fn open(path: &Path) -> anyhow::Result<Connections> {
    let path = path.to_str().context("the data directory's name is not UTF-8")?;
    Pool::builder()
        .max_size(CONNECTIONS)
        .min_idle(Some(1))
        .test_on_check_out(false)
        .connection_customizer(Box::new(Pragmas))
        .build(ConnectionManager::new(path))
        .with_context(|| format!("{path} cannot be opened"))
}

/// Runs `work` with a connection where it may block.
async fn with<T: Send + 'static>(
    connections: &Connections,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
) -> Result<T, actix_web::Error> {
    let connections = connections.clone();
    let done = web::block(move || {
        let mut connection: PooledConnection<_> = connections.get()?;
        work(&mut connection)
    });
    Ok(done.await??)
}

fn other(error: impl Display) -> Failure {
    Failure::Other(error.to_string())
}

/// Serves the stores in `data` until the process is ended. Each of `workers` runs its queries on up to `threads` threads.
pub(crate) async fn serve(data: &Path, listen: &str, workers: usize, threads: usize) -> anyhow::Result<()> {
    let shop = Shop::open(data)?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(shop.clone()))
            .route("/readyz", web::get().to(HttpResponse::Ok))
            .route("/api/v1/products", web::get().to(list::list_products))
            .route("/api/v1/products/{slug}", web::get().to(product::read_product))
            .route("/api/v1/auth/login", web::post().to(login::login))
            .route("/api/v1/carts", web::post().to(cart::open_cart))
            .route("/api/v1/carts/{id}/items/{variant}", web::put().to(cart::set_item))
            .route("/api/v1/carts/{id}/checkout", web::post().to(checkout::check_out))
    })
    .workers(workers)
    // Idle while the other side is measured, its connections must stay open.
    .keep_alive(std::time::Duration::from_secs(75))
    .worker_max_blocking_threads(threads)
    .bind(listen)
    .with_context(|| format!("cannot listen on {listen}"))?;
    let address = server.addrs().first().copied().context("no address")?;
    writeln!(std::io::stdout(), "the bare server is listening on http://{address}")?;
    server.run().await?;
    Ok(())
}
