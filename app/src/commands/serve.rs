//! `banyan serve`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, middleware, web};
use handover::Control;
use kernel::auth::Verifier;
use tokio::signal::unix::{Signal, SignalKind, signal};
use utoipa_actix_web::AppExt as _;
use utoipa_swagger_ui::SwaggerUi;

use crate::bff::Bff;
use crate::cli::Common;
use crate::cluster::{Cluster, Role};
use crate::config::{self, Config};
use crate::exit::{Failure, say};
use crate::gateway::{self, Limits, Metrics, Ready, Routes};
use crate::home::OnlyHome;
use crate::host::{CUSTOMER, Host, ModuleName, OPERATOR, Places};
use crate::{logging, openapi};

/// How often observations are folded into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Runs the shop, or some of its modules, until it is told to stop.
pub(super) fn run(common: &Common, listen: Option<String>, role: Role) -> Result<(), Failure> {
    let mut config = config::load(common.config.as_deref())?;
    if let Some(listen) = listen {
        config.server.listen = listen;
    }
    logging::install(&config.log);
    if let Some(point) = config.testing.fail_at.as_ref().filter(|point| !point.is_empty()) {
        kernel::faults::arm_failure(point);
    }
    if let Some(point) = config.testing.halt_at.as_ref().filter(|point| !point.is_empty()) {
        kernel::faults::arm(point);
    }
    let metrics = Metrics::install()?;
    let runtime = super::runtime()?;
    // Held until the process ends.
    let _only = match role {
        Role::Home => Some(OnlyHome::over(&config.data.directory)?),
        Role::Node { .. } => None,
    };
    let control = match role {
        Role::Home => Some(Control::open(&config.control_store())?),
        Role::Node { .. } => None,
    };
    let places = match &control {
        Some(control) => Places::Home(runtime.block_on(control.placements()).map_err(anyhow::Error::from)?),
        None => Places::Later,
    };
    let away = places.away();
    let host = Host::open_only(&config, role.modules(), &places)?;
    let served = runtime.block_on(serve(&config, &host, metrics, (role, control, away)));
    if served.is_err() {
        host.close();
    }
    served
}

async fn serve(
    config: &Config,
    host: &Host,
    metrics: Metrics,
    (role, control, away): (Role, Option<Control>, Vec<ModuleName>),
) -> Result<(), Failure> {
    let home = control.is_some();
    // A store that has moved or is changing hands was seeded long ago, and may be sealed.
    if home && config.wants_sample_data() && away.is_empty() {
        host.seed(None).await?;
    }
    let verifier = Arc::new(host.verifier());
    let cluster = Cluster::open(config, host, (role, control), Arc::clone(&verifier))?;
    // A switch that was cut off goes on, or back, with requests waiting as they did.
    cluster.park(&away);
    let ready = web::Data::new(Ready::default());
    let (server, address) = listen(config, host, &metrics, &ready, &cluster, verifier)?;
    let own_url = format!("http://{address}");
    let playing = cluster.start(config, host, own_url, server.handle())?;
    let upkeep = tokio::spawn(async move {
        let mut tick = tokio::time::interval(UPKEEP);
        loop {
            tick.tick().await;
            metrics.upkeep();
        }
    });
    let signals = Signals::listen()?;
    ready.set(true);
    let stopper = tokio::spawn(stop_on_signal(signals, server.handle(), ready));
    greet(config, address, home);
    let ended = server.await;
    stopper.abort();
    upkeep.abort();
    playing.stop().await;
    host.stop(config.server.shutdown()).await;
    log::info!("stopped");
    Ok(ended.map_err(anyhow::Error::from)?)
}

/// Builds the server and takes the address.
fn listen(
    config: &Config,
    host: &Host,
    metrics: &Metrics,
    ready: &web::Data<Ready>,
    cluster: &Cluster,
    verifier: Arc<Verifier>,
) -> Result<(actix_web::dev::Server, SocketAddr), Failure> {
    let home = cluster.is_home();
    let document = openapi::document(host, home);
    let routes = web::Data::new(Routes::of(&document));
    let document = web::Bytes::from(document.to_json().map_err(anyhow::Error::from)?);
    let (verifier, cluster) = (web::Data::from(verifier), cluster.clone());
    let limits = web::Data::new(Limits { request: config.server.request() });
    let (metrics, hosted) = (web::Data::new(metrics.clone()), web::Data::new(host.clone()));
    let (ready, body) = (ready.clone(), config.server.body());
    let bff = Bff::new(host.handles());
    let server = HttpServer::new(move || {
        let document = document.clone();
        let (app, _) = App::new()
            .into_utoipa_app()
            .openapi(openapi::base())
            .configure(|config| openapi::routes(config, &hosted, home))
            .split_for_parts();
        app.app_data(routes.clone())
            .app_data(verifier.clone())
            .app_data(limits.clone())
            .app_data(metrics.clone())
            .app_data(hosted.clone())
            .app_data(ready.clone())
            .app_data(bff.clone())
            .app_data(web::PayloadConfig::new(body))
            .configure(|config| cluster.routes(config))
            .route("/openapi.json", web::get().to(move || send_document(document.clone())))
            .route("/docs", web::get().to(|| see("/docs/")))
            .route("/", web::get().to(|| see("/docs/")))
            .service(SwaggerUi::new("/docs/{_:.*}").config(utoipa_swagger_ui::Config::from("/openapi.json")))
            .default_service(web::to(gateway::not_found))
            .wrap(middleware::from_fn(gateway::pass))
    })
    .workers(config.server.threads())
    .keep_alive(Duration::from_secs(config.server.keep_alive_seconds.into()))
    .client_request_timeout(Duration::from_secs(5))
    .shutdown_timeout(config.server.shutdown().as_secs())
    .disable_signals()
    .bind(&config.server.listen)
    .map_err(|error| Failure::Listen { address: config.server.listen.clone(), reason: explain(&error) })?;
    let address = server.addrs().first().copied().ok_or_else(|| Failure::Listen {
        address: config.server.listen.clone(),
        reason: "no address".to_owned(),
    })?;
    Ok((server.run(), address))
}

async fn send_document(document: web::Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document)
}

async fn see(path: &'static str) -> HttpResponse {
    HttpResponse::Found().insert_header(("location", path)).finish()
}

fn explain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("{error}. Another program listens there; choose another with --listen ADDR")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("{error}. Ports below 1024 need a privilege; choose another with --listen ADDR")
        }
        _ => error.to_string(),
    }
}

/// The signals that end the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they no longer end it at once.
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(anyhow::Error::from);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The first signal lets running requests end, a second one does not.
async fn stop_on_signal(mut signals: Signals, server: ServerHandle, ready: web::Data<Ready>) {
    signals.next().await;
    log::info!("stopping: running requests may end");
    ready.set(false);
    let stopping = tokio::spawn(server.stop(true));
    signals.next().await;
    log::warn!("stopping at once");
    stopping.abort();
    server.stop(false).await;
}

/// Tells where to look, all at once: who waits for the first line may rely on the others.
fn greet(config: &Config, address: SocketAddr, home: bool) {
    if !home {
        return say(&format!("Banyan node is listening on http://{address}"));
    }
    let mut lines = vec![
        format!("Banyan is listening on http://{address}"),
        format!("  try the API    http://{address}/docs/"),
        format!("  browse         curl http://{address}/api/v1/products"),
        format!("  data           {}", config.data.directory.display()),
    ];
    if config.wants_sample_data() {
        lines.push(format!("  demo customer  {} / {}", CUSTOMER.email, CUSTOMER.password));
        lines.push(format!("  demo operator  {} / {}", OPERATOR.email, OPERATOR.password));
        lines.push("  stop with Ctrl-C".to_owned());
    }
    say(&lines.join("\n"));
}
