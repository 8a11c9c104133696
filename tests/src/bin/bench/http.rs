//! One keep-alive HTTP/1.1 connection, as little of it as a load generator needs: whole requests are written as they are, and
//! responses must have a `content-length`.

use std::io::ErrorKind;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;

/// Largest response: head and body.
const LARGEST: usize = 1 << 20;

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response.
pub(crate) struct Response<'a> {
    /// HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
}

/// What the head says of the whole.
struct Head {
    status: u16,
    body_at: usize,
    end: usize,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; LARGEST] })
    }

    /// Sends a request and reads its response to the end.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Response<'_>> {
        self.send(request).await?;
        let mut filled = 0;
        let head = loop {
            let free = self.buffer.get_mut(filled..).filter(|free| !free.is_empty());
            let free = free.context("the response is too large")?;
            match self.stream.try_read(free) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stream.readable().await?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            let head = Head::parse(self.buffer.get(..filled).unwrap_or_default())?;
            if let Some(head) = head.filter(|head| head.end <= filled) {
                break head;
            }
        };
        let body = self.buffer.get(head.body_at..head.end).context("the response is too large")?;
        Ok(Response { status: head.status, body })
    }

    async fn send(&self, mut request: &[u8]) -> anyhow::Result<()> {
        while !request.is_empty() {
            match self.stream.try_write(request) {
                Ok(written) => request = request.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Response<'_> {
    /// The response, if it has this status.
    pub(crate) fn expect(self, status: u16) -> anyhow::Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        bail!("status {} instead of {status}: {}", self.status, String::from_utf8_lossy(self.body))
    }
}

impl Head {
    /// Reads the head; `None` while it is not complete.
    fn parse(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?;
        let length = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map(|(_, value)| value.trim().parse::<usize>());
        let body_at = end + 4;
        let end = body_at + length.context("a response without content-length")??;
        Ok(Some(Self { status: status.parse()?, body_at, end }))
    }
}

/// The bytes of a request. `headers` are whole lines, each with its line end.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let body_headers = if body.is_empty() {
        String::new()
    } else {
        format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
    };
    format!("{method} {path} HTTP/1.1\r\nhost: bench\r\naccept: */*\r\n{headers}{body_headers}\r\n{body}")
        .into_bytes()
}
