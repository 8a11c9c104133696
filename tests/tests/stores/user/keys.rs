//! The keys that sign access tokens.

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use kernel::PublicKey;
use kernel::auth::{KeySource, Verifier};
use kernel::store::StoreUrl;
use system_tests::on_every_engine;
use user::Tokens;

use super::{enter, log_in, open, register};

on_every_engine! {
    async fn all_who_open_a_store_sign_with_one_key(url: StoreUrl) {
        // A store with its tables and without a key: what the first process to open it leaves if it is killed in between.
        let first = open(&url);
        execute(&url, "DELETE FROM signing_keys");
        let opened: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                tokio::task::spawn_blocking(move || open(&url))
            })
            .collect();
        let mut modules = Vec::new();
        for module in opened {
            modules.push(module.await.unwrap());
        }
        assert_eq!(first.service().public_keys().await.unwrap().len(), 1);
        register(first.service(), "ada@example.org").await;
        for module in &modules {
            let (_, principal) = enter(module, "ada@example.org").await;
            assert!(first.service().alive(principal).await.is_ok());
        }
    }

    async fn a_rotated_key_still_vouches_for_what_it_signed(url: StoreUrl) {
        let module = open(&url);
        register(module.service(), "ada@example.org").await;
        let old = log_in(module.service(), "ada@example.org").await.unwrap();
        module.service().rotate_keys().await.unwrap();
        let new = log_in(module.service(), "ada@example.org").await.unwrap();
        let keys = module.service().public_keys().await.unwrap();
        assert_eq!(keys.len(), 2);
        let signed_by = |key: usize, tokens: &Tokens| {
            let verifier = Verifier::new(Arc::new(OneKey(keys[key].clone())));
            let token = tokens.access_token.clone();
            async move { verifier.verify(token.expose()).await.is_ok() }
        };
        assert!(signed_by(1, &old).await && !signed_by(0, &old).await);
        assert!(signed_by(0, &new).await && !signed_by(1, &new).await, "the present key comes first");
        let elsewhere = log_in(open(&url).service(), "ada@example.org").await.unwrap();
        assert!(signed_by(0, &elsewhere).await);
    }
}

/// A single key.
struct OneKey(PublicKey);

#[async_trait::async_trait]
impl KeySource for OneKey {
    async fn public_keys(&self) -> Option<Vec<PublicKey>> {
        Some(vec![self.0.clone()])
    }
}

fn execute(url: &StoreUrl, sql: &str) {
    match url {
        StoreUrl::Sqlite(path) => {
            system_tests::raw::open(path).batch_execute(sql).unwrap();
        }
        StoreUrl::Postgres(url) => {
            let sql = format!("SET search_path TO \"user\"; {sql}");
            PgConnection::establish(url).unwrap().batch_execute(&sql).unwrap();
        }
    }
}
