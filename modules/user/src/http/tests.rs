//! The routes over a real store, without a network.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::{App, web};
use kernel::auth::{KeySource, Verifier};
use kernel::store::{StoreSettings, StoreUrl};
use kernel::{CallContext, Module as _, PublicKey};
use seam::Handle;
use serde_json::{Value, json};
use tempfile::TempDir;
use user_contract::Users;
use utoipa_actix_web::AppExt as _;

use crate::{Needs, SampleUser, SampleUsers, Settings, UserModule};

const PASSWORD: &str = "correct horse battery";

struct Keys(Arc<dyn Users>);

#[async_trait::async_trait]
impl KeySource for Keys {
    async fn public_keys(&self) -> Option<Vec<PublicKey>> {
        self.0.public_keys(CallContext::of_module("test", Duration::from_secs(5)), ()).await.ok()
    }
}

/// The module over a store of its own.
struct Shop {
    module: UserModule,
    _directory: TempDir,
}

struct Answer {
    status: u16,
    headers: actix_web::http::header::HeaderMap,
    body: Value,
}

impl Shop {
    fn open() -> Self {
        let directory = TempDir::new().unwrap();
        let settings = Settings {
            argon2_memory_kib: 64,
            argon2_iterations: 1,
            login_failures: 2,
            ..Settings::default()
        };
        let store = StoreSettings::new(StoreUrl::Sqlite(directory.path().join("user.db")));
        let module = UserModule::open(settings, &store, Needs { orders: Handle::vacant() }).unwrap();
        Self { module, _directory: directory }
    }

    /// Sends one request, as `token` if there is one.
    async fn send(&self, method: Method, path: &str, token: &str, body: Value) -> Answer {
        self.send_with(method, path, token, body, ("x-nothing", "")).await
    }

    async fn send_with(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Value,
        header: (&str, &str),
    ) -> Answer {
        let verifier = web::Data::new(Verifier::new(Arc::new(Keys(self.module.contract()))));
        let app = App::new().into_utoipa_app().app_data(verifier);
        let app = init_service(app.configure(|config| self.module.routes(config)).into_app()).await;
        let mut request = TestRequest::with_uri(path).method(method).insert_header(header);
        if !token.is_empty() {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        if !body.is_null() {
            request = request.set_json(body);
        }
        let response: ServiceResponse = app.call(request.to_request()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = read_body(response).await;
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status, headers, body }
    }

    async fn log_in(&self, email: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD});
        self.send(Method::POST, "/api/v1/auth/login", "", body).await.expect(200)
    }

    /// Registers and logs in; gives the access token.
    async fn somebody(&self, email: &str) -> String {
        let body = json!({"email": email, "name": "Ada", "password": PASSWORD});
        self.send(Method::POST, "/api/v1/users", "", body).await.expect(201);
        self.log_in(email).await.text("access_token")
    }

    async fn operator(&self) -> String {
        let user = |email, name| SampleUser { email, name, password: PASSWORD };
        let (customer, operator) = (user("c@example.org", "Clara"), user("o@example.org", "Otto"));
        self.module.seed(&SampleUsers { customer, operator }).await.unwrap();
        self.log_in("o@example.org").await.text("access_token")
    }
}

impl Answer {
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    fn expect_code(self, code: &str) -> Self {
        assert_eq!(self.body["error"]["code"], code, "{} {}", self.status, self.body);
        self
    }

    fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.body)).to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

#[actix_web::test]
async fn a_person_registers_logs_in_refreshes_and_leaves() {
    let shop = Shop::open();
    let body = json!({"email": "Ada@Example.org", "name": " Ada ", "password": PASSWORD});
    let registered = shop.send(Method::POST, "/api/v1/users", "", body.clone()).await.expect(201);
    assert_eq!(registered.text("email"), "Ada@example.org");
    assert_eq!((registered.text("name").as_str(), &registered.body["roles"]), ("Ada", &json!([])));
    assert!(!registered.body.to_string().contains("password"), "{}", registered.body);
    shop.send(Method::POST, "/api/v1/users", "", body).await.expect(409).expect_code("EMAIL_TAKEN");

    let login = shop.log_in("ada@example.org").await;
    assert_eq!((login.text("token_type").as_str(), &login.body["expires_in"]), ("Bearer", &json!(600)));
    assert_eq!(login.header("cache-control"), "no-store");
    let refresh = json!({"refresh_token": login.text("refresh_token")});
    let next = shop.send(Method::POST, "/api/v1/auth/refresh", "", refresh.clone()).await.expect(200);
    let (token, path) = (next.text("access_token"), "/api/v1/users/me");
    let me = shop.send(Method::GET, path, &token, Value::Null).await.expect(200);
    assert_eq!(me.body, registered.body);
    let same = ("if-none-match", me.header("etag"));
    shop.send_with(Method::GET, path, &token, Value::Null, same).await.expect(304);

    let logout = json!({"refresh_token": next.text("refresh_token")});
    shop.send(Method::POST, "/api/v1/auth/logout", "", logout.clone()).await.expect(204);
    shop.send(Method::POST, "/api/v1/auth/logout", "", logout).await.expect(204);
    shop.send(Method::GET, path, &token, Value::Null).await.expect(401).expect_code("TOKEN_INVALID");
    shop.send(Method::GET, path, "", Value::Null).await.expect(401).expect_code("AUTHENTICATION_REQUIRED");
    let reused = shop.send(Method::POST, "/api/v1/auth/refresh", "", refresh).await;
    reused.expect(401).expect_code("REFRESH_TOKEN_REUSED");
}

#[actix_web::test]
async fn the_answer_to_a_registration_is_given_again_for_its_key() {
    let shop = Shop::open();
    let key = ("idempotency-key", "0123456789abcdef");
    let register = |name: &str| {
        let body = json!({"email": "ada@example.org", "name": name, "password": PASSWORD});
        shop.send_with(Method::POST, "/api/v1/users", "", body, key)
    };
    let first = register("Ada").await.expect(201);
    let again = loop {
        // The first request lets go of its key a moment after its answer.
        let again = register("Ada").await;
        if again.status == 201 {
            break again;
        }
        again.expect_code("IDEMPOTENCY_IN_PROGRESS");
    };
    assert_eq!((again.body, again.headers.get("idempotency-replayed").is_some()), (first.body, true));
    register("Eve").await.expect(422).expect_code("IDEMPOTENCY_KEY_REUSED");
}

#[actix_web::test]
async fn guesses_are_answered_with_when_to_try_again() {
    let shop = Shop::open();
    shop.somebody("ada@example.org").await;
    let guess = || {
        let body = json!({"email": "ada@example.org", "password": "a wrong guess"});
        shop.send(Method::POST, "/api/v1/auth/login", "", body)
    };
    guess().await.expect(401).expect_code("INVALID_CREDENTIALS");
    guess().await.expect(401);
    let throttled = guess().await.expect(429).expect_code("RATE_LIMITED");
    assert!((1..=901).contains(&throttled.header("retry-after").parse::<u64>().unwrap()));
}

#[actix_web::test]
async fn what_is_wrong_with_a_body_is_said_field_by_field() {
    let shop = Shop::open();
    let body = json!({"email": "ada", "name": "", "password": "password1"});
    let wrong =
        shop.send(Method::POST, "/api/v1/users", "", body).await.expect(422).expect_code("VALIDATION_FAILED");
    let details = wrong.body["error"]["details"].as_array().unwrap();
    let fields: Vec<_> = details.iter().filter_map(|detail| detail["field"].as_str()).collect();
    assert_eq!(fields, ["email", "name", "password"]);
    let body = json!({"email": "a@b.co", "name": "A", "password": PASSWORD, "roles": ["operator"]});
    shop.send(Method::POST, "/api/v1/users", "", body).await.expect(400).expect_code("UNKNOWN_PARAMETER");
}

#[actix_web::test]
async fn a_person_keeps_addresses_and_ends_logins() {
    let shop = Shop::open();
    let (ada, bob) = (shop.somebody("ada@example.org").await, shop.somebody("bob@example.org").await);
    let (list, body) = (
        "/api/v1/users/me/addresses",
        json!({"name": "Ada", "line1": "1 Queen St", "city": "London", "postal_code": "N1", "country": "gb", "phone": "+44 20 7946"}),
    );
    let added = shop.send(Method::POST, list, &ada, body).await.expect(201);
    assert_eq!((&added.body["is_default"], added.text("country").as_str()), (&json!(true), "GB"));
    let path = added.header("location").to_owned();
    shop.send(Method::GET, &path, &bob, Value::Null).await.expect(404).expect_code("ADDRESS_NOT_FOUND");
    let changed =
        shop.send(Method::PATCH, &path, &ada, json!({"phone": null, "city": "York"})).await.expect(200);
    assert_eq!((&changed.body["phone"], changed.text("city").as_str()), (&Value::Null, "York"));
    assert_eq!(shop.send(Method::GET, &path, &ada, Value::Null).await.expect(200).body, changed.body);
    let page = shop.send(Method::GET, list, &ada, Value::Null).await.expect(200).body;
    assert_eq!((&page["data"], &page["page"]["has_more"]), (&json!([changed.body]), &json!(false)));
    shop.send(Method::DELETE, &path, &ada, Value::Null).await.expect(204);
    shop.send(Method::GET, &format!("{list}/nonsense"), &ada, Value::Null).await.expect(404);

    shop.log_in("ada@example.org").await;
    let first =
        shop.send(Method::GET, "/api/v1/users/me/sessions?limit=1", &ada, Value::Null).await.expect(200);
    assert!(first.header("link").contains("cursor="), "{:?}", first.headers);
    assert_eq!(first.body["data"][0]["current"], false);
    let other = format!("/api/v1/users/me/sessions/{}", first.body["data"][0]["id"].as_str().unwrap());
    shop.send(Method::DELETE, &other, &bob, Value::Null).await.expect(404).expect_code("SESSION_NOT_FOUND");
    shop.send(Method::DELETE, &other, &ada, Value::Null).await.expect(204);
    let left = shop.send(Method::GET, "/api/v1/users/me/sessions", &ada, Value::Null).await.expect(200).body;
    assert_eq!((left["data"].as_array().unwrap().len(), &left["data"][0]["current"]), (1, &json!(true)));

    let body = json!({"current_password": "a wrong guess", "new_password": "another password"});
    let refused = shop.send(Method::PUT, "/api/v1/users/me/password", &ada, body).await;
    refused.expect(401).expect_code("INVALID_CREDENTIALS");
    let named =
        shop.send(Method::PATCH, "/api/v1/users/me", &ada, json!({"name": "Ada L."})).await.expect(200);
    assert_eq!(named.text("name"), "Ada L.");
}

#[actix_web::test]
async fn staff_change_the_account_that_they_read() {
    let shop = Shop::open();
    let (operator, ada) = (shop.operator().await, shop.somebody("ada@example.org").await);
    let found = "/api/v1/admin/users?q=ADA@&limit=5";
    shop.send(Method::GET, found, &ada, Value::Null).await.expect(403).expect_code("ACCESS_DENIED");
    let page = shop.send(Method::GET, found, &operator, Value::Null).await.expect(200).body;
    let id = page["data"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/users/{id}");
    shop.send(Method::GET, &path, &ada, Value::Null).await.expect(403);
    let read = shop.send(Method::GET, &path, &operator, Value::Null).await.expect(200);
    let tag = read.header("etag").to_owned();
    shop.send_with(Method::GET, &path, &operator, Value::Null, ("if-none-match", &tag)).await.expect(304);

    let (roles, body) = (format!("/api/v1/admin/users/{id}/roles"), json!({"roles": ["support"]}));
    shop.send(Method::PUT, &roles, &operator, body.clone()).await.expect(428);
    shop.send_with(Method::PUT, &roles, &ada, body.clone(), ("if-match", &tag)).await.expect(403);
    let bad = json!({"roles": ["king"]});
    shop.send_with(Method::PUT, &roles, &operator, bad, ("if-match", &tag)).await.expect(422);
    let given =
        shop.send_with(Method::PUT, &roles, &operator, body.clone(), ("if-match", &tag)).await.expect(200);
    assert_eq!((given.header("etag"), &given.body["roles"]), ("\"v2\"", &json!(["support"])));
    let late = shop.send_with(Method::PUT, &roles, &operator, body, ("if-match", &tag)).await;
    late.expect(412).expect_code("PRECONDITION_FAILED");

    let status = format!("/api/v1/admin/users/{id}/status");
    let disable = json!({"disabled": true});
    shop.send_with(Method::PUT, &status, &operator, disable.clone(), ("if-match", "\"v2\""))
        .await
        .expect(200);
    shop.send(Method::GET, "/api/v1/users/me", &ada, Value::Null)
        .await
        .expect(401)
        .expect_code("TOKEN_INVALID");

    let page = shop.send(Method::GET, "/api/v1/admin/users?role=operator", &operator, Value::Null).await;
    let itself = format!("/api/v1/admin/users/{}/status", page.body["data"][0]["id"].as_str().unwrap());
    let last = shop.send_with(Method::PUT, &itself, &operator, disable, ("if-match", "*")).await;
    last.expect(409).expect_code("LAST_OPERATOR");
}

#[actix_web::test]
async fn the_key_set_is_public_and_may_be_cached() {
    let shop = Shop::open();
    let set = shop.send(Method::GET, "/.well-known/jwks.json", "", Value::Null).await.expect(200);
    assert_eq!(set.header("cache-control"), "public, max-age=300");
    let key = &set.body["keys"][0];
    let members: Vec<_> = ["kty", "crv", "use", "alg"].map(|member| key[member].as_str().unwrap()).into();
    assert_eq!(members, ["OKP", "Ed25519", "sig", "EdDSA"]);
    assert!(key.get("d").is_none(), "the private half stays in the store");
}

#[actix_web::test]
async fn every_route_that_says_so_needs_a_login() {
    let shop = Shop::open();
    let app = App::new().into_utoipa_app().configure(|config| shop.module.routes(config));
    let (_, document) = app.split_for_parts();
    let document = serde_json::to_value(document).unwrap();
    let (mut open, mut operations) = (BTreeSet::new(), BTreeSet::new());
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operations.insert(operation["operationId"].to_string()), "{operation}");
            if operation.get("security").is_none() {
                open.insert(format!("{method} {path}"));
                continue;
            }
            let path = path.replace("{id}", "usr_000000000000000000000000000");
            let method: Method = method.to_uppercase().parse().unwrap();
            shop.send(method, &path, "", Value::Null).await.expect(401);
        }
    }
    let expected = [
        "get /.well-known/jwks.json",
        "post /api/v1/auth/login",
        "post /api/v1/auth/logout",
        "post /api/v1/auth/refresh",
        "post /api/v1/users",
    ];
    assert_eq!(open, expected.map(str::to_owned).into());
    assert_eq!(operations.len(), 19);
}
