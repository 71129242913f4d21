//! Plain HTTP/1.1 over a socket, so that nothing stands between an attack and the server.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status; 0 when there was none.
    pub status: u16,
    /// The head, as text.
    pub head: String,
    /// The body, still in chunks where it came in chunks.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends these bytes on a connection of their own, and reads until the server closes it.
///
/// # Errors
/// When there is no connection, or no answer in time.
pub fn ask(address: &str, request: &[u8]) -> io::Result<Answer> {
    let mut stream = connect(address)?;
    // The server may answer, and close, before it has read all.
    let written = stream.write_all(request);
    let mut all = Vec::new();
    match (stream.read_to_end(&mut all), written) {
        (Err(error), _) if all.is_empty() => return Err(error),
        (_, Err(error)) if all.is_empty() => return Err(error),
        _ => {}
    }
    Ok(parse(all))
}

/// `POST` with these headers beside length and end, and this body.
///
/// # Errors
/// As [`ask`].
pub fn post(address: &str, path: &str, headers: &[&str], body: &[u8]) -> io::Result<Answer> {
    ask(address, &request("POST", path, headers, body, "close"))
}

/// A connection that stays open.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn new(address: &str) -> io::Result<Self> {
        let stream = connect(address)?;
        let buffer = Vec::new();
        Ok(Self { stream, buffer })
    }

    /// Asks, and reads an answer that says its length; its status.
    ///
    /// # Errors
    /// When the connection breaks or the answer has no length.
    pub fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<u16> {
        let headers = ["content-type: application/json"];
        let request = request(method, path, &headers, body, "keep-alive");
        self.stream.write_all(&request)?;
        self.buffer.clear();
        let mut piece = [0; 16 << 10];
        loop {
            let read = self.stream.read(&mut piece)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.buffer.extend_from_slice(&piece[..read]);
            let Some(head) = end_of_head(&self.buffer) else {
                continue;
            };
            let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
            let length = text.split("content-length: ").nth(1);
            let length: usize = length
                .and_then(|rest| rest.split("\r\n").next()?.parse().ok())
                .ok_or(io::ErrorKind::InvalidData)?;
            if self.buffer.len() >= head + length {
                return Ok(status(&text));
            }
        }
    }
}

/// As `gzip -9` has it.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn request(method: &str, path: &str, headers: &[&str], body: &[u8], connection: &str) -> Vec<u8> {
    let length = body.len();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: {connection}\r\ncontent-length: {length}\r\n"
    )
    .into_bytes();
    for header in headers {
        request.extend_from_slice(header.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    request
}

fn parse(all: Vec<u8>) -> Answer {
    let at = end_of_head(&all).unwrap_or(all.len());
    let head = String::from_utf8_lossy(&all[..at]).into_owned();
    Answer {
        status: status(&head),
        body: all[at..].to_vec(),
        head,
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

fn status(head: &str) -> u16 {
    let code = head.split(' ').nth(1);
    code.and_then(|code| code.parse().ok()).unwrap_or(0)
}
