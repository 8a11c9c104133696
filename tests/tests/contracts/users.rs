//! The contract of the user module.

use std::sync::Arc;

use actix_web::http::StatusCode;
use kernel::auth::{KeySource, Verifier};
use kernel::idempotency::Answer;
use kernel::store::StoreSettings;
use kernel::{CallContext, CallError, Caller, PublicKey, UserId};
use seam::Handle;
use system_tests::engine::TestStore;
use user::{LoginRequest, Needs, Registration, Secret, Settings, UserModule};
use user_contract::{UserError, UserSummary, Users};

use crate::alike;
use crate::runner::{Runner, context, under_every_runner};

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "correct horse battery";

under_every_runner!(accounts_are_known);

async fn accounts_are_known(runner: Runner) {
    let store = TestStore::sqlite();
    let module = open(&store);
    let id = register(&module).await;
    let place = runner.place(module.contract(), &store.url());
    let users = &place.handle;

    let summary = UserSummary { id, email: EMAIL.to_owned(), name: "Ada".to_owned() };
    assert_eq!(get_user(users, context(), id).await, Ok(summary.clone()));
    assert_eq!(get_user(users, context(), UserId::new()).await, Err(CallError::Refused(UserError::NotFound)));

    let keys = module.contract().public_keys(context(), ()).await.unwrap();
    assert!(!keys.is_empty());
    assert_eq!(users.enter().unwrap().public_keys(context(), ()).await, Ok(keys));

    // On behalf of a user, whose own token goes along and is verified at the other end.
    let context = CallContext { caller: caller(&module).await, ..context() };
    assert_eq!(get_user(users, context, id).await, Ok(summary));

    alike::fails_alike(runner, place, &store.url(), async |users, context| {
        get_user(users, context, id).await.map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_token_that_is_not_valid_stops_the_call_at_the_other_end() {
    let store = TestStore::sqlite();
    let module = open(&store);
    let id = register(&module).await;
    let place = Runner::Process.place(module.contract(), &store.url());
    let Caller::User { principal, token } = caller(&module).await else { panic!("a user") };
    let forged = Caller::User { principal, token: format!("{token}x").into() };
    let refused = get_user(&place.handle, CallContext { caller: forged, ..context() }, id).await;
    assert!(
        matches!(&refused, Err(CallError::Unavailable { executed: kernel::Executed::No, .. })),
        "{refused:?}"
    );
}

pub fn open(store: &TestStore) -> UserModule {
    let settings = Settings { argon2_memory_kib: 64, argon2_iterations: 1, ..Settings::default() };
    UserModule::open(settings, &StoreSettings::new(store.url()), Needs { orders: Handle::vacant() }).unwrap()
}

pub async fn register(module: &UserModule) -> UserId {
    let registration = Registration::parse(EMAIL, "Ada", Secret::new(PASSWORD)).unwrap();
    let answer =
        module.service().register(registration, None, |user| Answer::json(StatusCode::CREATED, &user.id));
    serde_json::from_str(answer.await.unwrap().body()).unwrap()
}

/// Logs the user in, and gives the access token.
pub async fn log_in(module: &UserModule) -> String {
    let credentials = LoginRequest {
        email: EMAIL.to_owned(),
        password: Secret::new(PASSWORD),
        guest_token: None,
        user_agent: None,
    };
    module.service().login(credentials, context()).await.unwrap().access_token.expose().to_owned()
}

/// The user as a route would know them after a login.
async fn caller(module: &UserModule) -> Caller {
    let token = log_in(module).await;
    let verifier = Verifier::new(Arc::new(Keys(module.contract())));
    let principal = Arc::new(verifier.verify(&token).await.unwrap());
    Caller::User { principal, token: token.into() }
}

async fn get_user(
    users: &Handle<dyn Users>,
    context: CallContext,
    id: UserId,
) -> Result<UserSummary, CallError<UserError>> {
    users.enter()?.get_user(context, id).await
}

/// The keys as another module would get them.
struct Keys(Arc<dyn Users>);

#[async_trait::async_trait]
impl KeySource for Keys {
    async fn public_keys(&self) -> Option<Vec<PublicKey>> {
        self.0.public_keys(context(), ()).await.ok()
    }
}
