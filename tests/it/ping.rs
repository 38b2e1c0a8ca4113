//! `ping` through the binary, on loopback: lines, formats, exit codes, and how it ends.

use std::net::TcpListener;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::support::{Cosprobe, RunningLab, interrupt, run};

/// A port of loopback that takes connections, as `HOST:PORT`.
fn open() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// A port of loopback that refuses them as long as the socket lives.
fn refusing() -> (Socket, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap().to_string();
    (socket, address)
}

fn documents(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))).collect()
}

#[test]
fn every_connect_is_told_and_the_figures_stand_at_the_end() {
    let (_listener, address) = open();
    let ran = run(["ping", &address, "-c", "3", "-i", "20ms"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let connected = ran.stdout.lines().filter(|line| line.starts_with(&format!("Connected to {address}: number=")));
    assert_eq!(connected.count(), 3, "{}", ran.stdout);
    assert!(ran.stdout.contains("3 sent, 3 connected, 0.0% loss, 0 with lost SYN"), "{}", ran.stdout);
    assert!(ran.stdout.contains("kernel RTT min "), "{}", ran.stdout);
}

#[test]
fn what_is_refused_is_loss_and_in_no_time() {
    let (_socket, address) = refusing();
    let ran = run(["ping", &address, "-c", "2", "-i", "20ms"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("number=2 connection refused"), "{}", ran.stdout);
    assert!(ran.stdout.contains("2 sent, 0 connected, 100.0% loss"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("kernel RTT") && !ran.stdout.contains("user time"), "{}", ran.stdout);
}

#[test]
fn the_document_holds_every_connect_and_the_figures() {
    let ((_listener, good), (_socket, bad)) = (open(), refusing());
    let targets = format!("{good}\n{bad} # refuses\n");
    let ran = Cosprobe::new(["ping", "--targets-from=-", "--count=4", "--interval=10ms", "--format=json"])
        .input(&targets)
        .run();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let document = ran.json();
    let samples = document["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 8);
    assert_eq!(samples.iter().filter(|sample| sample["kernel_rtt_us"].is_u64()).count(), 4);
    let of = |peer: &str| {
        let port: u64 = peer.rsplit(':').next().unwrap().parse().unwrap();
        document["series"].as_array().unwrap().iter().find(|series| series["port"] == port).unwrap().clone()
    };
    assert_eq!((&of(&good)["connected"], &of(&good)["kernel_rtt_us"]["count"]), (&4.into(), &4.into()));
    assert_eq!((&of(&bad)["loss_percent"], &of(&bad)["failures"]["connection_refused"]), (&100.0.into(), &4.into()));
    assert_eq!(of(&bad)["longest_down"]["count"], 4);
}

#[test]
fn warm_ups_are_told_and_not_counted() {
    let (_listener, address) = open();
    let ran = run(["ping", &address, "-c", "2", "-w", "3", "-i", "10ms", "--format", "jsonl"]);
    let events = documents(&ran.stdout);
    let probes: Vec<_> = events.iter().filter(|event| event["event"] == "probe").collect();
    assert_eq!(probes.len(), 5);
    assert_eq!(probes.iter().filter(|probe| probe["is_warm_up"] == true).count(), 3);
    let summary = events.last().unwrap();
    assert_eq!((&summary["event"], &summary["sent"]), (&"summary".into(), &2.into()));
}

#[test]
fn lines_of_csv_have_as_many_fields_as_their_head() {
    let ((_listener, good), (_socket, bad)) = (open(), refusing());
    let ran = run(["ping", &good, &bad, "-c", "1", "--format", "csv"]);
    let fields: Vec<usize> = ran.stdout.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(fields, [10, 10, 10], "{}", ran.stdout);
}

#[test]
fn an_interrupt_is_the_end_and_the_figures_are_shown() {
    let (listener, address) = open();
    let ping = |arguments: &[&str]| {
        Cosprobe::new(["ping", &address, "-i", "10ms"]).arguments(arguments).run_with(|process| {
            // Three connects show that it goes on.
            (0..3).for_each(|_| drop(listener.accept().unwrap()));
            interrupt(process);
        })
    };
    let endless = ping(&[]);
    assert_eq!(endless.code, Some(0), "{endless:?}");
    assert!(endless.stdout.contains(" sent, "), "{}", endless.stdout);
    let counted = ping(&["-c", "100000"]);
    assert_eq!(counted.code, Some(130), "{counted:?}");
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let (listener, address) = open();
    let (reader, writer) = std::io::pipe().unwrap();
    let ran = Cosprobe::new(["ping", &address, "-i", "10ms"]).stdout(writer).run_with(|_| {
        drop(listener.accept().unwrap());
        drop(reader);
    });
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stderr, "");
}

#[test]
fn names_are_resolved_and_every_address_and_port_is_connected_to() {
    let lab = RunningLab::start("one-address-dead");
    let (http, https) = (lab.loopback(80).to_string(), lab.loopback(443).to_string());
    let connect_to = format!("--connect-to=:80:{http},:443:{https}");
    let arguments = ["ping", lab.target(), lab.resolver(), &connect_to, "-c1", "-4", "--format=json"];
    let document = run(arguments).json();
    let series = document["series"].as_array().unwrap();
    assert_eq!(series.len(), 6, "three addresses, two ports: {document:#}");
    assert!(series.iter().all(|series| series["endpoint"] == lab.host()));
}

#[test]
fn a_name_without_an_address_is_told_with_the_reason() {
    let lab = RunningLab::start("name-not-found");
    let ran = run(["ping", lab.target(), lab.resolver(), "-c1"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(ran.last_line(), format!("{} has no address: name not found", lab.host()));
}

#[test]
fn what_cannot_be_is_refused() {
    for (arguments, named) in [
        (&["127.0.0.1:9", "-i", "1ms"][..], "--fast"),
        (&["127.0.0.1:9", "-c", "0"], "--count"),
        (&["127.0.0.1:9", "-i", "0"], "--interval"),
        (&["127.0.0.1:70000"], "70000"),
        (&["127.0.0.1:9", "-6"], "address family"),
        (&["127.0.0.1", "--icmp", "-p", "443"], "--port"),
        (&["127.0.0.1:9", "-I", "no-such-dev0"], "no such interface; there are lo"),
        (&["127.0.0.1:9", "-I", "192.0.2.1"], "no such address; there are "),
        (&["127.0.0.1:9", "-I", "127.0.0.1", "-6"], "address family"),
        (&[], "nothing to connect to"),
    ] {
        let ran = Cosprobe::new(["ping"]).arguments(arguments).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(named), "{arguments:?}: {ran:?}");
    }
    let (_listener, address) = open();
    assert_eq!(run(["ping", &address, "-c", "2", "-i", "1ms", "--fast"]).code, Some(0));
}

/// Listens with a full queue, so that the kernel drops SYNs to any address of loopback; the connections that fill it, and the port.
fn dropping() -> (Socket, Vec<Socket>, u16) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&std::net::SocketAddr::from(([0, 0, 0, 0], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let port = listener.local_addr().unwrap().as_socket().unwrap().port();
    let fill = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into());
        socket
    };
    let filling = (0..3).map(|_| fill()).collect();
    (listener, filling, port)
}

#[test]
fn what_finds_no_file_left_is_no_loss_and_the_run_goes_on() {
    let ((_listener, good), (_dropping, _filling, port)) = (open(), dropping());
    let silent = (1..=60).map(|last| format!("127.0.0.{last}:{port}"));
    let peers = [good.clone()].into_iter().chain(silent).collect::<Vec<_>>().join("\n");
    let figures = |arguments: &[&str]| {
        let all = ["ping", "--targets-from=-", "-c1", "--timeout=200ms", "--format=json"];
        let ran = Cosprobe::with_open_files(40, all.iter().chain(arguments).copied()).input(&peers).run();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let document = ran.json();
        let sum = |field: &str| document["series"].as_array().unwrap().iter().map(|s| s[field].as_u64().unwrap()).sum();
        let sums: [u64; 3] = [sum("sent"), sum("connected"), sum("not_tried")];
        sums
    };
    assert_eq!(figures(&[]), [61, 1, 0], "without a word of the user there are files for all");
    let [sent, connected, not_tried] = figures(&["--concurrency=61"]);
    assert!(not_tried > 0 && sent + not_tried == 61 && connected == 1, "{sent} {connected} {not_tried}");
}
