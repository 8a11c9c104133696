//! A home in front of an application that is the test itself.

use std::net::SocketAddr;
use std::time::Duration;

use system_tests::client::Client;
use system_tests::server::{Server, ServerOptions};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{Message, Wire};

/// Nothing in a test waits longer, but for what is meant to be slow.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Where the application lies behind the home of [`Home::before`].
pub const PREFIX: &str = "/legacy";

/// A home with a `banyan.toml`.
pub struct Home {
    pub server: Server,
    /// Holds the configuration and the data.
    directory: TempDir,
}

/// Where a test is the upstream.
pub struct Upstream {
    listener: TcpListener,
}

/// An entry of `banyan.toml`.
pub fn prefix(path: &str, upstream: SocketAddr) -> String {
    format!("[[router.prefixes]]\npath = \"{path}\"\nupstream = [\"http://{upstream}\"]\n")
}

/// What `future` gives, if it does soon.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_elapsed) => panic!("waited in vain: {what}"),
    }
}

// === impl Home ===

impl Home {
    /// A home that sends everything below [`PREFIX`] to `upstream`.
    pub fn before(upstream: &Upstream) -> Self {
        Self::with(&prefix(PREFIX, upstream.address()))
    }

    /// A home with this `banyan.toml`.
    pub fn with(toml: &str) -> Self {
        let directory = TempDir::with_prefix("banyan-proxy-").expect("a temporary directory can be made");
        let server = Self::start(toml, directory.path());
        Self { server, directory }
    }

    /// The same shop with another `banyan.toml`.
    pub fn restart_with(&mut self, toml: &str) {
        assert!(self.server.terminate().success(), "it stops in order");
        self.server = Self::start(toml, self.directory.path());
    }

    fn start(toml: &str, directory: &std::path::Path) -> Server {
        std::fs::write(directory.join("banyan.toml"), toml).expect("the configuration can be written");
        Server::start_with(ServerOptions::default().data_dir(directory).seed())
    }

    pub fn client(&self) -> Client {
        self.server.client()
    }

    pub async fn connect(&self) -> Wire {
        let address = self.server.base_url().trim_start_matches("http://");
        Wire::new(within("a connection to home", TcpStream::connect(address)).await.expect("a connection"))
    }

    /// Sends bytes on a connection of its own.
    pub async fn send(&self, bytes: &str) -> Wire {
        let mut wire = self.connect().await;
        wire.write(bytes).await;
        wire
    }
}

// === impl Upstream ===

impl Upstream {
    pub async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port") }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// The next connection.
    pub async fn accept(&self) -> Wire {
        let accepted = within("a connection to the upstream", self.listener.accept()).await;
        Wire::new(accepted.expect("a connection").0)
    }

    /// The next connection and the request on it.
    pub async fn request(&self) -> (Wire, Message) {
        let mut wire = self.accept().await;
        let message = wire.message().await;
        (wire, message)
    }

    /// Asserts that nobody has connected. Whoever asks has seen home answer before, so a connection would be here by now.
    pub async fn assert_untouched(&self, what: &str) {
        let brief = Duration::from_millis(20);
        let accepted = tokio::time::timeout(brief, self.listener.accept()).await;
        assert!(accepted.is_err(), "something was passed on: {what}");
    }
}
