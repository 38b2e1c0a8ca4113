//! Servers on loopback that play the metadata service and STS, and keep what they were asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread;

use hmac::{Hmac, KeyInit, Mac};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What a double was sent.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    /// With names in lower case.
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What a double does.
pub(super) enum Reply {
    /// Status, type of the content, and the content.
    Answer(u16, &'static str, String),
    /// Nothing, with the connection kept open.
    Silence,
}

/// A server that lasts as long as the test.
pub(super) struct Double {
    pub(super) url: String,
    asked: mpsc::Receiver<Asked>,
}

impl Double {
    pub(super) fn start(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, reply)
    }

    /// The same over TLS, with the PEM text of the certificate that it shows.
    pub(super) fn start_tls(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Self, String) {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).unwrap();
        (Self::listen(Some(Arc::new(config)), reply), own.cert.pem())
    }

    fn listen(tls: Option<Arc<ServerConfig>>, reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/", listener.local_addr().unwrap());
        let (sender, asked) = mpsc::channel();
        let reply = Arc::new(reply);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, sender, reply) = (connection.unwrap(), sender.clone(), Arc::clone(&reply));
                let tls = tls.clone().map(|config| ServerConnection::new(config).unwrap());
                thread::spawn(move || match tls {
                    Some(tls) => serve(StreamOwned::new(tls, connection), &sender, &*reply),
                    None => serve(connection, &sender, &*reply),
                });
            }
        });
        Self { url, asked }
    }

    /// What was asked until now.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.try_iter().collect()
    }
}

fn serve(connection: impl Read + Write, sender: &mpsc::Sender<Asked>, reply: &dyn Fn(&Asked) -> Reply) {
    let mut reader = BufReader::new(connection);
    let mut lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let Some(first) = lines.next() else { return };
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, n)| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let asked = Asked { method, path, headers, body: String::from_utf8(body).unwrap() };
    let (reply, mut connection) = (reply(&asked), reader.into_inner());
    sender.send(asked).unwrap();
    match reply {
        Reply::Answer(status, kind, body) => {
            let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
            // A client that has read enough is gone.
            let _ = connection.write_all((head + &body).as_bytes()).and_then(|()| connection.flush());
        }
        // Until the client gives up.
        Reply::Silence => {
            let _ = connection.read(&mut [0]);
        }
    }
}

/// A JSON answer.
pub(super) fn answer(body: &Value) -> Reply {
    Reply::Answer(200, "application/json", body.to_string())
}

/// What STS answers when it gives a key.
pub(super) fn sts_answer(id: &str, key: &str, token: &str, end: i64) -> Value {
    json!({ "Response": {
        "Credentials": { "Token": token, "TmpSecretId": id, "TmpSecretKey": key },
        "ExpiredTime": end,
        "Expiration": "2099-01-01T00:00:00Z",
        "RequestId": "r-1",
    }})
}

/// What STS answers when it refuses.
pub(super) fn sts_refusal(code: &str, message: &str) -> Value {
    json!({ "Response": { "Error": { "Code": code, "Message": message }, "RequestId": "r-2" } })
}

/// Whether a request to STS is signed by a key, computed step by step as the documentation of Tencent's API has it.
pub(super) fn is_signed_by(asked: &Asked, secret_id: &str, secret_key: &str) -> bool {
    let (host, content_type) = (asked.header("host"), asked.header("content-type"));
    let signed_headers = format!("content-type:{content_type}\nhost:{host}\n");
    let hashed_body = hex::encode(Sha256::digest(&asked.body));
    let parts = [&asked.method, &asked.path, "", &signed_headers, "content-type;host", &hashed_body];
    let canonical_request = parts.join("\n");
    let timestamp = asked.header("x-tc-timestamp");
    let time = jiff::Timestamp::from_second(timestamp.parse().unwrap()).unwrap();
    let date = time.to_string()[..10].to_owned();
    let hashed = hex::encode(Sha256::digest(&canonical_request));
    let to_sign = format!("TC3-HMAC-SHA256\n{timestamp}\n{date}/sts/tc3_request\n{hashed}");
    let secret_date = hmac(format!("TC3{secret_key}").as_bytes(), &date);
    let secret_signing = hmac(&hmac(&secret_date, "sts"), "tc3_request");
    let signature = hex::encode(hmac(&secret_signing, &to_sign));
    let credential = format!("Credential={secret_id}/{date}/sts/tc3_request");
    asked.header("authorization")
        == format!("TC3-HMAC-SHA256 {credential}, SignedHeaders=content-type;host, Signature={signature}")
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
