//! What the proxies lead to: a server that does next to nothing.

use std::io::Write as _;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;

/// The body of every answer: as long as a small JSON document.
const BODY: &str = r#"{"id":"prd_01jc4v8w4v7f1r5q1n7c2m9x3k","slug":"amber-desk-lamp","name":"Amber desk lamp","description":"Warm light for long evenings, with a switch that does not click.","price":{"amount":4900,"currency":"EUR"},"in_stock":true,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}"#;
/// Longer than any part of the bench lasts: connections that the proxies keep must stay open.
const KEEP_ALIVE: Duration = Duration::from_secs(3600);

/// Serves until the process is ended.
pub(crate) async fn serve(listen: &str) -> anyhow::Result<()> {
    let answer = || async { HttpResponse::Ok().content_type("application/json").body(BODY) };
    let server = HttpServer::new(move || App::new().default_service(web::to(answer)))
        .workers(1)
        .keep_alive(KEEP_ALIVE)
        .bind(listen)
        .with_context(|| format!("cannot listen on {listen}"))?;
    let address = server.addrs().first().copied().context("no address")?;
    writeln!(std::io::stdout(), "the upstream is listening on http://{address}")?;
    server.run().await?;
    Ok(())
}
