//! That no request leaves a report: the browser has a proxy for everything, and nobody asks it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::{Opened, chromium, documents};
use crate::html::html;
use crate::support::read;

/// Where the browser itself looks for the time, an account and new versions; no report names these hosts.
const OWN: [&str; 3] = [".google.com", ".googleapis.com", ".gvt1.com"];

/// What a proxy is asked for while a document is shown: the first line of each request that is not one of the browser's own.
fn requests(program: &Path, document: &str) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    let serving = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let mut asked = [0; 2048];
            let count = stream.read(&mut asked).unwrap_or_default();
            let line = String::from_utf8_lossy(&asked[..count]).lines().next().unwrap_or_default().to_owned();
            if line == "end" {
                return;
            }
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            sender.send(line).unwrap();
        }
    });
    let switches = [
        "--dump-dom".to_owned(),
        format!("--proxy-server={address}"),
        "--proxy-bypass-list=<-loopback>".to_owned(),
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1".to_owned(),
    ];
    Opened::new(document).browse(program, &switches);
    std::net::TcpStream::connect(address).unwrap().write_all(b"end\n").unwrap();
    serving.join().unwrap();
    receiver.into_iter().filter(|line| !OWN.iter().any(|host| line.contains(host))).collect()
}

#[test]
fn no_request_leaves_a_report() {
    let Some(program) = chromium() else { return };
    for (name, document) in documents() {
        assert!(!OWN.iter().any(|host| document.contains(host)), "{name}");
        assert_eq!(requests(&program, &document), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_request_would_be_seen() {
    let Some(program) = chromium() else { return };
    let document = html(&read("tests/golden/tls-untrusted.json"));
    // Without the policy, which would stop it.
    let open = document.replace("default-src 'none'", "default-src *");
    assert_ne!(open, document);
    let open = open.replace("</main>", "<img src='http://picture.example/x.png'></main>");
    let seen = requests(&program, &open);
    assert!(seen.iter().any(|line| line.contains("http://picture.example/x.png")), "{seen:?}");
}
