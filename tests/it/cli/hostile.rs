//! Surroundings that would hold a run up for ever, or make it destroy something.

use std::fs::{self, File};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use cosprobe::evidence::{FailureKind, Observation, Stage};

use crate::support::Cosprobe;

const HOST: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";

#[test]
fn a_flood_of_wrong_answers_ends_the_look_up_and_not_the_run() {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = server.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut question = [0; 512];
        loop {
            let Ok((_, from)) = server.recv_from(&mut question) else { return };
            for _ in 0..1000 {
                // The id of the question is random; this one is wrong all but once in 65536 times.
                let _ = server.send_to(&[0xff; 2000], from);
            }
        }
    });
    let begun = Instant::now();
    let ran = Cosprobe::new(["check", HOST, "--resolver", &address, "--timeout=20", "--format=json"]).run();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let report = ran.report();
    let of_target = |o: &&Observation| o.stage == Stage::Resolve && o.endpoint.as_deref() == Some(HOST);
    let lookups = report.evidence.iter().filter(of_target);
    let kinds: Vec<_> = lookups.filter_map(|observation| observation.outcome.failure()).collect();
    assert_eq!(kinds, [FailureKind::MalformedAnswer; 2]);
}

#[test]
fn certificates_that_cannot_be_read_do_not_hold_up_the_report() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("certificates");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let begun = Instant::now();
    // Nobody writes into the pipe, so whoever opens it to read waits.
    let ran = Cosprobe::new(["check", "https://127.0.0.1:9", "--deadline=2"])
        .variable("SSL_CERT_FILE", pipe.to_str().unwrap())
        .run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn standard_output_by_its_path_is_appended_to() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    fs::write(&log, "earlier line\n").unwrap();
    let file = File::options().append(true).open(&log).unwrap();
    let ran = Cosprobe::new(["demo", "--output", "/dev/stdout"]).stdout(file).run();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.starts_with("earlier line\n") && text.contains("healthy"), "{text}");
}

#[test]
fn what_was_typed_moves_no_cursor_in_a_message() {
    for arguments in [
        &["check", "127.0.0.1:9", "--profile", "a\u{1b}[2J"][..],
        &["check", "a\u{1b}[2Jb"],
        &["sign", "--verify", "q-\u{1b}[2J"],
        &["head", "127.0.0.1:9", "--put-canary", "\u{1b}[2J"],
    ] {
        let ran = Cosprobe::new(arguments).variable("COS_SECRET_ID", "").run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.starts_with("error: ") && !ran.stderr.contains('\u{1b}'), "{arguments:?}: {ran:?}");
    }
}
