//! Logging in, staying in, and out.

use std::sync::Arc;
use std::time::Duration;

use kernel::store::StoreError;
use kernel::{CallContext, CallError, Caller, CartId, Principal, SessionId, Timestamp};
use order_contract::{ClaimCart, OrderError};

use super::keys::AccessToken;
use super::{Read, Service, random_bytes};
use crate::domain::{Email, RefreshToken, Secret, User, UserAgent, digest};
use crate::error::Error;
use crate::store::sessions::{self, Which};
use crate::store::{roles, tokens, users};

/// Longest that a login waits for the guest's cart.
const CART_PATIENCE: Duration = Duration::from_secs(2);

/// What a person gives to log in.
#[derive(Debug, Clone)]
pub struct LoginRequest {
    /// The account.
    pub email: String,
    /// What proves that it is theirs.
    pub password: Secret,
    /// The secret of the cart they filled before.
    pub guest_token: Option<Secret>,
    /// What their browser calls itself.
    pub user_agent: Option<UserAgent>,
}

/// What a login or a refresh gives.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Goes with every request.
    pub access_token: Secret,
    /// Life of the access token.
    pub expires_in: Duration,
    /// Gives the next pair, once.
    pub refresh_token: Secret,
    /// The account.
    pub user: User,
    /// The guest's cart, now the account's.
    pub cart_id: Option<CartId>,
}

/// What became of a refresh token. A reuse is not an error of the transaction: it must be kept that the session was ended.
enum Refreshed {
    Rotated(SessionId, User),
    Reused,
    Expired,
    Unknown,
}

impl Service {
    /// Logs in. `context` bounds the call for the guest's cart, which may fail without the login failing.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`], the same and at the same cost for a wrong password, an unknown and a disabled account;
    /// [`Error::Throttled`] and [`Error::Overloaded`].
    pub async fn login(&self, request: LoginRequest, context: CallContext) -> Result<Tokens, Error> {
        let (guest_token, result) = (request.guest_token.clone(), self.enter(request).await);
        let outcome = match &result {
            Ok(_) => "success",
            Err(Error::InvalidCredentials) => "failure",
            Err(Error::Throttled { .. }) => "throttled",
            Err(_) => "error",
        };
        metrics::counter!("banyan_logins_total", "outcome" => outcome).increment(1);
        let (session_id, mut tokens) = result?;
        if let Some(guest_token) = guest_token {
            tokens.cart_id = self.claim_cart(context, session_id, &tokens, &guest_token).await;
        }
        Ok(tokens)
    }

    async fn enter(&self, request: LoginRequest) -> Result<(SessionId, Tokens), Error> {
        // What is no address has no account, but costs the same and counts the same.
        let account = Email::parse(&request.email)
            .map_or_else(|_none| request.email.chars().take(254).collect(), |email| email.key().to_owned());
        self.check_throttle(&account)?;
        let turn = self.inner.passwords.turn().await?;
        // Again: while this one waited for its turn, others may have failed.
        self.check_throttle(&account)?;
        let key = account.clone();
        let row: Read<_> = self.inner.store.read(move |db| users::find_by_email(db, &key)).await;
        let row = row?;
        let hash =
            row.as_ref().map_or_else(|| self.inner.passwords.nobody(), |row| row.password_hash.clone());
        let verdict = turn.verify(hash, &request.password).await?;
        let Some(row) = row.filter(|row| verdict.matches && !row.disabled) else {
            self.throttle().failed(&account, Timestamp::now());
            return Err(Error::InvalidCredentials);
        };
        self.throttle().succeeded(&account);
        let stronger = if verdict.outdated { Some(turn.hash(&request.password).await?) } else { None };
        drop(turn);
        self.begin_session(row, stronger, request.user_agent).await
    }

    async fn begin_session(
        &self,
        verified: users::Row,
        stronger: Option<String>,
        user_agent: Option<UserAgent>,
    ) -> Result<(SessionId, Tokens), Error> {
        let (token, now) = (RefreshToken::of(random_bytes()?), Timestamp::now());
        let lifetimes = self.inner.lifetimes;
        let ends_at = lifetimes.end(now);
        let session = sessions::Row {
            id: SessionId::new(),
            user_id: verified.id,
            user_agent: user_agent.map(|agent| agent.as_str().to_owned()),
            created_at: now,
            last_used_at: now,
            expires_at: lifetimes.expiry(now, ends_at),
            ends_at,
            ended_at: None,
        };
        let (id, digest) = (session.id, token.digest.clone());
        let user = self
            .inner
            .store
            .write(move |tx| {
                // A password that was changed, or an account disabled, since it was verified begins no session.
                let row = users::find(tx, verified.id)?
                    .filter(|row| !row.disabled && row.password_hash == verified.password_hash)
                    .ok_or(Error::InvalidCredentials)?;
                if let Some(stronger) = &stronger {
                    users::replace_hash(tx, row.id, &row.password_hash, stronger)?;
                }
                sessions::insert(tx, &session)?;
                tokens::insert(tx, &digest, session.id, now)?;
                let roles = roles::of_user(tx, row.id)?;
                Ok::<_, Error>(row.into_user(roles))
            })
            .await?;
        Ok((id, self.tokens(id, user, token.secret, now)?))
    }

    /// Gives a new pair of tokens for a refresh token, which is used up by that. Of several requests with one token at most one succeeds.
    ///
    /// # Errors
    /// [`Error::RefreshTokenReused`] when it was used before: that ends the session, because either its owner or a thief holds a
    /// token that the other one used. [`Error::TokenExpired`], [`Error::TokenInvalid`].
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, Error> {
        let (old, fresh, now) = (digest(refresh_token), RefreshToken::of(random_bytes()?), Timestamp::now());
        let (lifetimes, new) = (self.inner.lifetimes, fresh.digest.clone());
        let refreshed = self
            .inner
            .store
            .write(move |tx| {
                let Some(token) = tokens::find(tx, &old)? else { return Ok(Refreshed::Unknown) };
                let Some(session) = sessions::find(tx, token.session_id)? else {
                    return Ok(Refreshed::Unknown);
                };
                if token.used_at.is_some() {
                    sessions::end(tx, session.user_id, Which::Only(session.id), now)?;
                    return Ok(Refreshed::Reused);
                }
                if session.ended_at.is_some() {
                    return Ok(Refreshed::Unknown);
                }
                if session.expires_at <= now {
                    return Ok(Refreshed::Expired);
                }
                let Some(user) = users::load(tx, session.user_id)?.filter(|user| !user.disabled) else {
                    return Ok(Refreshed::Unknown);
                };
                tokens::mark_used(tx, &old, now)?;
                tokens::insert(tx, &new, session.id, now)?;
                sessions::extend(tx, session.id, now, lifetimes.expiry(now, session.ends_at))?;
                Ok::<_, StoreError>(Refreshed::Rotated(session.id, user))
            })
            .await?;
        let (outcome, result) = match refreshed {
            Refreshed::Rotated(id, user) => ("success", self.tokens(id, user, fresh.secret, now)),
            Refreshed::Reused => ("reused", Err(Error::RefreshTokenReused)),
            Refreshed::Expired => ("expired", Err(Error::TokenExpired)),
            Refreshed::Unknown => ("invalid", Err(Error::TokenInvalid)),
        };
        metrics::counter!("banyan_token_refreshes_total", "outcome" => outcome).increment(1);
        result
    }

    /// Ends the session that a refresh token belongs to, whether it is its present one or not. An unknown token ends nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn logout(&self, refresh_token: &Secret) -> Result<(), Error> {
        let digest = digest(refresh_token);
        self.inner
            .store
            .write(move |tx| {
                let Some(token) = tokens::find(tx, &digest)? else { return Ok(()) };
                if let Some(session) = sessions::find(tx, token.session_id)? {
                    sessions::end(tx, session.user_id, Which::Only(session.id), Timestamp::now())?;
                }
                Ok::<_, StoreError>(())
            })
            .await?;
        Ok(())
    }

    fn tokens(
        &self,
        session_id: SessionId,
        user: User,
        refresh_token: Secret,
        now: Timestamp,
    ) -> Result<Tokens, Error> {
        let AccessToken { token, life } = self.inner.keys.sign(user.id, session_id, &user.roles, now)?;
        Ok(Tokens { access_token: token, expires_in: life, refresh_token, user, cart_id: None })
    }

    /// Gives the guest's cart to the account. Whatever goes wrong, the login stands; the guest token still opens the cart.
    async fn claim_cart(
        &self,
        context: CallContext,
        session_id: SessionId,
        tokens: &Tokens,
        guest_token: &Secret,
    ) -> Option<CartId> {
        let user_id = tokens.user.id;
        let principal = Principal {
            user_id,
            session_id,
            roles: tokens.user.roles.clone(),
            expires_at: Timestamp::now().plus(tokens.expires_in),
        };
        let token = Arc::from(tokens.access_token.expose());
        let context =
            CallContext { caller: Caller::User { principal: Arc::new(principal), token }, ..context };
        let patience = context.remaining().min(CART_PATIENCE);
        let request = ClaimCart { user_id, guest_token: guest_token.expose().to_owned() };
        let claim = async { self.inner.orders.enter()?.claim_cart(context, request).await };
        match tokio::time::timeout(patience, claim).await {
            Ok(Ok(cart_id)) => Some(cart_id),
            Ok(Err(CallError::Refused(OrderError::CartNotFound))) => None,
            Ok(Err(error)) => {
                log::warn!("the guest's cart was not claimed for {user_id}: {error}");
                None
            }
            Err(_too_late) => {
                log::warn!("the guest's cart was not claimed for {user_id} in time");
                None
            }
        }
    }
}
