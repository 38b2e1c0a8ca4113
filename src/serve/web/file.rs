//! The web configuration as Prometheus's exporters read it
//! (<https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md>): text in, settings out, with everything
//! that is wrong. What cosprobe cannot do as the file says is a mistake, never passed over.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use bcrypt::HashParts;
use hyper::header::{HeaderName, HeaderValue};
use secrecy::SecretString;

use super::tls::{self, Choices};
use super::yaml::{Entry, Node, Value, mistake, read as read_yaml};
use crate::settings::Mistake;

/// What a file says.
#[derive(Default)]
pub(super) struct WebFile {
    /// `None`: plain HTTP.
    pub(super) tls: Option<TlsSettings>,
    /// What is put on every answer.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Who may ask, with the hashes of their passwords; empty: everybody.
    pub(super) users: BTreeMap<String, SecretString>,
}

/// How connections are encrypted.
#[derive(Default)]
pub(super) struct TlsSettings {
    pub(super) cert_file: Named,
    pub(super) key_file: Named,
    pub(super) client_ca_file: Option<Named>,
    pub(super) client_auth: ClientAuth,
    pub(super) choices: Choices,
    /// Where the table begins.
    pub(super) line: usize,
}

/// A file that the configuration names, and where it does.
#[derive(Default)]
pub(super) struct Named {
    pub(super) path: PathBuf,
    pub(super) line: usize,
}

/// Whether clients have to show a certificate.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuth {
    #[default]
    Never,
    IfGiven,
    Always,
}

/// A cost above which a check of a password takes seconds, and whoever guesses keeps a processor busy.
const MOST_COST: u32 = 14;
const TLS: &str = "tls_server_config";
const HTTP: &str = "http_server_config";
const USERS: &str = "basic_auth_users";
const CLIENT_AUTH: [(&str, ClientAuth); 3] = [
    ("NoClientCert", ClientAuth::Never),
    ("VerifyClientCertIfGiven", ClientAuth::IfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::Always),
];
/// The headers that may be set, with the values that they may have; none: any.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];
/// Keys that others know and that cannot be honoured here, with what to do instead.
const FOREIGN: [(&str, &str); 5] = [
    ("rate_limit", "there is a limit of connections and of probes; for one of requests put a proxy in front"),
    ("tls_server_config.cert", "write it into a file, and name that as cert_file"),
    ("tls_server_config.key", "write it into a file, and name that as key_file"),
    ("tls_server_config.client_ca", "write it into a file, and name that as client_ca_file"),
    (
        "tls_server_config.client_allowed_sans",
        "have a CA of its own for those who may ask, and name it as client_ca_file",
    ),
];

/// Reads a file.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(text: &str) -> Result<WebFile, Vec<Mistake>> {
    let root = read_yaml(text).map_err(|mistake| vec![mistake])?;
    let mut reader = Reader::default();
    let mut file = WebFile::default();
    for Entry { key, line, node } in reader.table(root, "") {
        match key.as_str() {
            TLS => file.tls = reader.tls(node, line),
            HTTP => file.headers = reader.http(node),
            USERS => file.users = reader.users(node),
            _ => reader.unknown(line, &key, &[TLS, HTTP, USERS]),
        }
    }
    if reader.mistakes.is_empty() { Ok(file) } else { Err(reader.mistakes) }
}

#[derive(Default)]
struct Reader {
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn note(&mut self, line: usize, key: &str, problem: impl Into<String>, hint: impl Into<String>) {
        self.mistakes.push(mistake(line, key, problem, hint));
    }

    /// The entries of a table; nothing at all counts as an empty one.
    fn table(&mut self, node: Node, key: &str) -> Vec<Entry> {
        match node.value {
            Value::Table(entries) => return entries,
            Value::Nothing => {}
            _ => self.note(node.line, key, "it is no table", "write keys below it, each with a colon"),
        }
        Vec::new()
    }

    fn unknown(&mut self, line: usize, key: &str, known: &[&str]) {
        match FOREIGN.iter().find(|(name, _)| *name == key) {
            Some((_, hint)) => self.note(line, key, "cosprobe cannot do that", *hint),
            None => self.note(line, key, "there is no such key", format!("there are {}", known.join(", "))),
        }
    }

    fn text(&mut self, node: Node, key: &str) -> Option<String> {
        match node.value {
            Value::Text(text) if !text.is_empty() => return Some(text),
            Value::Text(_) | Value::Nothing => self.note(node.line, key, "it is empty", "leave the line out"),
            _ => self.note(node.line, key, "it is no text", "put it in quotes"),
        }
        None
    }

    fn flag(&mut self, node: &Node, key: &str) -> Option<bool> {
        if let Value::Flag(flag) = node.value {
            return Some(flag);
        }
        self.note(node.line, key, "it is no switch", "it should be true or false");
        None
    }

    /// A word of a list of words.
    fn word<T: Clone>(&mut self, node: Node, key: &str, words: &[(String, T)]) -> Option<T> {
        let line = node.line;
        let text = self.text(node, key)?;
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
            return Some(found.clone());
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        self.note(line, key, "cosprobe cannot do that", format!("there are {}", known.join(", ")));
        None
    }

    /// Words of a list, in the order of the file; none where the list is empty.
    fn words<T: Clone>(&mut self, node: Node, key: &str, words: &[(String, T)]) -> Vec<T> {
        match node.value {
            Value::List(parts) => parts.into_iter().filter_map(|part| self.word(part, key, words)).collect(),
            Value::Nothing => Vec::new(),
            _ => {
                self.note(node.line, key, "it is no list", "write each on a line of its own behind a dash");
                Vec::new()
            }
        }
    }

    fn file(&mut self, node: Node, key: &str) -> Option<Named> {
        let line = node.line;
        Some(Named { path: self.text(node, key)?.into(), line })
    }

    fn tls(&mut self, node: Node, line: usize) -> Option<TlsSettings> {
        let entries = self.table(node, TLS);
        let is_wanted = !entries.is_empty();
        let (mut cert, mut key_file, mut settings) = (None, None, TlsSettings { line, ..TlsSettings::default() });
        let client_auth = CLIENT_AUTH.map(|(word, auth)| (word.to_owned(), auth));
        let choices = &mut settings.choices;
        let before = self.mistakes.len();
        for Entry { key: name, line, node } in entries {
            let key = format!("{TLS}.{name}");
            match name.as_str() {
                "cert_file" => cert = self.file(node, &key),
                "key_file" => key_file = self.file(node, &key),
                "client_ca_file" => settings.client_ca_file = self.file(node, &key),
                "client_auth_type" => {
                    settings.client_auth = self.word(node, &key, &client_auth).unwrap_or_default();
                }
                "min_version" => choices.least = self.word(node, &key, &tls::versions()).unwrap_or(choices.least),
                "max_version" => choices.most = self.word(node, &key, &tls::versions()).unwrap_or(choices.most),
                "cipher_suites" => choices.suites = self.words(node, &key, &tls::suites()),
                "curve_preferences" => choices.curves = self.words(node, &key, &tls::curves()),
                "prefer_server_cipher_suites" => choices.own_order = self.flag(&node, &key).unwrap_or(true),
                _ => self.unknown(line, &key, &TLS_KEYS.map(|name| name)),
            }
        }
        if !is_wanted || self.mistakes.len() > before {
            return None;
        }
        for (name, given) in [("cert_file", cert.is_some()), ("key_file", key_file.is_some())] {
            if !given {
                self.note(
                    line,
                    TLS,
                    format!("{name} is missing"),
                    "give it, or leave the whole table out for plain HTTP",
                );
            }
        }
        self.client_auth(&settings);
        (settings.cert_file, settings.key_file) = (cert?, key_file?);
        Some(settings)
    }

    /// Whether what is asked of clients goes together.
    fn client_auth(&mut self, settings: &TlsSettings) {
        let line = settings.line;
        match (&settings.client_ca_file, settings.client_auth) {
            (Some(file), ClientAuth::Never) => self.note(
                file.line,
                "tls_server_config.client_ca_file",
                "no client is asked for a certificate",
                "give client_auth_type: RequireAndVerifyClientCert",
            ),
            (None, ClientAuth::IfGiven | ClientAuth::Always) => self.note(
                line,
                TLS,
                "client_ca_file is missing",
                "name the file with the CA of the clients, or leave client_auth_type out",
            ),
            _ => {}
        }
        if settings.choices.least > settings.choices.most {
            self.note(line, TLS, "min_version is above max_version", "exchange the two, or leave one out");
        } else if !settings.choices.is_possible() {
            let hint = "name a suite of that version, or leave cipher_suites out";
            self.note(line, TLS, "none of cipher_suites is for a version of TLS that is allowed", hint);
        }
    }

    fn http(&mut self, node: Node) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        for Entry { key: name, line, node } in self.table(node, HTTP) {
            let key = format!("{HTTP}.{name}");
            match name.as_str() {
                "http2" => {
                    if self.flag(&node, &key) == Some(true) {
                        self.note(line, &key, "cosprobe speaks HTTP/1.1 only", "leave the line out, or set false");
                    }
                }
                "headers" => {
                    for entry in self.table(node, &key) {
                        headers.extend(self.header(entry, &key));
                    }
                }
                _ => self.unknown(line, &key, &["http2", "headers"]),
            }
        }
        headers
    }

    fn header(&mut self, Entry { key: name, line, node }: Entry, above: &str) -> Option<(HeaderName, HeaderValue)> {
        let key = format!("{above}.{name}");
        let Some((known, allowed)) = HEADERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)) else {
            self.unknown(line, &key, &HEADERS.map(|(known, _)| known));
            return None;
        };
        let text = self.text(node, &key)?;
        if !allowed.is_empty() && !allowed.contains(&text.as_str()) {
            self.note(line, &key, "the header cannot be that", format!("it should be {}", allowed.join(" or ")));
            return None;
        }
        let value = HeaderValue::from_str(&text);
        if value.is_err() {
            self.note(line, &key, "a header cannot hold that", "write it on one line, without control characters");
        }
        Some((HeaderName::from_str(known).ok()?, value.ok()?))
    }

    fn users(&mut self, node: Node) -> BTreeMap<String, SecretString> {
        let mut users = BTreeMap::new();
        for Entry { key: name, line, node } in self.table(node, USERS) {
            // Who mixes the two sides up has the hash, or the password, for a name.
            let Some(hash) = self.text(node, USERS) else { continue };
            if name.contains(':') || name.chars().any(char::is_control) {
                self.note(line, USERS, "a name cannot hold a colon or a control character", "choose another one");
                continue;
            }
            match HashParts::from_str(&hash).map(|parts| parts.get_cost()) {
                Ok(cost) if cost <= MOST_COST => {
                    users.insert(name, SecretString::from(hash));
                }
                Ok(cost) => {
                    let problem = format!("a cost of {cost} takes too long for each request");
                    self.note(line, USERS, problem, format!("make a hash with a cost of 10, of {MOST_COST} at most"));
                }
                Err(_) => {
                    let hint = "make one with htpasswd -nBC 10 NAME, and write what is behind the colon";
                    self.note(line, USERS, "what is behind the name is no hash of bcrypt", hint);
                }
            }
        }
        users
    }
}

const TLS_KEYS: [&str; 9] = [
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];
