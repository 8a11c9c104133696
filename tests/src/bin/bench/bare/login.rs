//! `POST /api/v1/auth/login`.
//!
//! One statement, the account by its address; argon2id with the parameters of the stored hash; one transaction of three: the
//! login, its refresh token, the roles. The user module reads the account a second time inside the transaction, in case
//! that it was changed while the password was verified; written without care nobody would.

use actix_web::{HttpResponse, web};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier as _, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use kernel::{SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::schema::user::{refresh_tokens, sessions, user_roles, users};
use super::{Answer, Failure, Shop, other, token, with};

const MICROS_OF_A_DAY: i64 = 86_400_000_000;

#[derive(Deserialize)]
pub(super) struct Login {
    email: String,
    password: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
#[expect(dead_code, reason = "the module reads every column, so they are read here, too")]
struct UserRow {
    id: String,
    email: String,
    email_key: String,
    name: String,
    name_key: String,
    password_hash: String,
    disabled: bool,
    version: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
    user: User,
}

#[derive(Serialize)]
struct User {
    id: String,
    email: String,
    name: String,
    roles: Vec<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

pub(super) async fn login(shop: web::Data<Shop>, body: web::Json<Login>) -> Answer {
    let Login { email, password } = body.into_inner();
    let row: UserRow = with(&shop.user, move |conn| {
        let account = users::table.filter(users::email_key.eq(email.to_lowercase()));
        Ok(account.select(UserRow::as_select()).first(conn)?)
    })
    .await?;
    let hash = row.password_hash.clone();
    if !web::block(move || verify(&hash, &password)).await?? {
        return Ok(HttpResponse::Unauthorized().finish());
    }
    let (now, session_id) = (Timestamp::now(), SessionId::new().to_string());
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(other)?;
    let refresh_token = URL_SAFE_NO_PAD.encode(random);
    let digest: String = Sha256::digest(&refresh_token).iter().map(|byte| format!("{byte:02x}")).collect();
    let (id, session) = (row.id.clone(), session_id.clone());
    let roles = with(&shop.user, move |conn| begin_session(conn, &id, &session, &digest, now)).await?;
    let access_token = shop.keys.sign(&row.id, &session_id, &roles, now)?;
    Ok(HttpResponse::Ok().json(Tokens {
        access_token,
        token_type: "Bearer",
        expires_in: token::LIFE,
        refresh_token,
        user: User {
            id: row.id,
            email: row.email,
            name: row.name,
            roles,
            created_at: row.created_at,
            updated_at: row.updated_at,
        },
    }))
}

fn verify(hash: &str, password: &str) -> Result<bool, Failure> {
    let hash = PasswordHash::new(hash).map_err(other)?;
    let params = Params::try_from(&hash).map_err(other)?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(hasher.verify_password(password.as_bytes(), &hash).is_ok())
}

fn begin_session(
    conn: &mut SqliteConnection,
    user_id: &str,
    session_id: &str,
    digest: &str,
    now: Timestamp,
) -> Result<Vec<String>, Failure> {
    conn.immediate_transaction(|conn| {
        let session = (
            sessions::id.eq(session_id),
            sessions::user_id.eq(user_id),
            sessions::user_agent.eq(None::<String>),
            sessions::created_at.eq(now),
            sessions::last_used_at.eq(now),
            sessions::expires_at.eq(now.micros() + 30 * MICROS_OF_A_DAY),
            sessions::ends_at.eq(now.micros() + 90 * MICROS_OF_A_DAY),
            sessions::ended_at.eq(None::<i64>),
        );
        diesel::insert_into(sessions::table).values(session).execute(conn)?;
        let token = (
            refresh_tokens::digest.eq(digest),
            refresh_tokens::session_id.eq(session_id),
            refresh_tokens::created_at.eq(now),
            refresh_tokens::used_at.eq(None::<i64>),
        );
        diesel::insert_into(refresh_tokens::table).values(token).execute(conn)?;
        let roles = user_roles::table.filter(user_roles::user_id.eq(user_id));
        Ok(roles.select(user_roles::role).load(conn)?)
    })
}
