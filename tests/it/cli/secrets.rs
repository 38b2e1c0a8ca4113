//! Keys never leave: not in any output, and not in a request to a host that is not COS or that is not trusted.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;

use crate::support::{Cosprobe, RunningLab, runtime};

const ID: &str = "AKIDfakeFAKEfakeFAKEfakeFAKEfake0001";
const KEY: &str = "fakeSecretKeyForTestVectors00001";
const TOKEN: &str = "fakeTokenOfATemporaryKey0001";

/// A web server that says that it is COS and passes on what it was sent. It lasts as long as the test.
fn recording_server() -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, sender) = (connection.unwrap(), sender.clone());
            thread::spawn(move || {
                let lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
                let head: String = lines.take_while(|line| !line.is_empty()).map(|line| line + "\n").collect();
                if !head.is_empty() {
                    sender.send(head).unwrap();
                    let answer = "HTTP/1.1 403 Forbidden\r\nserver: tencent-cos\r\ncontent-length: 0\r\n\r\n";
                    connection.write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    (address, requests)
}

/// What a server is sent by a check with a key.
fn sent(flags: &[&str]) -> Vec<String> {
    let (address, requests) = recording_server();
    let ran = Cosprobe::new(["check", &format!("http://{address}"), "--format=json"])
        .arguments(flags)
        .variable("COS_SECRET_ID", ID)
        .variable("COS_SECRET_KEY", KEY)
        .variable("COS_SESSION_TOKEN", TOKEN)
        .run();
    assert!(!ran.stdout.contains(KEY) && !ran.stdout.contains(TOKEN), "{ran:?}");
    let heads: Vec<String> = requests.try_iter().collect();
    assert!(!heads.is_empty(), "nothing was sent: {ran:?}");
    assert!(heads.iter().all(|head| !head.contains(KEY)), "{heads:?}");
    heads
}

fn is_signed(head: &str) -> bool {
    let head = head.to_lowercase();
    head.contains("authorization:") || head.contains("q-signature") || head.contains("x-cos-security-token")
}

#[test]
fn a_host_that_is_not_of_cos_is_sent_no_signature() {
    for flags in [&[][..], &["--sign-over-http"], &["--sign-for-host=127.0.0.1"], &["--insecure"]] {
        let heads = sent(flags);
        assert!(!heads.iter().any(|head| is_signed(head)), "{flags:?}: {heads:?}");
    }
}

#[test]
fn a_further_host_is_sent_a_signature_when_both_flags_say_so() {
    let heads = sent(&["--sign-for-host=127.0.0.1", "--sign-over-http"]);
    assert!(heads.iter().any(|head| is_signed(head)), "{heads:?}");
    let heads = sent(&["--sign-for-host=127.0.0.1", "--sign-over-http", "--anonymous"]);
    assert!(!heads.iter().any(|head| is_signed(head)), "{heads:?}");
}

#[test]
fn clear_text_carries_a_signature_only_when_asked_to() {
    for (flags, is_signed) in [(&["--port=80"][..], false), (&["--port=80", "--sign-over-http"], true)] {
        let lab = RunningLab::start("healthy-private");
        let ran = lab.check().arguments([lab.host()]).arguments(flags).run();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let calls = lab.stop();
        assert!(calls.http > 0, "{calls:?}");
        assert_eq!(calls.signed > 0, is_signed, "{flags:?}: {calls:?}");
    }
}

#[test]
fn a_server_that_is_not_trusted_is_sent_no_signature() {
    for scenario in ["tls-untrusted", "tls-wrong-name", "tls-expired", "tls-not-yet-valid", "captive-portal"] {
        for flags in [&[][..], &["--insecure"]] {
            let lab = RunningLab::start(scenario);
            let ran = lab.check().arguments([lab.host()]).arguments(flags).run();
            assert!(matches!(ran.code, Some(0 | 1)), "{scenario}: {ran:?}");
            let calls = lab.stop();
            assert!(calls.https > 0, "{scenario}: {calls:?}");
            assert_eq!(calls.signed, 0, "{scenario} {flags:?}");
        }
    }
}

#[test]
fn no_output_shows_a_secret() {
    let lab = RunningLab::start("bad-signature");
    for (command, format) in [("check", "table"), ("check", "json"), ("head", "table"), ("head", "json")] {
        let check = lab.command(command).variable("COS_SESSION_TOKEN", TOKEN);
        let ran = check.arguments([lab.host(), "--verbose", "--format", format]).run();
        assert_eq!(ran.code, Some(1), "{ran:?}");
        for secret in [lab.secret_key(), TOKEN] {
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{command} {format}: {ran:?}");
        }
    }
}

#[test]
fn the_password_of_a_proxy_is_not_shown() {
    let (address, _requests) = recording_server();
    for format in ["table", "json"] {
        let ran = Cosprobe::new(["check", &format!("http://{address}"), "--verbose", "--format", format])
            .variable("https_proxy", "http://someone:fakePassword@192.0.2.1:3128")
            .variable("HTTP_PROXY", "someone:fakePassword@192.0.2.1:3128/")
            .run();
        assert!(!ran.stdout.is_empty(), "{ran:?}");
        for secret in ["fakePassword", "someone"] {
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{format}: {ran:?}");
        }
    }
}

#[test]
fn a_panic_that_tells_all_it_knows_tells_no_secret() {
    let (job, secrets) = runtime().block_on(async {
        let scenario = cosprobe::lab::find("temporary-key").unwrap();
        let lab = cosprobe::lab::Lab::start(scenario).await.unwrap();
        let key = lab.key().unwrap();
        (cosprobe::cli::demo_job(scenario, &lab).unwrap(), [key.secret_key, key.token.unwrap()])
    });
    let panicked = std::panic::catch_unwind(|| panic!("a defect: {:?} {:?}", job.credential, job.config));
    let message = *panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("secret_key") && message.contains("key_hypotheses"), "{message}");
    assert!(secrets.iter().all(|secret| !message.contains(secret)), "{message}");
}
