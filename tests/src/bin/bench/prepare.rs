//! The shop that is measured: a thousand products, people who buy, something to buy that does not run out; and a copy for the
//! bare server, so that the writes of the two do not meet.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use diesel::prelude::*;
use system_tests::server::{Server as KitServer, ServerOptions};
use system_tests::shop::{Person, Shop};
use tempfile::TempDir;

use crate::cases::BUYERS;
use crate::server::run_banyan;

/// Products of the catalogue.
pub(crate) const PRODUCTS: &str = "1000";
/// Units of what is bought.
const UNITS: i64 = 100_000_000;
/// Products that are read, one after another.
const READ: u32 = 100;

/// What requests need to know of the shop.
pub(crate) struct Stock {
    /// Slugs of products.
    pub(crate) slugs: Vec<String>,
    /// A variant with many units.
    pub(crate) variant: String,
    /// People with accounts.
    pub(crate) buyers: Vec<Person>,
}

/// The stores of both sides; deleted in the end.
pub(crate) struct Stores {
    root: TempDir,
}

impl Stores {
    /// Makes and fills them.
    pub(crate) async fn prepare(banyan: &Path) -> anyhow::Result<(Self, Stock)> {
        let stores = Self { root: TempDir::with_prefix("banyan-bench-")? };
        let data = stores.banyan();
        std::fs::create_dir(&data)?;
        run_banyan(banyan, &data, &["seed", "--products", PRODUCTS])?;
        let server = KitServer::start_with(ServerOptions::default().data_dir(&data));
        let mut shop = Shop { client: server.client(), server };
        let stock = stock(&shop).await?;
        let ended = shop.server.terminate();
        anyhow::ensure!(ended.success(), "banyan ended with {ended}");
        copy(&data, &stores.bare())?;
        without_fences(&stores.bare())?;
        Ok((stores, stock))
    }

    /// Banyan's.
    pub(crate) fn banyan(&self) -> PathBuf {
        self.root.path().join("banyan")
    }

    /// The bare server's.
    pub(crate) fn bare(&self) -> PathBuf {
        self.root.path().join("bare")
    }
}

async fn stock(shop: &Shop) -> anyhow::Result<Stock> {
    let variant = shop.article(UNITS).await.variant_id;
    let mut buyers = Vec::new();
    for _ in 0..BUYERS {
        buyers.push(shop.somebody().await);
    }
    let page = shop.client.get(&format!("/api/v1/products?limit={READ}&sort=name"));
    let page = page.send().await.expect(200).body;
    let rows = page.get("data").and_then(serde_json::Value::as_array).context("a page without data")?;
    let slug = |row: &serde_json::Value| Some(row.get("slug")?.as_str()?.to_owned());
    let slugs = rows.iter().map(slug).collect::<Option<Vec<_>>>().context("a product without slug")?;
    Ok(Stock { slugs, variant, buyers })
}

/// Lets whoever opens the stores write them. A handler without modules knows of no owners.
fn without_fences(data: &Path) -> anyhow::Result<()> {
    #[derive(QueryableByName)]
    struct Trigger {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    for entry in std::fs::read_dir(data)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "db") {
            continue;
        }
        let mut raw = system_tests::raw::open(&path);
        let triggers = diesel::sql_query(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'fence!_%' ESCAPE '!'",
        );
        for Trigger { name } in triggers.load(&mut raw)? {
            diesel::sql_query(format!("DROP TRIGGER \"{name}\"")).execute(&mut raw)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
