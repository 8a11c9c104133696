//! The user module over both engines.

mod accounts;
mod addresses;
mod keys;
mod sessions;
mod staff;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use kernel::auth::{KeySource, Verifier};
use kernel::http::Paging;
use kernel::idempotency::Answer;
use kernel::store::{StoreError, StoreSettings, StoreUrl};
use kernel::{CallContext, Principal, PublicKey, UserId};
use seam::Handle;
use user::{
    Error, LoginRequest, Needs, Registration, SampleUser, SampleUsers, Secret, Service, Settings, Tokens,
    User, UserModule,
};
use user_contract::Users;

const PASSWORD: &str = "correct horse battery";

/// The keys as another module would get them.
struct Keys(Arc<dyn Users>);

#[async_trait::async_trait]
impl KeySource for Keys {
    async fn public_keys(&self) -> Option<Vec<PublicKey>> {
        self.0.public_keys(context(), ()).await.ok()
    }
}

fn cheap() -> Settings {
    Settings { argon2_memory_kib: 64, argon2_iterations: 1, ..Settings::default() }
}

fn open(url: &StoreUrl) -> UserModule {
    open_with(url, cheap())
}

fn open_with(url: &StoreUrl, settings: Settings) -> UserModule {
    let needs = Needs { orders: Handle::vacant() };
    UserModule::open(settings, &StoreSettings::new(url.clone()), needs).unwrap()
}

fn context() -> CallContext {
    CallContext::of_module("test", Duration::from_secs(10))
}

fn registration(email: &str) -> Registration {
    Registration::parse(email, "Ada", Secret::new(PASSWORD)).unwrap()
}

fn credentials(email: &str, password: &str) -> LoginRequest {
    LoginRequest {
        email: email.to_owned(),
        password: Secret::new(password),
        guest_token: None,
        user_agent: None,
    }
}

fn answer(user: &User) -> Result<Answer, StoreError> {
    Answer::json(StatusCode::CREATED, &user.id)
}

async fn register(service: &Service, email: &str) -> UserId {
    let answer = service.register(registration(email), None, answer).await.unwrap();
    answer.body().trim_matches('"').parse().unwrap()
}

async fn log_in(service: &Service, email: &str) -> Result<Tokens, Error> {
    service.login(credentials(email, PASSWORD), context()).await
}

/// Logs in and reads the token as its receiver would.
async fn enter(module: &UserModule, email: &str) -> (Tokens, Principal) {
    let tokens = log_in(module.service(), email).await.unwrap();
    let principal = verifier(module).verify(tokens.access_token.expose()).await.unwrap();
    (tokens, principal)
}

fn verifier(module: &UserModule) -> Verifier {
    Verifier::new(Arc::new(Keys(module.contract())))
}

async fn session_count(service: &Service, id: UserId) -> usize {
    service.sessions(id, first_page(100)).await.unwrap().len()
}

fn first_page<P>(limit: u32) -> Paging<P> {
    Paging { limit, after: None }
}

fn sample() -> SampleUsers {
    let user = |email, name| SampleUser { email, password: PASSWORD, name };
    SampleUsers {
        customer: user("customer@example.org", "Clara Customer"),
        operator: user("operator@example.org", "Otto Operator"),
    }
}

/// Runs as many at the same time, and waits for all.
async fn at_once<F, T>(count: usize, run: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(run(number))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
