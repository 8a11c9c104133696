//! A running shop and the people in it, in the words of the tests.

use serde_json::{Value, json};

use crate::client::{Client, Response};
use crate::server::{Server, ServerOptions};

/// A shop with the sample catalogue and the demo accounts.
pub struct Shop {
    /// The process.
    pub server: Server,
    /// Speaks to it.
    pub client: Client,
}

/// Somebody with an account and a login.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account.
    pub id: String,
    /// Its address.
    pub email: String,
    /// Its password.
    pub password: String,
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh_token: String,
}

/// Something to buy.
#[derive(Debug, Clone)]
pub struct Article {
    /// The product.
    pub product_id: String,
    /// Its variant.
    pub variant_id: String,
    /// Minor units of EUR for one.
    pub price: i64,
}

/// A key that no other request of the test has.
pub fn fresh_key() -> String {
    format!("key-{}", kernel::OrderId::new())
}

impl Shop {
    /// Starts one.
    pub fn open() -> Self {
        Self::open_with(ServerOptions::default())
    }

    /// Starts one with settings of its own.
    pub fn open_with(options: ServerOptions) -> Self {
        let server = Server::start_with(options.seed().peeled_as_told());
        let client = server.client();
        Self { server, client }
    }

    /// Starts another process over the data of one that has ended.
    pub fn reopen(&mut self, options: ServerOptions) {
        self.server = Server::start_with(options.seed());
        self.client = self.server.client();
    }

    /// Registers somebody new and logs them in.
    pub async fn somebody(&self) -> Person {
        let email = format!("{}@people.example", kernel::UserId::new());
        let password = "a-long-enough-secret".to_owned();
        let body = json!({"email": email, "name": "Somebody", "password": password});
        self.client.post("/api/v1/users").json(&body).send().await.expect(201);
        self.log_in(&email, &password).await
    }

    /// Logs somebody in.
    pub async fn log_in(&self, email: &str, password: &str) -> Person {
        let body = json!({"email": email, "password": password});
        let login = self.client.post("/api/v1/auth/login").json(&body).send().await.expect(200).body;
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        Person {
            id: text(&login["user"]["id"]),
            email: email.to_owned(),
            password: password.to_owned(),
            token: text(&login["access_token"]),
            refresh_token: text(&login["refresh_token"]),
        }
    }

    /// Logs the demo operator in.
    pub async fn operator(&self) -> Person {
        self.log_in("operator@banyan.example", "banyan-operator-demo").await
    }

    /// Creates a product with one variant, so many units of it in stock.
    pub async fn article(&self, stock: i64) -> Article {
        let operator = self.operator().await;
        let slug = format!("article-{}", kernel::ProductId::new()).replace('_', "-");
        let csv = format!(
            "product_slug,product_name,description,category_slug,sku,variant_name,price,currency,stock,status\n\
             {slug},Test article,Made for a test,,{slug},,19.99,EUR,{stock},active\n"
        );
        let import = self.client.post("/api/v1/admin/products/import").bearer(&operator.token);
        import.key(&fresh_key()).raw("text/csv", csv).send().await.expect(200);
        let product = self.client.get(&format!("/api/v1/products/{slug}")).send().await.expect(200).body;
        Article {
            product_id: product["id"].as_str().expect("an id").to_owned(),
            variant_id: product["variants"][0]["id"].as_str().expect("an id").to_owned(),
            price: 1999,
        }
    }

    /// Opens somebody's cart and puts articles in it.
    pub async fn cart_with(&self, person: &Person, article: &Article, quantity: i64) -> String {
        let cart = self.client.post("/api/v1/carts").bearer(&person.token).json(&json!({}));
        let cart = cart.send().await.expect(201).body["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/v1/carts/{cart}/items/{}", article.variant_id);
        let put = self.client.put(&path).bearer(&person.token).json(&json!({"quantity": quantity}));
        put.send().await.expect(200);
        cart
    }

    /// Checks a cart out and waits for the order to settle.
    pub async fn check_out(&self, person: &Person, cart: &str, token: &str) -> Response {
        let body = json!({"payment": {"provider": "test", "token": token}});
        let path = format!("/api/v1/carts/{cart}/checkout");
        let request = self.client.post(&path).bearer(&person.token).json(&body);
        request.key(&fresh_key()).header("prefer", "wait=10").send().await
    }

    /// Buys, and gives the settled order.
    pub async fn buy(&self, person: &Person, article: &Article, token: &str) -> Value {
        let cart = self.cart_with(person, article, 1).await;
        self.check_out(person, &cart, token).await.expect(202).body
    }

    /// Waits until somebody's order is in one of `statuses`, and gives it.
    pub async fn settled(&self, person: &Person, order: &str, statuses: &[&str]) -> Value {
        let path = format!("/api/v1/orders/{order}");
        let what = format!("{order} to be {statuses:?}");
        crate::wait::until(std::time::Duration::from_secs(20), &what, async || {
            // The process may just be restarting.
            let order = self.client.get(&path).bearer(&person.token).try_send().await.ok()?;
            let status = order.body["status"].as_str()?;
            statuses.contains(&status).then(|| order.body.clone())
        })
        .await
    }

    /// Units that could be bought now.
    pub async fn available(&self, article: &Article) -> i64 {
        let operator = self.operator().await;
        let path = format!("/api/v1/admin/stock/{}", article.variant_id);
        let stock = self.client.get(&path).bearer(&operator.token).send().await.expect(200).body;
        let number = |name: &str| stock[name].as_i64().expect("a number");
        number("on_hand") - number("reserved")
    }
}
