//! A Hub that breaks off where it is told to.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use model_files::sha256_hex;
use model_hub::HubOptions;

use super::model_bytes;
use super::published::options;

/// What a [`RawHub`] does with a file that it has announced.
#[derive(Debug, Clone)]
pub(crate) enum Gives {
    Whole(Vec<u8>),
    /// Whole, and announced as another commit's.
    OfAnother(Vec<u8>),
    /// Half of what was announced; then the connection ends.
    Half,
    /// A byte now and then, for ever.
    Drip,
    /// It is not even announced.
    Nothing,
}

/// A Hub that breaks off, from the first byte on by hand.
pub(crate) struct RawHub {
    pub(crate) address: String,
    state: Arc<Mutex<(char, BTreeMap<String, Gives>)>>,
}

impl RawHub {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(('0', BTreeMap::new())));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                // The other side may have gone.
                std::thread::spawn(move || Self::answer(&mut stream?, &shared));
            }
        });
        Self { address, state }
    }

    pub(crate) fn options(&self) -> HubOptions {
        options(&self.address, None)
    }

    /// From now on the newest commit has these files.
    pub(crate) fn gives(&self, commit: char, files: &[(&str, Gives)]) {
        let files = files
            .iter()
            .map(|(name, gives)| ((*name).to_owned(), gives.clone()));
        *self.state.lock().unwrap() = (commit, files.collect());
    }

    fn answer(
        stream: &mut TcpStream,
        state: &Mutex<(char, BTreeMap<String, Gives>)>,
    ) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let (method, path) = head.split_once(' ').unwrap();
        let path = path.split(' ').next().unwrap();
        let (commit, files) = state.lock().unwrap().clone();
        let Some(gives) = files.get(path.rsplit('/').next().unwrap()) else {
            return stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        };
        let announced = match gives {
            Gives::Whole(bytes) | Gives::OfAnother(bytes) => bytes.clone(),
            Gives::Half | Gives::Drip => b"never given whole".to_vec(),
            Gives::Nothing => return Ok(()),
        };
        let commit = match gives {
            Gives::OfAnother(_) => 'c',
            _ => commit,
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nX-Repo-Commit: {}\r\nX-Linked-Etag: \"{}\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            commit.to_string().repeat(40),
            sha256_hex(&announced),
            announced.len(),
        )?;
        match gives {
            _ if method == "HEAD" => Ok(()),
            Gives::Drip => loop {
                stream.write_all(b"n")?;
                std::thread::sleep(std::time::Duration::from_millis(300));
            },
            Gives::Half => stream.write_all(&announced[..8]),
            _ => stream.write_all(&announced),
        }
    }
}

/// Another model of the same length.
pub(crate) fn other_bytes() -> Vec<u8> {
    model_bytes().iter().map(|byte| !byte).collect()
}
