//! `regions`: the table, and the ranking against the lab.

use std::net::{TcpListener, UdpSocket};

use cosprobe::error::exit;
use cosprobe::region::{REGIONS, RegionState};
use serde_json::{Value, json};

use crate::support::{Cosprobe, RunningLab, interrupt, run};

/// The rows of the JSON document.
fn rows(document: &Value) -> &[Value] {
    document["regions"].as_array().unwrap()
}

#[test]
fn every_region_is_listed_and_nothing_is_said_of_what_was_not_measured() {
    let table = run(["regions"]);
    assert_eq!((table.code, table.stderr.as_str()), (Some(i32::from(exit::HEALTHY)), ""));
    assert_eq!(table.stdout.lines().count(), REGIONS.len() + 3);
    assert!(table.stdout.lines().all(|line| line.chars().count() <= 80 && line.trim_end() == line), "{}", table.stdout);
    let document = run(["regions", "--format", "json"]).json();
    for (row, region) in rows(&document).iter().zip(REGIONS) {
        let is_open = region.state == RegionState::Open;
        assert_eq!((&row["region"], &row["is_open"]), (&json!(region.id), &json!(is_open)));
        assert_eq!((&row["measured"], &row["is_finance"]), (&Value::Null, &json!(region.id.ends_with("-fsi"))));
        assert!(table.stdout.contains(region.id) && table.stdout.contains(region.place), "{}", region.id);
    }
    assert_eq!(rows(&document).len(), REGIONS.len());
}

#[test]
fn every_region_is_measured_by_tcp_alone() {
    let lab = RunningLab::start("healthy-private");
    let probe = |arguments: &[&str]| {
        let to = lab.loopback(443).to_string();
        let arguments = ["regions", "--probe", "-4", lab.resolver(), &format!("--connect-to=::{to}")]
            .into_iter()
            .chain(arguments.iter().copied())
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>();
        run(arguments.iter().map(String::as_str))
    };
    let ran = probe(&["--format=json", "--count=2"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(i32::from(exit::HEALTHY)), ""));
    let document = ran.json();
    let measured: Vec<&Value> = rows(&document).iter().map(|row| &row["measured"]).collect();
    assert_eq!(measured.len(), REGIONS.len());
    for view in &measured {
        assert_eq!((&view["outcome"]["status"], &view["attempts"]), (&json!("succeeded"), &json!(2)), "{view}");
        assert_eq!((&view["connected"], &view["scope"]), (&json!(2), &json!("private")), "{view}");
    }
    let medians: Vec<u64> = measured.iter().map(|view| view["kernel_rtt_us"]["median"].as_u64().unwrap()).collect();
    assert!(medians.is_sorted(), "{medians:?}");

    let table = probe(&["--count=1"]);
    let nearest = table.stdout.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    let said = table.stdout.lines().last().unwrap();
    assert_eq!(said, format!("nearest: {nearest}; 25 of 25 regions answer on TCP port 443"));
    assert_eq!(table.stdout.matches("1/1").count(), REGIONS.len(), "{}", table.stdout);
    assert!(table.stdout.lines().all(|line| line.chars().count() <= 80), "{}", table.stdout);
    let calls = lab.stop();
    assert_eq!((calls.http, calls.https), (0, 0), "nothing but TCP is spoken");
}

#[test]
fn where_no_region_answers_the_reason_is_told_and_the_exit_code_is_1() {
    let lab = RunningLab::start("healthy-private");
    // Bound and closed again: nobody listens there.
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = format!("--connect-to=::{refused}");
    let ran = run(["regions", "--probe", "-4", lab.resolver(), &refused]);
    assert_eq!(ran.code, Some(i32::from(exit::FINDINGS)));
    assert_eq!(ran.stdout.matches("connection refused").count(), REGIONS.len(), "{}", ran.stdout);
    assert_eq!(ran.last_line(), "none of 25 regions could be reached on TCP port 443");

    let no_address = run(["regions", "--probe", "-6", lab.resolver()]);
    assert_eq!(no_address.code, Some(i32::from(exit::FINDINGS)));
    assert_eq!(no_address.stdout.matches("look-up: no records").count(), REGIONS.len(), "{}", no_address.stdout);
}

#[test]
fn what_was_not_measured_in_time_is_inconclusive() {
    let silent = RunningLab::start("resolver-silent");
    let ran = run(["regions", "--probe", "-4", silent.resolver(), "--deadline=1ms"]);
    assert_eq!(ran.code, Some(i32::from(exit::INCONCLUSIVE)), "{ran:?}");
    assert_eq!(ran.stdout.matches("not run: deadline").count(), REGIONS.len(), "{}", ran.stdout);
    assert_eq!(ran.last_line(), "no region was tried");
}

#[test]
fn bad_flags_are_refused() {
    for (flag, told) in [("--port=0", "--port"), ("--count=0", "--count"), ("--resolver=nowhere", "--resolver")] {
        let ran = run(["regions", "--probe", "--resolver=127.0.0.1:1", flag]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(i32::from(exit::USAGE)), ""), "{flag}");
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
}

#[test]
fn an_interrupted_ranking_shows_what_was_measured() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = format!("--resolver={}", server.local_addr().unwrap());
    let probe = Cosprobe::new(["regions", "--probe", "-4", "--timeout=5m", "--deadline=5m"]).arguments([&resolver]);
    let ran = probe.run_with(|process| {
        // A question shows that the run goes on, and it gets no answer.
        server.recv_from(&mut [0; 512]).unwrap();
        interrupt(process);
    });
    assert_eq!(ran.code, Some(i32::from(exit::INTERRUPTED)), "{ran:?}");
    assert_eq!(ran.stdout.matches("not run: interrupted").count(), REGIONS.len(), "{}", ran.stdout);
    assert_eq!(ran.last_line(), "no region was tried");
}
