//! Staying logged in, and out.

use std::time::Duration;

use kernel::Timestamp;
use kernel::store::StoreUrl;
use system_tests::on_every_engine;
use user::{Error, Secret};

use super::{PASSWORD, at_once, context, credentials, enter, log_in, open, register, session_count};

on_every_engine! {
    async fn a_refresh_token_works_once_and_its_reuse_ends_the_login(url: StoreUrl) {
        let service = open(&url).service().clone();
        register(&service, "ada@example.org").await;
        let first = log_in(&service, "ada@example.org").await.unwrap();
        let second = service.refresh(&first.refresh_token).await.unwrap();
        let third = service.refresh(&second.refresh_token).await.unwrap();
        assert_eq!(session_count(&service, first.user.id).await, 1, "a refresh stays in its login");
        assert!(matches!(service.refresh(&first.refresh_token).await, Err(Error::RefreshTokenReused)));
        assert!(matches!(service.refresh(&third.refresh_token).await, Err(Error::TokenInvalid)));
        assert_eq!(session_count(&service, first.user.id).await, 0);
        assert!(matches!(service.refresh(&Secret::new("made up")).await, Err(Error::TokenInvalid)));
    }

    async fn of_twenty_refreshes_with_one_token_exactly_one_succeeds(url: StoreUrl) {
        let service = open(&url).service().clone();
        register(&service, "ada@example.org").await;
        let token = log_in(&service, "ada@example.org").await.unwrap().refresh_token;
        let refreshed = at_once(20, |_| {
            let (service, token) = (service.clone(), token.clone());
            async move { service.refresh(&token).await }
        })
        .await;
        assert_eq!(refreshed.iter().filter(|result| result.is_ok()).count(), 1);
        let reused = refreshed.iter().filter(|result| matches!(result, Err(Error::RefreshTokenReused))).count();
        assert_eq!(reused, 19, "{refreshed:?}");
    }

    async fn an_ended_login_is_dead_at_once(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let id = register(service, "ada@example.org").await;
        let (laptop, phone) = (enter(&module, "ada@example.org").await, enter(&module, "ada@example.org").await);
        assert!(service.alive(laptop.1.clone()).await.is_ok() && service.alive(phone.1.clone()).await.is_ok());

        service.end_session(id, phone.1.session_id).await.unwrap();
        assert!(matches!(service.alive(phone.1.clone()).await, Err(Error::TokenInvalid)));
        assert!(matches!(service.end_session(id, phone.1.session_id).await, Err(Error::SessionNotFound)));
        let stranger = register(service, "bob@example.org").await;
        assert!(matches!(service.end_session(stranger, laptop.1.session_id).await, Err(Error::SessionNotFound)));

        service.logout(&laptop.0.refresh_token).await.unwrap();
        assert!(matches!(service.alive(laptop.1.clone()).await, Err(Error::TokenInvalid)));
        assert!(matches!(service.refresh(&laptop.0.refresh_token).await, Err(Error::TokenInvalid)));
        service.logout(&laptop.0.refresh_token).await.unwrap();
    }

    async fn a_new_password_ends_the_other_logins(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        register(service, "ada@example.org").await;
        let (laptop, phone) = (enter(&module, "ada@example.org").await, enter(&module, "ada@example.org").await);
        let change = |current: &str, new: &str| {
            let (service, laptop) = (service.clone(), laptop.1.clone());
            let (current, new) = (Secret::new(current), Secret::new(new));
            async move { service.change_password(&laptop, current, new).await }
        };
        assert!(matches!(change("wrong horse", "a new password").await, Err(Error::InvalidCredentials)));
        assert!(matches!(change(PASSWORD, "password1").await, Err(Error::Invalid(_))));
        change(PASSWORD, "a new password").await.unwrap();
        assert!(service.alive(laptop.1.clone()).await.is_ok());
        assert!(matches!(service.alive(phone.1).await, Err(Error::TokenInvalid)));
        assert!(matches!(log_in(service, "ada@example.org").await, Err(Error::InvalidCredentials)));
        service.login(credentials("ada@example.org", "a new password"), context()).await.unwrap();
    }

    async fn what_expired_long_ago_is_deleted_and_what_lives_is_not(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let id = register(service, "ada@example.org").await;
        let used = log_in(service, "ada@example.org").await.unwrap();
        let last = service.refresh(&used.refresh_token).await.unwrap();
        let (now, day) = (Timestamp::now(), Duration::from_secs(24 * 60 * 60));
        assert!(!service.delete_expired(now.plus(day * 20)).await.unwrap(), "nothing to delete");
        assert_eq!(session_count(service, id).await, 1);
        while service.delete_expired(now.plus(day * 38)).await.unwrap() {}
        assert_eq!(session_count(service, id).await, 0);
        for token in [used.refresh_token, last.refresh_token] {
            assert!(matches!(service.refresh(&token).await, Err(Error::TokenInvalid)));
        }
    }
}
