//! One end of a connection, byte by byte.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::within;

/// One end of a connection.
pub struct Wire {
    stream: TcpStream,
    /// Read and not yet asked for.
    buffer: Vec<u8>,
}

/// A message's head, and its body as the head delimits it.
#[derive(Debug, Clone)]
pub struct Message {
    pub first: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

// === impl Wire ===

impl Wire {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        within("to write", self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Writes if the other end still takes it.
    pub async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within("to write or fail", self.stream.write_all(bytes.as_ref())).await.is_ok()
    }

    async fn fill(&mut self) -> bool {
        let mut piece = vec![0; 64 * 1024];
        let read = within("something to read", self.stream.read(&mut piece)).await.unwrap_or(0);
        self.buffer.extend_from_slice(&piece[..read]);
        read > 0
    }

    /// What comes, up to and with `end`.
    pub async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = find(&self.buffer, end.as_bytes()) {
                let taken: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                return String::from_utf8(taken).unwrap();
            }
            if !self.fill().await {
                panic!("it ended before {end:?}; there was {:?}", String::from_utf8_lossy(&self.buffer));
            }
        }
    }

    pub async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill().await, "it ended after {} of {count} bytes", self.buffer.len());
        }
        self.buffer.drain(..count).collect()
    }

    /// What comes until the other side ends.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }

    /// Reads and throws away until the other side ends; how much it was.
    pub async fn count_rest(&mut self) -> usize {
        let mut count = self.buffer.len();
        let mut piece = vec![0; 256 * 1024];
        loop {
            match within("something to read", self.stream.read(&mut piece)).await {
                Ok(0) | Err(_) => return count,
                Ok(read) => count += read,
            }
        }
    }

    pub async fn head(&mut self) -> Message {
        let text = self.until("\r\n\r\n").await;
        let mut lines = text.trim_end().split("\r\n");
        let first = lines.next().unwrap().to_owned();
        let split = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Message { first, headers: lines.map(split).collect(), body: Vec::new() }
    }

    /// A request with its body.
    pub async fn request(&mut self) -> Message {
        let mut message = self.head().await;
        self.body(&mut message).await;
        message
    }

    /// A response with its body, to anything but HEAD.
    pub async fn response(&mut self) -> Message {
        let mut message = self.head().await;
        self.body(&mut message).await;
        message
    }

    async fn body(&mut self, message: &mut Message) {
        if let Some(length) = message.get("content-length") {
            if message.status() != 304 {
                message.body = self.exactly(length.parse().unwrap()).await;
            }
        } else if message.get("transfer-encoding") == Some("chunked") {
            message.body = self.chunks().await;
        }
    }

    /// A chunked body to its end.
    pub async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let piece = self.chunk().await;
            if piece.is_empty() {
                assert_eq!(self.until("\r\n").await, "\r\n", "no trailers are passed on");
                return body;
            }
            body.extend(piece);
        }
    }

    /// One chunk; empty for the last.
    pub async fn chunk(&mut self) -> Vec<u8> {
        let size = self.until("\r\n").await;
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let piece = self.exactly(size).await;
        if size > 0 {
            assert_eq!(self.until("\r\n").await, "\r\n");
        }
        piece
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

// === impl Message ===

impl Message {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// 0 for a request.
    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
