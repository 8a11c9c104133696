//! What is measured: the requests of each case.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use kernel::OrderId;

use crate::http::{Connection, request};
use crate::prepare::Stock;

/// Connections that read at the same time.
const READERS: usize = 16;
/// People who log in at the same time: as many as Banyan hashes passwords for at once.
const LOGINS: usize = 2;
/// People who buy at the same time.
pub(crate) const BUYERS: usize = 4;
/// What is searched for: whole words, beginnings of words, and two words together.
const SEARCHES: [&str; 6] = ["mug", "amber", "lamp", "note", "honey+basket", "series+clock"];

/// A thing that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Case {
    /// One product by its slug.
    GetProduct,
    /// The first page of the catalogue.
    ListProducts,
    /// The first page of what some words find.
    Search,
    /// A password for tokens.
    Login,
    /// Open a cart, put something in, check out and wait until the order is confirmed.
    Checkout,
}

/// What one connection does over and over.
#[derive(Clone)]
pub(crate) enum Script {
    /// Sends these requests in turn, each of which is answered 200.
    Requests {
        /// The requests.
        all: Arc<[Vec<u8>]>,
        /// Which is next.
        next: usize,
    },
    /// Buys.
    Purchase {
        /// An access token, as a header line.
        login: String,
        /// What to buy.
        variant: String,
    },
}

impl Case {
    /// Every case, in the order of the report.
    pub(crate) const ALL: [Self; 5] =
        [Self::GetProduct, Self::ListProducts, Self::Search, Self::Login, Self::Checkout];

    /// Its name in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetProduct => "get product",
            Self::ListProducts => "list products",
            Self::Search => "search",
            Self::Login => "login",
            Self::Checkout => "full checkout",
        }
    }

    /// The least that Banyan's rate may be of the bare handler's.
    pub(crate) fn bar(self) -> Option<f64> {
        matches!(self, Self::GetProduct | Self::ListProducts).then_some(0.9)
    }

    /// What each connection to one server does. `logins` are header lines with access tokens of that server.
    pub(crate) fn scripts(self, stock: &Stock, logins: &[String]) -> Vec<Script> {
        let requests = |all: Vec<Vec<u8>>, connections: usize| -> Vec<Script> {
            let all: Arc<[Vec<u8>]> = all.into();
            // Not all at the same place of the list.
            let start = |index: usize| index * all.len() / connections.max(1);
            (0..connections)
                .map(|index| Script::Requests { all: Arc::clone(&all), next: start(index) })
                .collect()
        };
        let get = |path: String| request("GET", &path, "", "");
        match self {
            Self::GetProduct => {
                let products = stock.slugs.iter().map(|slug| get(format!("/api/v1/products/{slug}")));
                requests(products.collect(), READERS)
            }
            Self::ListProducts => requests(vec![get("/api/v1/products".to_owned())], READERS),
            Self::Search => {
                let searches = SEARCHES.iter().map(|words| get(format!("/api/v1/products?q={words}")));
                requests(searches.collect(), READERS)
            }
            Self::Login => {
                let logins = stock.buyers.iter().map(|buyer| {
                    let body = serde_json::json!({"email": buyer.email, "password": buyer.password});
                    request("POST", "/api/v1/auth/login", "", &body.to_string())
                });
                requests(logins.collect(), LOGINS)
            }
            Self::Checkout => logins
                .iter()
                .map(|login| Script::Purchase { login: login.clone(), variant: stock.variant.clone() })
                .collect(),
        }
    }
}

impl Script {
    /// Does it once.
    pub(crate) async fn once(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        match self {
            Self::Requests { all, next } => {
                let request = all.get(*next % all.len().max(1)).context("no request")?;
                *next += 1;
                connection.exchange(request).await?.expect(200)?;
                Ok(())
            }
            Self::Purchase { login, variant } => purchase(connection, login, variant).await.map(drop),
        }
    }
}

/// The same request over and over, on each of so many connections.
pub(crate) fn repeated(request: Vec<u8>, connections: usize) -> Vec<Script> {
    vec![Script::Requests { all: Arc::new([request]), next: 0 }; connections]
}

/// Buys one unit, and gives the confirmed order.
pub(crate) async fn purchase(
    connection: &mut Connection,
    login: &str,
    variant: &str,
) -> anyhow::Result<Vec<u8>> {
    let open = request("POST", "/api/v1/carts", login, "{}");
    let opened = connection.exchange(&open).await?.expect(201)?;
    let cart = text_field(opened.body, "id").context("a cart without id")?.to_owned();
    let path = format!("/api/v1/carts/{cart}/items/{variant}");
    let put = request("PUT", &path, login, r#"{"quantity":1}"#);
    connection.exchange(&put).await?.expect(200)?;
    let path = format!("/api/v1/carts/{cart}/checkout");
    let headers = format!("{login}prefer: wait=10\r\nidempotency-key: {}\r\n", OrderId::new());
    let check_out = request("POST", &path, &headers, r#"{"payment":{"provider":"test","token":"ok"}}"#);
    let order = connection.exchange(&check_out).await?.expect(202)?;
    if text_field(order.body, "status") != Some("confirmed") {
        bail!("the order was not confirmed: {}", String::from_utf8_lossy(order.body));
    }
    Ok(order.body.to_vec())
}

/// The first text of that name in a JSON document without white space.
pub(crate) fn text_field<'a>(json: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(json).ok()?;
    let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
