//! Whether both servers give the same answers. A comparison of different work would be none.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::cases::{Case, Script, purchase, text_field};
use crate::http::{Connection, request};
use crate::prepare::Stock;

/// Checks every request of the reading cases, and the shape of what a login and a purchase give. Gives header lines with an access
/// token for each buyer, of Banyan and of the bare server.
pub(crate) async fn check(
    stock: &Stock,
    banyan: SocketAddr,
    bare: SocketAddr,
) -> anyhow::Result<[Vec<String>; 2]> {
    let (mut one, mut other) = (Connection::open(banyan).await?, Connection::open(bare).await?);
    for case in [Case::GetProduct, Case::ListProducts, Case::Search] {
        let scripts = case.scripts(stock, &[]);
        let Some(Script::Requests { all, .. }) = scripts.first() else { continue };
        for request in all.iter() {
            let left = read(&mut one, request).await.context("banyan")?;
            let right = read(&mut other, request).await.context("the bare server")?;
            let line = String::from_utf8_lossy(request.get(..60).unwrap_or(request)).into_owned();
            ensure!(left == right, "not the same answer to {line:?}:\n{left}\n{right}");
        }
    }
    let mut logins = [Vec::new(), Vec::new()];
    for (connection, logins) in [&mut one, &mut other].into_iter().zip(&mut logins) {
        for buyer in &stock.buyers {
            logins.push(log_in(connection, &buyer.email, &buyer.password).await?.1);
        }
    }
    let buyer = stock.buyers.first().context("nobody buys")?;
    let left = log_in(&mut one, &buyer.email, &buyer.password).await?;
    let right = log_in(&mut other, &buyer.email, &buyer.password).await?;
    ensure!(shape(&left.0) == shape(&right.0), "logins differ:\n{}\n{}", left.0, right.0);
    let left: Value = serde_json::from_slice(&purchase(&mut one, &left.1, &stock.variant).await?)?;
    let right: Value = serde_json::from_slice(&purchase(&mut other, &right.1, &stock.variant).await?)?;
    ensure!(shape(&left) == shape(&right), "orders differ:\n{left}\n{right}");
    Ok(logins)
}

async fn read(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Value> {
    let response = connection.exchange(request).await?.expect(200)?;
    let mut body: Value = serde_json::from_slice(response.body)?;
    // The bare server does not sign its cursors.
    if let Some(cursor) = body.pointer_mut("/page/next_cursor")
        && cursor.is_string()
    {
        *cursor = Value::from("there is more");
    }
    Ok(body)
}

/// Logs somebody in. Gives the answer, and a header line with the access token.
pub(crate) async fn log_in(
    connection: &mut Connection,
    email: &str,
    password: &str,
) -> anyhow::Result<(Value, String)> {
    let body = serde_json::json!({"email": email, "password": password}).to_string();
    let response = connection.exchange(&request("POST", "/api/v1/auth/login", "", &body)).await?;
    let response = response.expect(200)?;
    let token = text_field(response.body, "access_token").context("no access token")?;
    let header = format!("authorization: Bearer {token}\r\n");
    Ok((serde_json::from_slice(response.body)?, header))
}

/// The same document with only the kinds of its values left.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::String(_) => Value::from("text"),
        Value::Number(_) => Value::from("number"),
        Value::Bool(_) => Value::from("flag"),
        Value::Null => Value::Null,
    }
}
