//! TLS, passwords and headers of the service, as clients with and without them see it.

mod clients;

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::is_there;
use super::service::{Service, answer, eventually, head};
use crate::support::{run, signal};
use clients::{Authority, Pair, basic, client, handshake};

const TLS: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

/// A directory with a web configuration, a certificate, its key and the CA of both.
struct Home {
    directory: TempDir,
    authority: Authority,
}

impl Home {
    fn new(config: &str) -> Self {
        let home = Self { directory: tempfile::tempdir().unwrap(), authority: Authority::new() };
        home.write("web.yml", config);
        home.renew();
        home.write("ca.crt", &home.authority.pem());
        home
    }

    fn write(&self, name: &str, content: &str) {
        // A file is replaced at once, as those who renew certificates do.
        let new = self.path("new");
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A new certificate of the same CA.
    fn renew(&self) -> Pair {
        let pair = self.authority.issue("127.0.0.1");
        self.write("server.key", &pair.key);
        self.write("server.crt", &pair.certificate);
        pair
    }

    fn service(&self) -> Service {
        Service::with("", &["--web.config.file", self.path("web.yml").to_str().unwrap()])
    }
}

fn users() -> String {
    format!("basic_auth_users:\n  anna: {}\n", hash("secret"))
}

fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

#[test]
fn who_has_no_password_gets_nothing_and_the_others_everything() {
    let home = Home::new(&users());
    let service = home.service();
    assert!(service.before.is_empty(), "loopback needs no warning: {:?}", service.before);
    let rows = [
        (String::new(), 401),
        (basic("anna:secret"), 200),
        (basic("anna:wrong"), 401),
        (basic("anna:"), 401),
        (basic("anna"), 401),
        (basic("carl:secret"), 401),
        ("Authorization: Basic !!!\r\n".to_owned(), 401),
        ("Authorization: Bearer abc\r\n".to_owned(), 401),
        (format!("{}{}", basic("anna:secret"), basic("anna:secret")), 401),
        (basic("anna:secret").replace("Basic", "bASIC"), 200),
    ];
    let mut wrong = String::new();
    for (lines, status) in &rows {
        for path in ["/-/healthy", "/metrics", "/", "/config", "/logs?id=1", "/probe", "/nothing"] {
            let answer = service.request("GET", path, lines);
            let is_challenge = answer.head.contains("www-authenticate: basic");
            let is_right = if *status == 401 { answer.status == 401 && is_challenge } else { answer.status != 401 };
            if !is_right {
                writeln!(wrong, "{path} {lines}: {status} was due, and it is {answer:?}").unwrap();
            }
        }
        let reload = service.request("POST", "/-/reload", lines);
        assert_eq!(reload.status, *status, "{reload:?}");
    }
    assert!(wrong.is_empty(), "{wrong}");
    let metrics = service.request("GET", "/metrics", &basic("anna:secret"));
    assert_eq!(metrics.sample("cosprobe_refused_passwords_total", &[]), Some(64.0), "{metrics:?}");
    assert_eq!(metrics.sample("cosprobe_web_config_last_reload_successful", &[]), Some(1.0));
    for path in ["/config", "/metrics", "/"] {
        let shown = service.request("GET", path, &basic("anna:secret")).body;
        assert!(!shown.contains("anna") && !shown.contains("$2"), "{shown}");
    }
}

#[test]
fn passwords_in_plain_text_are_warned_of_once() {
    let home = Home::new(&users());
    let web = home.path("web.yml");
    let web = web.to_str().unwrap();
    let flags = ["serve", "--config.check", "--web.listen-address", "192.0.2.1:9115", "--web.config.file", web];
    let ran = run(flags);
    assert_eq!(
        (ran.code, ran.stdout.matches("warning: passwords reach 192.0.2.1:9115 in plain text").count()),
        (Some(0), 1)
    );
    home.write("web.yml", &format!("{TLS}{}", users()));
    assert!(!run(flags).stdout.contains("warning"), "over TLS none is due");
}

#[test]
fn what_is_asked_over_tls_is_answered_and_over_plain_http_is_explained() {
    let headers = "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    \
                   Strict-Transport-Security: max-age=31536000\n    Content-Security-Policy: default-src 'self'\n";
    let home = Home::new(&format!("{TLS}{headers}{}", users()));
    let service = home.service();
    let trusting = client(&home.authority, None, &[]);
    let request = head("GET", "/", &basic("anna:secret"));
    let mut stream = handshake(&trusting, &service).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let page = answer(stream);
    assert_eq!(page.status, 200, "{page:?}");
    for line in
        ["x-frame-options: deny", "strict-transport-security: max-age=31536000", "x-content-type-options: nosniff"]
    {
        assert!(page.head.contains(line), "{line} in {page:?}");
    }
    assert_eq!(page.head.matches("content-security-policy: ").count(), 1, "{page:?}");
    assert!(page.head.contains("content-security-policy: default-src 'self'"), "{page:?}");
    let mut stream = handshake(&trusting, &service).unwrap();
    stream.write_all(head("GET", "/-/healthy", "").as_bytes()).unwrap();
    assert_eq!(answer(stream).status, 401);
    let plain = service.get("/-/healthy");
    assert!(plain.status == 400 && plain.body.contains("ask with https://"), "{plain:?}");
    // Who trusts another CA goes away, and that is counted.
    assert!(handshake(&client(&Authority::new(), None, &[]), &service).is_err());
    eventually("the failed handshake", || {
        let mut stream = handshake(&trusting, &service).ok()?;
        stream.write_all(head("GET", "/metrics", &basic("anna:secret")).as_bytes()).ok()?;
        answer(stream).sample("cosprobe_failed_handshakes_total", &[]).filter(|count| *count > 0.5)
    });
}

#[test]
fn other_programs_get_their_answers_over_tls() {
    let home = Home::new(&format!("{TLS}{}", users()));
    let service = home.service();
    let (url, ca) = (format!("https://{}/-/healthy", service.address), home.path("ca.crt"));
    if is_there("curl") {
        let mut command = Command::new("curl");
        command.args(["--silent", "--noproxy", "*", "--user", "anna:secret", "--cacert"]).arg(&ca).arg(&url);
        let output = command.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "Healthy\n", "{output:?}");
    }
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_ok() {
        for (flag, works) in [("-tls1_3", true), ("-tls1_2", true), ("-tls1_1", false)] {
            let mut command = Command::new("openssl");
            command.args([
                "s_client",
                "-brief",
                flag,
                "-verify_return_error",
                "-connect",
                &service.address.to_string(),
            ]);
            command.arg("-CAfile").arg(&ca).stdin(Stdio::null());
            let output = command.output().unwrap();
            assert_eq!(output.status.success(), works, "{flag}: {output:?}");
        }
    }
}

#[test]
fn versions_and_suites_are_those_of_the_file() {
    let rows: [(&str, &[&rustls::SupportedProtocolVersion], bool); 6] = [
        ("", &[&rustls::version::TLS12], true),
        ("", &[&rustls::version::TLS13], true),
        ("  min_version: TLS13\n", &[&rustls::version::TLS12], false),
        ("  max_version: TLS12\n", &[&rustls::version::TLS13], false),
        ("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", &[&rustls::version::TLS12], false),
        ("  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n", &[&rustls::version::TLS13], true),
    ];
    for (lines, versions, works) in rows {
        let home = Home::new(&format!("{TLS}{lines}"));
        let service = home.service();
        let connected = handshake(&client(&home.authority, None, versions), &service);
        assert_eq!(connected.is_ok(), works, "{lines} {versions:?}: {:?}", connected.err());
    }
    let chosen =
        "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n";
    let chosen = format!("{TLS}{chosen}  curve_preferences: [CurveP384]\n");
    let home = Home::new(&chosen);
    let service = home.service();
    let stream = handshake(&client(&home.authority, None, &[&rustls::version::TLS12]), &service).unwrap();
    let suite = stream.conn.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
    let curve = stream.conn.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(curve, rustls::NamedGroup::secp384r1);
}

#[test]
fn clients_show_a_certificate_where_that_is_asked() {
    let ca = format!("{TLS}  client_ca_file: ca.crt\n  client_auth_type: ");
    for (auth, without) in [("RequireAndVerifyClientCert", false), ("VerifyClientCertIfGiven", true)] {
        let home = Home::new(&format!("{ca}{auth}\n"));
        let service = home.service();
        let (good, bad) = (home.authority.issue("client.example"), Authority::new().issue("client.example"));
        let asks = |pair: Option<&Pair>| {
            let Ok(mut stream) = handshake(&client(&home.authority, pair, &[]), &service) else { return false };
            // In TLS 1.3 a client hears of a refusal when it reads.
            let mut text = String::new();
            let sent = stream.write_all(head("GET", "/-/healthy", "").as_bytes());
            let read = std::io::Read::read_to_string(&mut stream, &mut text);
            sent.is_ok() && read.is_ok() && text.ends_with("Healthy\n")
        };
        assert!(asks(Some(&good)), "{auth}");
        assert!(!asks(Some(&bad)), "{auth}");
        assert_eq!(asks(None), without, "{auth}");
    }
}

#[test]
fn a_renewed_certificate_is_served_under_load_without_a_failure() {
    let home = Home::new(TLS);
    let service = home.service();
    let trusting = client(&home.authority, None, &[]);
    let served = || {
        let mut stream = handshake(&trusting, &service).unwrap();
        stream.write_all(head("GET", "/-/healthy", "").as_bytes()).unwrap();
        let certificate = stream.conn.peer_certificates().unwrap()[0].to_vec();
        assert_eq!(answer(stream).status, 200);
        certificate
    };
    for ask in [false, true] {
        let (count, renewed) = (AtomicUsize::new(0), OnceLock::<Vec<u8>>::new());
        let begun = Instant::now();
        let load = || {
            while renewed.get() != Some(&served()) {
                count.fetch_add(1, Ordering::Relaxed);
                assert!(begun.elapsed() < Duration::from_secs(20), "the new certificate is not served");
            }
        };
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
            eventually("some requests", || (count.load(Ordering::Relaxed) > 8).then_some(()));
            renewed.set(home.renew().der).unwrap();
            if ask {
                signal("HUP", service.process());
            }
            for client in clients {
                client.join().unwrap();
            }
        });
    }
}

#[test]
fn bad_files_change_nothing_and_are_told() {
    let home = Home::new(&format!("{TLS}{}", users()));
    let service = home.service();
    let trusting = client(&home.authority, None, &[]);
    let ask = |method: &str, path: &str| {
        let mut stream = handshake(&trusting, &service).unwrap();
        stream.write_all(head(method, path, &basic("anna:secret")).as_bytes()).unwrap();
        answer(stream)
    };
    assert_eq!(ask("GET", "/-/healthy").status, 200);
    let good = home.renew();
    let other = home.authority.issue("127.0.0.1");
    for (name, content, part) in [
        ("server.key", other.key.as_str(), "not that of the certificate"),
        ("server.crt", "nothing", "holds no certificate"),
        ("web.yml", "basic_auth_users: {}\nno: 1\n", "line 2: no: there is no such key"),
    ] {
        home.write(name, content);
        // By itself, by the request, and by the signal.
        eventually("the reason", || service.told().iter().any(|line| line.contains(part)).then_some(()));
        let refused = ask("POST", "/-/reload");
        assert!(refused.status == 500 && refused.body.contains(part), "{refused:?}");
        assert!(refused.body.contains("the web configuration stays as it was"), "{refused:?}");
        signal("HUP", service.process());
        eventually("the reason", || service.told().iter().any(|line| line.contains(part)).then_some(()));
        let metrics = ask("GET", "/metrics");
        assert_eq!(metrics.sample("cosprobe_web_config_last_reload_successful", &[]), Some(0.0));
    }
    home.write("server.key", &good.key);
    home.write("server.crt", &good.certificate);
    let changed = hash("changed");
    home.write("web.yml", &format!("{TLS}basic_auth_users:\n  anna: {changed}\n"));
    eventually("the new password", || (ask("GET", "/-/healthy").status == 401).then_some(()));
}

#[test]
fn a_bad_web_configuration_is_refused_before_it_listens() {
    let home = Home::new("basic_auth_users:\n  anna: plainTEXTpassword0001\n");
    let web = home.path("web.yml");
    for flags in [&["serve"][..], &["serve", "--config.check"]] {
        let ran = run([flags, &["--web.config.file", web.to_str().unwrap()]].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(
            ran.stderr.contains("line 2: basic_auth_users: what is behind the name is no hash of bcrypt"),
            "{ran:?}"
        );
        assert!(!ran.stderr.contains("plainTEXT") && !ran.stderr.contains("listening"), "{ran:?}");
    }
}

#[test]
fn a_handshake_that_does_not_come_to_its_end_is_cut_off() {
    let home = Home::new(TLS);
    let service = home.service();
    let begun = Instant::now();
    // Nothing; half a ClientHello; and a whole handshake without a request.
    let silent = service.connect();
    let mut half = service.connect();
    half.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    let quiet = handshake(&client(&home.authority, None, &[]), &service).unwrap();
    for mut stream in [silent, half, quiet.sock] {
        let mut bytes = Vec::new();
        // A reset is an end as well.
        let _ = std::io::Read::read_to_end(&mut stream, &mut bytes);
        let took = begun.elapsed();
        assert!(took > Duration::from_secs(9) && took < Duration::from_secs(13), "{took:?}");
    }
}
