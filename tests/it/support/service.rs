//! `cosprobe serve` as a child, on a port of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use super::MOST;

/// A running service. Dropping it ends it.
pub(crate) struct Service {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it tells on standard error, line by line.
    lines: mpsc::Receiver<String>,
}

impl Service {
    /// Starts it with a configuration and further flags, and waits until it listens.
    pub(crate) fn start(configuration: &Path, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cosprobe"))
            .args(["serve", "--web.listen-address", "127.0.0.1:0", "--config.file"])
            .arg(configuration)
            .args(flags)
            .env_clear()
            .env("COSPROBE_METADATA", "never")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // The test may be over.
                let _ = sender.send(line);
            }
        });
        let mut service = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), lines };
        let told = service.wait_for("listening on ");
        let (_, address) = told.split_once("://").unwrap();
        service.address = address.parse().unwrap();
        service
    }

    /// The next line that holds some words.
    pub(crate) fn wait_for(&self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(MOST).unwrap_or_else(|error| panic!("no line with {words:?}: {error}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Head and body of what it answers to a request of this path over plain HTTP.
    pub(crate) fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(MOST)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        (head.to_owned(), body.to_owned())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A service that ended already cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
