//! A server that forwards everything, and both ends of raw connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use router::table::{BaseUrl, Instance, Percent, Placement, Prefix};
use router::{Client, Decision, ProxyError, Router, Settings, Table};
use tokio::net::{TcpListener, TcpStream};

mod wire;

pub use wire::{Message, Wire};

/// Nothing in a test waits longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The module that everything belongs to that no prefix takes.
pub const MODULE: &str = "module";

/// The server under test.
pub struct Home {
    pub router: Arc<Router>,
    address: SocketAddr,
    handle: ServerHandle,
}

struct State {
    router: Arc<Router>,
    deadline: Duration,
}

/// Where a test is the upstream.
pub struct Upstream {
    listener: TcpListener,
}

pub fn settings() -> Settings {
    Settings::default()
}

/// A table with every client at these addresses, at epoch 7.
pub fn out(generation: u64, addresses: &[SocketAddr]) -> Table {
    let instance = |(n, address): (usize, &SocketAddr)| Instance { id: format!("i{n}"), url: url(*address) };
    let instances = addresses.iter().enumerate().map(instance).collect();
    let placement = Placement { epoch: 7, weight: Percent::ALL, instances, ..Placement::default() };
    Table { generation, modules: [(MODULE.to_owned(), placement)].into(), ..Table::default() }
}

pub fn prefix(path: &str, address: SocketAddr) -> Prefix {
    Prefix {
        path: path.to_owned(),
        upstream: vec![url(address)],
        local: false,
        strip: false,
        preserve_host: true,
        health: None,
    }
}

pub fn url(address: SocketAddr) -> BaseUrl {
    format!("http://{address}").parse().unwrap()
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

// === impl Home ===

impl Home {
    /// A home that sends everything to `upstream`.
    pub async fn of(upstream: &Upstream) -> Self {
        Self::with(settings(), out(1, &[upstream.address()])).await
    }

    pub async fn with(settings: Settings, table: Table) -> Self {
        Self::patient(settings, table, PATIENCE).await
    }

    /// One whose requests have this long.
    pub async fn patient(settings: Settings, table: Table, deadline: Duration) -> Self {
        let router = Arc::new(Router::new(settings, &[MODULE]));
        router.install(table).unwrap();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let served = Arc::clone(&router);
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let state = web::Data::new(State { router: served, deadline });
                let server = HttpServer::new(move || {
                    App::new().app_data(state.clone()).default_service(web::to(forward))
                })
                .workers(1)
                .disable_signals()
                .bind("127.0.0.1:0")
                .unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                sender.send((address, server.handle())).ok().unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = within("the server", receiver).await.unwrap();
        Self { router, address, handle }
    }

    pub async fn connect(&self) -> Wire {
        Wire::new(within("a connection to home", TcpStream::connect(self.address)).await.unwrap())
    }

    /// Sends one request on a connection of its own.
    pub async fn send(&self, request: &str) -> Wire {
        let mut wire = self.connect().await;
        wire.write(request).await;
        wire
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn forward(request: HttpRequest, payload: web::Payload, state: web::Data<State>) -> HttpResponse {
    let deadline = Instant::now() + state.deadline;
    match answer(&request, payload, &state.router, deadline).await {
        Ok(response) => response,
        Err(error) => {
            let status = actix_web::http::StatusCode::from_u16(error.status()).unwrap();
            let mut response = HttpResponse::build(status);
            if let Some(after) = error.retry_after() {
                response.insert_header(("retry-after", after.as_secs().to_string()));
            }
            let blame = format!("{:?}/{:?}", error.who(), error.executed());
            response.insert_header(("x-blame", blame)).body(error.to_string())
        }
    }
}

async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    router: &Router,
    deadline: Instant,
) -> Result<HttpResponse, ProxyError> {
    let extra = [(http::HeaderName::from_static("x-request-id"), "r-1")];
    if let Some(remote) = router.prefix(request.path()) {
        return router.forward(remote, request, payload, &extra, deadline).await;
    }
    let address = request.peer_addr().map(|peer| peer.ip());
    let client =
        Client { headers: request.headers(), address, session_cookie: "session", may_override: true };
    match router.decide(MODULE, &client, deadline).await? {
        Decision::Local(_permit) => Ok(HttpResponse::Ok().body("local")),
        Decision::Remote(remote) => router.forward(remote, request, payload, &extra, deadline).await,
    }
}

// === impl Upstream ===

impl Upstream {
    pub async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub fn of(listener: std::net::TcpListener) -> Self {
        listener.set_nonblocking(true).unwrap();
        Self { listener: TcpListener::from_std(listener).unwrap() }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The next connection.
    pub async fn accept(&self) -> Wire {
        let (stream, _) = within("a connection to the upstream", self.listener.accept()).await.unwrap();
        Wire::new(stream)
    }

    /// The next connection and the request on it.
    pub async fn request(&self) -> (Wire, Message) {
        let mut wire = self.accept().await;
        let message = wire.request().await;
        (wire, message)
    }

    /// A connection, if there is one by now.
    pub async fn accepted(&self) -> Option<Wire> {
        let accepted = tokio::time::timeout(Duration::from_millis(50), self.listener.accept()).await.ok()?;
        Some(Wire::new(accepted.unwrap().0))
    }

    /// Whether nobody has connected since.
    pub async fn is_untouched(&self) -> bool {
        self.accepted().await.is_none()
    }
}
