//! Servers in place of COS that answer as a test says: what a run concludes from them, what it leaves behind, and what it keeps to itself.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cosprobe::evidence::Purpose;
use cosprobe::report::Report;

use crate::support::{Cosprobe, Ran, RunningLab};

const KEY: &str = "fakeSecretKeyfakeSecretKey";
const TOKEN: &str = "fake+Token/of==a&temporary=key";
const OF_COS: &str = "server: tencent-cos\r\nx-cos-request-id: NmIwNDBlYTBfMTAwMTU4NjRfMWEyYl8z\r\n";
const OF_OTHERS: &str = "server: portal\r\n";

/// One request.
struct Asked {
    method: String,
    target: String,
    /// Lower-case names with values.
    headers: Vec<(String, String)>,
}

impl Asked {
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut first = String::new();
        reader.read_line(&mut first).ok()?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let asked = Self { method, target, headers };
        let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        reader.read_exact(&mut vec![0; length]).ok()?;
        Some(asked)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn is(&self, method: &str) -> bool {
        self.method == method
    }
}

/// An answer.
fn answer(status: u16, headers: &str, body: &str) -> String {
    let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    format!("HTTP/1.1 {status} x\r\n{headers}{length}\r\n{body}")
}

/// A server that speaks clear text. `None` breaks the connection off.
struct Store {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Store {
    fn start(answer: impl Fn(&Asked) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::default());
        let (answer, log) = (Arc::new(answer), Arc::clone(&asked));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, answer, log) = (connection.unwrap(), Arc::clone(&answer), Arc::clone(&log));
                thread::spawn(move || serve(connection, &*answer, &log));
            }
        });
        Self { address, asked }
    }

    /// `head` in clear text, led here.
    fn command(&self, lab: &RunningLab) -> Cosprobe {
        Cosprobe::new(["head", lab.host(), lab.resolver(), "--port=80", "--sign-over-http"])
            .arguments([format!("--connect-to=:80:{}:{}", self.address.ip(), self.address.port())])
            .variable("COS_SECRET_ID", "AKIDfakeFAKEfakeFAKE")
            .variable("COS_SECRET_KEY", KEY)
    }

    fn head(&self, arguments: &[&str]) -> Ran {
        let lab = RunningLab::start("healthy-private");
        self.command(&lab).arguments(arguments).run()
    }

    /// Methods and targets of the requests so far.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(connection: TcpStream, answer: &dyn Fn(&Asked) -> Option<String>, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut connection = connection;
    while let Some(asked) = Asked::read(&mut reader) {
        log.lock().unwrap().push(format!("{} {}", asked.method, asked.target));
        let Some(text) = answer(&asked) else { return };
        if connection.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

/// A store of one object, `/canary`. `otherwise` answers a request in its place, which a PUT may have reached all the same.
fn store_of_one(
    otherwise: impl Fn(&Asked) -> Option<Option<String>> + Send + Sync + 'static,
) -> (Store, Arc<Mutex<bool>>) {
    let is_there = Arc::new(Mutex::new(false));
    let there = Arc::clone(&is_there);
    let store = Store::start(move |asked| {
        let mut there = there.lock().unwrap();
        let odd = otherwise(asked);
        match asked.method.as_str() {
            "PUT" => {
                *there = odd.as_ref().is_none_or(|odd| odd.as_ref().is_none_or(|text| !text.contains("not stored")));
            }
            "DELETE" if odd.is_none() => *there = false,
            _ => {}
        }
        odd.unwrap_or_else(|| {
            let exists = *there || !asked.target.starts_with("/canary");
            Some(match asked.method.as_str() {
                "DELETE" => answer(204, OF_COS, ""),
                "GET" if exists => answer(200, OF_COS, cosprobe::plan::CANARY_CONTENT),
                _ if exists => answer(200, OF_COS, ""),
                _ => answer(404, OF_COS, ""),
            })
        })
    });
    (store, is_there)
}

fn codes(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn nothing_is_left_behind_in_silence() {
    // How the PUT and the DELETE are answered, whether the object is left, and what is said.
    type Case = (Option<(u16, &'static str, &'static str)>, Option<(u16, &'static str)>, bool, &'static str);
    let cases: [Case; 6] = [
        (Some((500, OF_COS, "")), None, false, "HTP003"),
        (Some((504, OF_OTHERS, "")), None, false, "HTP001"),
        (Some((200, OF_OTHERS, "not stored")), None, false, "HTP001"),
        (Some((504, OF_OTHERS, "not stored")), None, false, "BKT008"),
        (None, Some((200, OF_OTHERS)), true, "BKT008"),
        (None, Some((404, OF_OTHERS)), true, "BKT008"),
    ];
    for (put, delete, left, said) in cases {
        let (store, is_there) = store_of_one(move |asked| match (put, delete) {
            (Some((status, headers, body)), _) if asked.is("PUT") => Some(Some(answer(status, headers, body))),
            (_, Some((status, headers))) if asked.is("DELETE") => Some(Some(answer(status, headers, ""))),
            _ => None,
        });
        let report = store.head(&["--put-canary=canary", "--format=json"]).report();
        assert_eq!(*is_there.lock().unwrap(), left, "{put:?} {delete:?}: {:?}", store.asked());
        assert!(codes(&report).contains(&said), "{put:?} {delete:?}: {:?}", report.findings);
    }
}

#[test]
fn what_is_not_known_to_be_the_probes_own_is_not_deleted() {
    // The PUT ends at a portal; what COS has under the key since is somebody else's and may not be read.
    let (store, _) = store_of_one(|asked| match asked.method.as_str() {
        "PUT" => Some(Some(answer(200, OF_OTHERS, ""))),
        "GET" => Some(Some(answer(403, OF_COS, ""))),
        _ => None,
    });
    let report = store.head(&["--put-canary=canary", "--format=json"]).report();
    assert!(!store.asked().iter().any(|asked| asked.starts_with("DELETE")), "{:?}", store.asked());
    assert!(codes(&report).contains(&"BKT008"), "{:?}", report.findings);
    assert!(report.evidence.iter().filter_map(|o| o.detail.http()).all(|http| http.purpose != Purpose::CanaryDelete));
}

#[test]
fn the_command_that_deletes_can_be_pasted() {
    let ran = crate::support::run(["demo", "canary-undeletable", "--put-canary", "it's", "--format=json"]);
    let report = ran.report();
    let command = "coscli rm 'cos://examplebucket-1250000000/it'\\''s'";
    assert!(
        report.findings.iter().any(|f| f.help.iter().any(|line| line.to_string().contains(command))),
        "{:?}",
        report.findings
    );
}

#[test]
fn where_versions_of_a_deleted_object_may_be_nothing_is_written() {
    let (store, _) = store_of_one(|asked| {
        let headers = format!("{OF_COS}x-cos-delete-marker: true\r\n");
        (asked.is("HEAD") && asked.target == "/canary").then(|| Some(answer(404, &headers, "")))
    });
    let ran = store.head(&["--put-canary=canary"]);
    assert!(ran.last_line().contains("BKT009") && ran.stdout.contains("was deleted"), "{ran:?}");
    assert!(!store.asked().iter().any(|asked| asked.starts_with("PUT")), "{:?}", store.asked());
}

#[test]
fn what_cannot_be_read_back_is_said() {
    for (status, code) in [(403, "AUT003"), (404, "BKT010"), (500, "HTP003")] {
        let error = "<Error><Code>AccessDenied</Code></Error>";
        let (store, is_there) = store_of_one(move |asked| asked.is("GET").then(|| Some(answer(status, OF_COS, error))));
        let report = store.head(&["--put-canary=canary", "--format=json"]).report();
        assert!(!*is_there.lock().unwrap(), "{status}");
        assert!(codes(&report).contains(&code), "{status}: {:?}", report.findings);
    }
}

#[test]
fn of_a_bucket_with_versions_the_version_that_was_written_is_deleted() {
    let (store, _) = store_of_one(|asked| {
        let headers = format!("{OF_COS}x-cos-version-id: MTg0/fake+Version\r\n");
        asked.is("PUT").then(|| Some(answer(200, &headers, "")))
    });
    let ran = store.head(&["--put-canary=canary"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let last = store.asked().last().cloned();
    assert_eq!(last.as_deref(), Some("DELETE /canary?versionId=MTg0%2Ffake%2BVersion"));
}

#[test]
fn what_others_than_cos_answer_proves_no_cause() {
    for status in [200, 404] {
        let store = Store::start(move |asked| {
            let is_plain = asked.header("authorization").is_none_or(|text| text.contains("q-header-list=host&"));
            Some(match asked.method.as_str() {
                "GET" => answer(403, OF_COS, "<Error><Code>SignatureDoesNotMatch</Code></Error>"),
                _ if is_plain => answer(403, OF_COS, ""),
                _ => answer(status, OF_OTHERS, ""),
            })
        });
        let ran = store.head(&[]);
        assert!(ran.stdout.contains("signed otherwise"), "{ran:?}");
        assert!(ran.last_line().contains("AUT001") && !ran.stdout.contains("it passes"), "{ran:?}");
    }
}

/// A server that takes the requests for every region, and sends back what it learned from earlier ones.
fn parrot() -> (Store, Arc<Mutex<Vec<String>>>) {
    let signatures = Arc::new(Mutex::new(Vec::new()));
    let learned: Arc<Mutex<Vec<String>>> = Arc::clone(&signatures);
    let store = Store::start(move |asked| {
        let mut learned = learned.lock().unwrap();
        let authorization = asked.header("authorization").unwrap_or("none");
        learned.extend(authorization.split_once("q-signature=").map(|(_, signature)| signature.to_owned()));
        let signature = learned.last().map_or("none", String::as_str);
        if !asked.header("host").unwrap().contains("guangzhou") {
            return Some(answer(403, &format!("x-cos-request-id: {TOKEN} {signature}\r\n"), ""));
        }
        let (token, whole) = (STANDARD.encode(format!("token {TOKEN}")), STANDARD.encode(authorization));
        let headers = format!("{OF_COS}x-cos-a: {signature}\r\nx-cos-b: {token}\r\n");
        let body = format!(
            "<Error><Code>NoSuchBucket</Code><Message>{signature} {token}</Message><Resource>{whole}</Resource></Error>"
        );
        Some(answer(404, &headers, if asked.is("GET") { &body } else { "" }))
    });
    (store, signatures)
}

#[test]
fn what_a_server_learned_is_not_told_however_it_sends_it_back() {
    for format in ["table", "json"] {
        let (store, signatures) = parrot();
        let lab = RunningLab::start("healthy-private");
        let command = store.command(&lab).variable("COS_SESSION_TOKEN", TOKEN);
        let ran = command.arguments(["-v", "--search-regions", "--format", format]).run();
        assert!(ran.stdout.contains("NoSuchBucket") && ran.stdout.contains("****"), "{ran:?}");
        let mut secrets = vec![TOKEN.to_owned(), STANDARD.encode(format!("token {TOKEN}"))];
        secrets.append(&mut signatures.lock().unwrap());
        assert!(secrets.len() > 2);
        for secret in secrets {
            assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret), "{format}: {secret} is told");
        }
    }
}
