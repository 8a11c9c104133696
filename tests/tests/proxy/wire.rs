//! One end of a connection, byte by byte.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::kit::within;

/// One end of a connection.
pub struct Wire {
    stream: BufReader<TcpStream>,
}

/// A message: its head, and its body as the head delimits it.
#[derive(Debug)]
pub struct Message {
    /// The request or status line.
    pub first: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

// === impl Wire ===

impl Wire {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream: BufReader::with_capacity(256 * 1024, stream) }
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(self.try_write(bytes).await, "the other side is gone");
    }

    /// Whether the other side still took it.
    pub async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within("to write or fail", self.stream.write_all(bytes.as_ref())).await.is_ok()
    }

    /// One line with its end; empty when the other side has ended.
    pub async fn line(&mut self) -> String {
        let mut line = Vec::new();
        let read = within("a line", self.stream.read_until(b'\n', &mut line)).await;
        match read {
            Ok(_) => String::from_utf8(line).expect("text"),
            Err(_reset) => String::new(),
        }
    }

    pub async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        within("so many bytes", self.stream.read_exact(&mut bytes)).await.expect("so many bytes");
        bytes
    }

    /// Reads so many bytes and throws them away; how many came.
    pub async fn discard(&mut self, count: u64) -> u64 {
        let mut left = count;
        while left > 0 {
            let have = match within("more bytes", self.stream.fill_buf()).await {
                Ok(have) if !have.is_empty() => have.len(),
                _ => break,
            };
            let taken = have.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.stream.consume(taken);
            left -= u64::try_from(taken).expect("a count");
        }
        count - left
    }

    /// Whether something has come that was not read, or the other side has ended.
    pub async fn has_said_something(&mut self) -> bool {
        let moment = std::time::Duration::from_millis(1);
        tokio::time::timeout(moment, self.stream.fill_buf()).await.is_ok()
    }

    /// What comes until the other side ends, in whichever way.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end as well; what came before it counts.
        let _ended = within("the end", self.stream.read_to_end(&mut rest)).await;
        rest
    }

    pub async fn head(&mut self) -> Message {
        let first = self.line().await;
        assert!(!first.is_empty(), "it ended where a message was to begin");
        let mut message =
            Message { first: first.trim_end().to_owned(), headers: Vec::new(), body: Vec::new() };
        loop {
            let line = self.line().await;
            if line == "\r\n" {
                return message;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
            message.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// A request, or the response to anything but HEAD.
    pub async fn message(&mut self) -> Message {
        let mut message = self.head().await;
        if let Some(length) = message.get("content-length") {
            message.body = self.exactly(length.parse().expect("a length")).await;
        } else if message.get("transfer-encoding") == Some("chunked") {
            loop {
                let piece = self.chunk().await;
                if piece.is_empty() {
                    break;
                }
                message.body.extend(piece);
            }
        }
        message
    }

    /// One chunk; empty for the last, behind which no trailer may come.
    pub async fn chunk(&mut self) -> Vec<u8> {
        let size = self.line().await;
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or_else(|_| panic!("no chunk: {size:?}"));
        let piece = self.exactly(size).await;
        assert_eq!(self.line().await, "\r\n", "no trailers are passed on");
        piece
    }
}

// === impl Message ===

impl Message {
    /// The first value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    pub fn status(&self) -> u16 {
        let status = self.first.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status: {:?}", self.first))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// `error.code` of the body.
    pub fn error_code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).expect("an error's body is JSON");
        body["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {body}")).to_owned()
    }
}
