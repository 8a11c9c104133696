//! The proxies that are compared, each with one worker, connections kept open on both sides, and no line for each request.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::machine::Pinning;
use crate::server::Server;

/// A proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proxy {
    /// Banyan's router.
    Banyan,
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
}

impl Proxy {
    /// In the order of the report.
    pub(crate) const ALL: [Self; 3] = [Self::Banyan, Self::Nginx, Self::Haproxy];

    /// Its name in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Banyan => "Banyan",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
        }
    }

    /// How it is installed, for one that is missing.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Banyan => "banyan",
            Self::Nginx => "nginx-light",
            Self::Haproxy => "haproxy",
        }
    }

    /// What it says of its version; `None` when it is not installed.
    pub(crate) fn version(self) -> anyhow::Result<Option<String>> {
        let (program, argument) = match self {
            Self::Banyan => (system_tests::binary::banyan().as_os_str(), "--version"),
            Self::Nginx => ("nginx".as_ref(), "-v"),
            Self::Haproxy => ("haproxy".as_ref(), "-v"),
        };
        let said = match Command::new(program).arg(argument).stdin(Stdio::null()).output() {
            Ok(said) => said,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // nginx says it on standard error.
        let text =
            format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        let is_version = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
        let word = text.split([' ', '/', '\n']).find(is_version).unwrap_or("of unknown version");
        Ok(Some(word.split('-').next().unwrap_or(word).to_owned()))
    }

    /// Starts it with its files in `directory`, which exists, in front of `upstream`.
    pub(crate) async fn start(
        self,
        directory: &Path,
        upstream: SocketAddr,
        pinning: Pinning,
    ) -> anyhow::Result<Server> {
        let started = match self {
            Self::Banyan => {
                std::fs::write(directory.join("banyan.toml"), banyan(upstream))?;
                Server::banyan(system_tests::binary::banyan(), directory, pinning, &[]).await
            }
            Self::Nginx => {
                let address = free_address()?;
                let file = directory.join("nginx.conf");
                std::fs::write(&file, nginx(directory, address, upstream))?;
                let mut command = pinning.server("nginx".as_ref());
                command
                    .arg("-e")
                    .arg(directory.join("error.log"))
                    .arg("-p")
                    .arg(directory)
                    .arg("-c")
                    .arg(file);
                Server::silent(command, address).await
            }
            Self::Haproxy => {
                let address = free_address()?;
                let file = directory.join("haproxy.cfg");
                std::fs::write(&file, haproxy(address, upstream))?;
                let mut command = pinning.server("haproxy".as_ref());
                command.args(["-q", "-db", "-f"]).arg(file);
                Server::silent(command, address).await
            }
        };
        started.with_context(|| self.name())
    }
}

/// An address that nobody listens on: neither nginx nor HAProxy can be asked which one the system gave it.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn banyan(upstream: SocketAddr) -> String {
    format!(
        "[server]\nworkers = 1\n\n[log]\nlevel = \"warn\"\n\n[[router.prefixes]]\npath = \"/bench\"\nupstream = [\"http://{upstream}\"]\n"
    )
}

/// It passes the client's address on, as Banyan does. Without `keepalive_requests` it would close a connection after a thousand.
fn nginx(directory: &Path, listen: SocketAddr, upstream: SocketAddr) -> String {
    let directory = directory.display();
    format!(
        "daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/client;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream bench {{
        server {upstream};
        keepalive 64;
        keepalive_requests 1000000000;
        keepalive_timeout 75s;
    }}
    server {{
        listen {listen};
        location / {{
            proxy_pass http://bench;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"
    )
}

/// As nginx. Without a `log` line it writes nothing.
fn haproxy(listen: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "global
    nbthread 1
    maxconn 1024
defaults
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 75s
    timeout http-keep-alive 75s
    option http-keep-alive
    option forwardfor
    http-reuse always
frontend bench
    bind {listen}
    http-request set-header X-Forwarded-Proto http
    default_backend upstream
backend upstream
    server upstream {upstream}
"
    )
}
