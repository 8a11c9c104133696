//! Registering and logging in.

use std::sync::Arc;
use std::time::Duration;

use kernel::idempotency::{Key, KeyError};
use kernel::store::{StoreSettings, StoreUrl};
use kernel::{CallContext, CallError, CartId, UserId};
use order_contract::{CartSummary, ClaimCart, HasBought, OrderError, Orders};
use seam::Handle;
use system_tests::on_every_engine;
use user::{Error, LoginRequest, Needs, Secret, Settings, UserFilter, UserModule};

use super::{
    PASSWORD, answer, at_once, cheap, context, credentials, first_page, log_in, open, open_with, register,
    registration,
};

on_every_engine! {
    async fn who_registers_can_log_in_and_nobody_else(url: StoreUrl) {
        let service = open(&url).service().clone();
        let id = register(&service, "Ada@Example.org").await;
        let tokens = log_in(&service, " ada@EXAMPLE.org ").await.unwrap();
        assert_eq!((tokens.user.id, tokens.user.email.as_str()), (id, "Ada@example.org"));
        for (email, password) in
            [("ada@example.org", "wrong horse battery"), ("bob@example.org", PASSWORD), ("not an address", PASSWORD)]
        {
            let refused = service.login(credentials(email, password), context()).await;
            assert!(matches!(refused, Err(Error::InvalidCredentials)), "{email}: {refused:?}");
        }
    }

    async fn an_e_mail_address_has_one_account_however_many_ask_at_once(url: StoreUrl) {
        let service = open(&url).service().clone();
        let registered = at_once(20, |number| {
            let service = service.clone();
            // All spellings of one address.
            let email = if number % 2 == 0 { "ada@example.org" } else { "ADA@Example.Org" };
            async move { service.register(registration(email), None, answer).await }
        })
        .await;
        assert_eq!(registered.iter().filter(|result| result.is_ok()).count(), 1);
        let taken = registered.iter().filter(|result| matches!(result, Err(Error::EmailTaken))).count();
        assert_eq!(taken, 19, "{registered:?}");
    }

    async fn a_registration_with_a_key_happens_once(url: StoreUrl) {
        let service = open(&url).service().clone();
        let register = |email: &'static str, fingerprint: &'static str| {
            let (service, id) = (service.clone(), format!("{url}/register"));
            async move {
                let key = claim(&id, fingerprint).await;
                service.register(registration(email), Some(key), answer).await
            }
        };
        let first = register("ada@example.org", "body").await.unwrap();
        let again = register("ada@example.org", "body").await.unwrap();
        assert_eq!(first.body(), again.body());
        let other = register("bob@example.org", "other body").await;
        assert!(matches!(other, Err(Error::Key(KeyError::Reused))), "{other:?}");
        assert_eq!(service.users(UserFilter::default(), first_page(10)).await.unwrap().len(), 1);
    }

    async fn guessing_is_slowed_down_for_the_guessed_account_only(url: StoreUrl) {
        let service = open_with(&url, Settings { login_failures: 3, ..cheap() }).service().clone();
        register(&service, "ada@example.org").await;
        register(&service, "bob@example.org").await;
        for _ in 0..3 {
            let refused = service.login(credentials("ada@example.org", "a wrong guess"), context()).await;
            assert!(matches!(refused, Err(Error::InvalidCredentials)), "{refused:?}");
        }
        let Err(Error::Throttled { retry_after }) = log_in(&service, "ADA@example.org").await else {
            panic!("the right password is not even looked at")
        };
        assert!(retry_after <= Duration::from_secs(15 * 60) && retry_after > Duration::from_secs(14 * 60));
        log_in(&service, "bob@example.org").await.unwrap();
    }

    async fn a_password_stays_good_when_hashes_get_stronger(url: StoreUrl) {
        register(open(&url).service(), "ada@example.org").await;
        let stronger = open_with(&url, Settings { argon2_memory_kib: 256, ..cheap() });
        for _ in 0..2 {
            log_in(stronger.service(), "ada@example.org").await.unwrap();
        }
    }

    async fn the_guests_cart_comes_along_and_its_loss_does_not_stop_a_login(url: StoreUrl) {
        let orders = Handle::vacant();
        let module = UserModule::open(cheap(), &StoreSettings::new(url), Needs { orders: orders.clone() }).unwrap();
        register(module.service(), "ada@example.org").await;
        let with_cart = |guest: &str| {
            let guest_token = Some(Secret::new(guest));
            module.service().login(LoginRequest { guest_token, ..credentials("ada@example.org", PASSWORD) }, context())
        };
        assert_eq!(with_cart("guest").await.unwrap().cart_id, None, "the order module is away");
        let cart = CartId::new();
        drop(orders.place(Arc::new(Carts { guest: "guest", cart }) as Arc<dyn Orders>));
        assert_eq!(with_cart("guest").await.unwrap().cart_id, Some(cart));
        assert_eq!(with_cart("nobody").await.unwrap().cart_id, None, "there is no such cart");
    }
}

/// Holds one guest's cart.
struct Carts {
    guest: &'static str,
    cart: CartId,
}

#[async_trait::async_trait]
impl Orders for Carts {
    async fn has_bought(&self, _: CallContext, _: HasBought) -> Result<bool, CallError<OrderError>> {
        Ok(false)
    }

    async fn get_cart_summary(
        &self,
        _: CallContext,
        _: UserId,
    ) -> Result<CartSummary, CallError<OrderError>> {
        Ok(CartSummary::default())
    }

    async fn claim_cart(
        &self,
        context: CallContext,
        request: ClaimCart,
    ) -> Result<CartId, CallError<OrderError>> {
        assert_eq!(context.principal().map(|principal| principal.user_id), Some(request.user_id));
        if request.guest_token == self.guest { Ok(self.cart) } else { Err(OrderError::CartNotFound.into()) }
    }
}

/// Claims a key as soon as the request that held it has let go of it.
async fn claim(id: &str, fingerprint: &str) -> Key {
    let claimed = async {
        loop {
            match Key::claim(id.to_owned(), fingerprint.to_owned()) {
                Ok(key) => return key,
                Err(_in_progress) => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), claimed).await.expect("nobody holds the key for good")
}
