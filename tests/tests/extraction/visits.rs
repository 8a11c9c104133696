//! What customers come for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use system_tests::client::{Client, Request, Response};
use system_tests::shop::{Article, Person, fresh_key};

use crate::desk::{Desk, Failed, Manner};

/// Longest that an order may take to end. Leases of a process that was killed have to run out.
const SETTLE: Duration = Duration::from_secs(90);

/// What is on sale.
#[derive(Debug, Clone)]
pub(crate) struct Goods {
    /// More than anybody buys.
    pub(crate) plenty: Article,
    /// Put in carts and taken out again.
    pub(crate) tried: Article,
    /// Less than is asked for.
    pub(crate) scarce: Article,
}

/// What came of a checkout, as the customer was told.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    /// The idempotency key that the checkout was sent with, each time.
    pub(crate) key: String,
    /// The order.
    pub(crate) order: String,
    /// The status that it ended with.
    pub(crate) status: String,
    /// The article.
    pub(crate) variant_id: String,
    /// Units of it.
    pub(crate) units: i64,
    /// Whose it is.
    pub(crate) who: Who,
}

/// What proves who asks: a header.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its value.
    pub(crate) value: String,
}

/// A cart that is ready to be checked out.
struct Filled {
    who: Who,
    cart: String,
    article: Article,
    units: i64,
}

/// One visit: looks around, then does what it is the turn of.
pub(crate) async fn visit(
    desk: &Desk,
    person: &mut Person,
    goods: &Goods,
    turn: usize,
) -> Result<Deed, Failed> {
    look_around(desk, person, goods).await?;
    let ends = ["confirmed"].as_slice();
    match turn % 7 {
        0 => buy(desk, member(desk, person, goods, &goods.plenty).await?, "ok", ends).await,
        1 => buy(desk, guest(desk, goods).await?, "ok", ends).await,
        2 => pay_at_the_second_try(desk, member(desk, person, goods, &goods.plenty).await?).await,
        3 => think_better_of_it(desk, guest(desk, goods).await?).await,
        4 => {
            let ends = ["confirmed", "rejected"];
            buy(desk, member(desk, person, goods, &goods.scarce).await?, "ok", &ends).await
        }
        5 => buy(desk, guest_who_logs_in(desk, person, goods).await?, "timeout", ends).await,
        _ => {
            let filled = member(desk, person, goods, &goods.plenty).await?;
            buy(desk, filled, "capture_refused", &["cancelled"]).await
        }
    }
}

/// Reads, and stays logged in.
async fn look_around(desk: &Desk, person: &mut Person, goods: &Goods) -> Result<(), Failed> {
    let product = format!("/api/v1/products/{}", goods.plenty.product_id);
    desk.ask(&[200], &[], |shop| shop.get(&product)).await?;
    desk.ask(&[200], &[], |shop| shop.get("/api/v1/products?q=jacket&limit=5")).await?;
    let old = person.refresh_token.clone();
    let refresh = json!({ "refresh_token": old });
    // Refreshing ends the old pair also when the answer is lost; then only logging in helps.
    let again = desk.ask(&[200], &[401], |shop| shop.post("/api/v1/auth/refresh").json(&refresh)).await?;
    let again = if again.status == 200 { again } else { log_in(desk, person, &Value::Null).await? };
    take_tokens(person, &again);
    let me = desk.ask(&[200], &[], |shop| shop.get("/api/v1/users/me").bearer(&person.token)).await?;
    if me.body["id"] != person.id.as_str() {
        return Err(desk.complain(format!("somebody else's account: {me}")));
    }
    desk.ask(&[200], &[], |shop| shop.get("/api/v1/orders?limit=5").bearer(&person.token)).await?;
    Ok(())
}

async fn log_in(desk: &Desk, person: &Person, guest_token: &Value) -> Result<Response, Failed> {
    let mut login = json!({"email": person.email, "password": person.password});
    if !guest_token.is_null() {
        login["guest_token"] = guest_token.clone();
    }
    desk.ask(&[200], &[], |shop| shop.post("/api/v1/auth/login").json(&login)).await
}

fn take_tokens(person: &mut Person, login: &Response) {
    person.token = text(&login.body["access_token"]);
    person.refresh_token = text(&login.body["refresh_token"]);
}

/// Fills a cart with one of the article, changing their mind on the way.
async fn member(desk: &Desk, person: &Person, goods: &Goods, article: &Article) -> Result<Filled, Failed> {
    let who = Who { name: "authorization", value: format!("Bearer {}", person.token) };
    let cart = open_cart(desk, Some(&who)).await?.0;
    put(desk, &who, &cart, &goods.tried, 2).await?;
    put(desk, &who, &cart, article, 3).await?;
    put(desk, &who, &cart, article, 1).await?;
    let tried = item(&cart, &goods.tried);
    desk.ask(&[200], &[], |shop| who.of(shop.delete(&tried))).await?;
    let path = format!("/api/v1/carts/{cart}");
    let shown = desk.ask(&[200], &[], |shop| who.of(shop.get(&path))).await?;
    let items = shown.body["items"].as_array().map(Vec::len);
    if items != Some(1) || shown.body["items"][0]["quantity"] != 1 {
        return Err(desk.complain(format!("a cart that is not what it was made: {shown}")));
    }
    Ok(Filled { who, cart, article: article.clone(), units: 1 })
}

/// Fills a cart without an account.
async fn guest(desk: &Desk, goods: &Goods) -> Result<Filled, Failed> {
    let (cart, secret) = open_cart(desk, None).await?;
    let who = Who { name: "x-guest-token", value: text(&secret) };
    put(desk, &who, &cart, &goods.tried, 5).await?;
    put(desk, &who, &cart, &goods.plenty, 2).await?;
    put(desk, &who, &cart, &goods.tried, 0).await?;
    Ok(Filled { who, cart, article: goods.plenty.clone(), units: 2 })
}

/// Fills a cart as a guest and logs in: the order module claims it when the user module asks.
async fn guest_who_logs_in(desk: &Desk, person: &mut Person, goods: &Goods) -> Result<Filled, Failed> {
    let filled = guest(desk, goods).await?;
    let login = log_in(desk, person, &json!(filled.who.value)).await?;
    take_tokens(person, &login);
    let who = Who { name: "authorization", value: format!("Bearer {}", person.token) };
    if login.body["cart_id"].is_string() {
        return Ok(Filled { who, cart: text(&login.body["cart_id"]), ..filled });
    }
    if desk.manner() == Manner::Strict {
        return Err(desk.complain(format!("a login that did not bring the cart along: {login}")));
    }
    // With the order module dead a login works all the same; the cart is fetched later.
    let (claim, secret) =
        (format!("/api/v1/carts/{}/claim", filled.cart), json!({"guest_token": filled.who.value}));
    desk.ask(&[200], &[404], |shop| who.of(shop.post(&claim)).json(&secret)).await?;
    let cart = open_cart(desk, Some(&who)).await?.0;
    Ok(Filled { who, cart, ..filled })
}

async fn open_cart(desk: &Desk, who: Option<&Who>) -> Result<(String, Value), Failed> {
    let open = |shop: &Client| {
        let open = shop.post("/api/v1/carts").json(&json!({}));
        who.map_or_else(|| shop.post("/api/v1/carts").json(&json!({})), |who| who.of(open))
    };
    let cart = desk.ask(&[201], &[], open).await?.body;
    Ok((text(&cart["id"]), cart["guest_token"].clone()))
}

async fn put(desk: &Desk, who: &Who, cart: &str, article: &Article, units: i64) -> Result<(), Failed> {
    let path = item(cart, article);
    desk.ask(&[200], &[], |shop| who.of(shop.put(&path)).json(&json!({ "quantity": units }))).await?;
    Ok(())
}

fn item(cart: &str, article: &Article) -> String {
    format!("/api/v1/carts/{cart}/items/{}", article.variant_id)
}

/// Checks out and waits for one of the ends.
async fn buy(desk: &Desk, filled: Filled, token: &str, ends: &[&str]) -> Result<Deed, Failed> {
    let (key, order) = check_out(desk, &filled, token).await?;
    let ended = settled(desk, &filled.who, &order, |order| is_one_of(&order["status"], ends)).await?;
    let total = filled.article.price * filled.units;
    if ended["total"]["amount"] != total {
        return Err(desk.complain(format!("not the total of {total}: {ended}")));
    }
    Ok(Deed {
        key,
        order,
        status: text(&ended["status"]),
        variant_id: filled.article.variant_id,
        units: filled.units,
        who: filled.who,
    })
}

/// The first payment is declined, the second is not.
async fn pay_at_the_second_try(desk: &Desk, filled: Filled) -> Result<Deed, Failed> {
    let (key, order) = check_out(desk, &filled, "decline").await?;
    settled(desk, &filled.who, &order, |order| order["payment_status"] == "failed").await?;
    let (path, body) =
        (format!("/api/v1/orders/{order}/payments"), json!({"provider": "test", "token": "ok"}));
    let second = fresh_key();
    desk.ask(&[202], &[], |shop| filled.who.of(shop.post(&path)).key(&second).json(&body)).await?;
    settled(desk, &filled.who, &order, |order| order["status"] == "confirmed").await?;
    let Filled { who, article, units, .. } = filled;
    Ok(Deed { key, order, status: "confirmed".into(), variant_id: article.variant_id, units, who })
}

/// Buys, then cancels: the money and the stock come back.
async fn think_better_of_it(desk: &Desk, filled: Filled) -> Result<Deed, Failed> {
    let bought = buy(desk, filled, "ok", &["confirmed"]).await?;
    let (path, key) = (format!("/api/v1/orders/{}/cancel", bought.order), fresh_key());
    desk.ask(&[202], &[], |shop| bought.who.of(shop.post(&path)).key(&key).json(&json!({}))).await?;
    let ended = settled(desk, &bought.who, &bought.order, |order| order["status"] == "cancelled").await?;
    if ended["payment_status"] != "refunded" {
        return Err(desk.complain(format!("a cancelled order whose money is not given back: {ended}")));
    }
    Ok(Deed { status: "cancelled".into(), ..bought })
}

/// Sends one checkout twice at once, from two browsers that may be placed at the two placements, and then once more. Gives the
/// key and the one order.
async fn check_out(desk: &Desk, filled: &Filled, token: &str) -> Result<(String, String), Failed> {
    let (key, path) = (fresh_key(), format!("/api/v1/carts/{}/checkout", filled.cart));
    let mut body = json!({"payment": {"provider": "test", "token": token}});
    if filled.who.name == "x-guest-token" {
        body["email"] = json!("guest@people.example");
    }
    let send = |shop: &Client| filled.who.of(shop.post(&path)).key(&key).json(&body);
    let other = desk.anew();
    // The slower of the two may be told that the faster one is still being worked on.
    let (first, second) = tokio::join!(desk.ask(&[202, 409], &[], send), other.ask(&[202, 409], &[], send));
    let third = desk.ask(&[202], &[], send).await?;
    let order = text(&third.body["id"]);
    for answer in [first?, second?] {
        let right = match answer.status {
            202 => answer.body["id"] == order.as_str(),
            _ => answer.error_code() == "IDEMPOTENCY_IN_PROGRESS",
        };
        if !right {
            return Err(desk.complain(format!("one key, and besides order {order} there is: {answer}")));
        }
    }
    Ok((key, order))
}

/// Reads an order until it is as wanted.
async fn settled(
    desk: &Desk,
    who: &Who,
    order: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Value, Failed> {
    let path = format!("/api/v1/orders/{order}");
    let deadline = Instant::now() + SETTLE;
    let mut tick = tokio::time::interval(Duration::from_millis(30));
    loop {
        tick.tick().await;
        let now = desk.ask(&[200], &[], |shop| who.of(shop.get(&path))).await?.body;
        if wanted(&now) {
            return Ok(now);
        }
        let over = ["confirmed", "cancelled", "rejected", "expired"];
        if Instant::now() > deadline || (is_one_of(&now["status"], &over) && now["status"] != "confirmed") {
            return Err(desk.complain(format!("an order that did not become what it should: {now}")));
        }
    }
}

fn is_one_of(status: &Value, of: &[&str]) -> bool {
    status.as_str().is_some_and(|status| of.contains(&status))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

// === impl Who ===

impl Who {
    /// The request as theirs.
    pub(crate) fn of(&self, request: Request) -> Request {
        request.header(self.name, &self.value)
    }
}
