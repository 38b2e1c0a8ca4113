//! Many at once, slow ones, hostile ones, and the end.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::service::{Service, answer, eventually, head, silent};
use crate::support::signal;

/// A module whose requests go to a listener of the test, which need not answer, and a target beside it.
fn config(slow: &TcpListener, quick: &TcpListener) -> String {
    let (slow, quick) = (slow.local_addr().unwrap(), quick.local_addr().unwrap());
    format!(
        "[modules.slow]\nprobe = \"head\"\nanonymous = true\nport = 80\nattempt_timeout = \"15s\"\ntimeout = \"16s\"\n\
         connect_to = \"cos.ap-guangzhou.myqcloud.com:80:{slow}\"\n\
         [[targets]]\ntarget = \"{quick}\"\nmodule = \"tcp_connect\"\ninterval = \"1h\"\n"
    )
}

/// An address with a name of COS beside it needs no name server; it stands in the file as well.
fn slow_service() -> (Service, TcpListener, TcpListener) {
    let (slow, quick) = (silent(), silent());
    let more = "[[targets]]\ntarget = \"http://127.0.0.1\"\nmodule = \"slow\"\ninterval = \"1h\"\n";
    let text = config(&slow, &quick).replace("cos.ap-guangzhou.myqcloud.com:80:", "127.0.0.1:80:") + more;
    (Service::start(&text), slow, quick)
}

const SLOW: &str = "/probe?target=http://127.0.0.1&module=slow";

fn under_way(service: &Service) -> Option<()> {
    (service.metric("cosprobe_probes_under_way", &[]) == Some(1.0)).then_some(())
}

/// Connections of the service that are open and have nothing left to be read, by the kernel.
fn read_out(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let local = format!("0100007F:{port:04X}");
    let is_read = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.len() > 4 && fields[1] == local && fields[3] == "01" && fields[4].ends_with(":00000000")
    };
    table.lines().filter(is_read).count()
}

#[test]
fn the_same_question_at_once_is_one_probe() {
    let (service, slow, _quick) = slow_service();
    let clients: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut client = service.connect();
            client.write_all(head("GET", SLOW, "").as_bytes()).unwrap();
            client
        })
        .collect();
    eventually("all questions are read", || (read_out(service.address.port()) == 20).then_some(()));
    eventually("one probe is under way", || under_way(&service));
    // Whoever listens no more resets what waits, which ends the probe.
    drop(slow);
    for client in clients {
        let answer = answer(client);
        assert_eq!((answer.status, answer.sample("probe_success", &[])), (200, Some(0.0)), "{answer:?}");
    }
    assert!((service.probes() - 1.0).abs() < 0.1, "{} probes", service.probes());
}

#[test]
fn a_slow_target_delays_no_other_and_not_the_end() {
    let (mut service, _slow, quick) = slow_service();
    let mut client = service.connect();
    client.write_all(head("GET", SLOW, "").as_bytes()).unwrap();
    eventually("the slow probe is under way", || under_way(&service));
    let path = format!("/probe?target={}&module=tcp_connect", quick.local_addr().unwrap());
    assert_eq!(service.get(&path).sample("probe_success", &[]), Some(1.0));
    assert_eq!(under_way(&service), Some(()), "the slow probe goes on");
    let begun = Instant::now();
    signal("TERM", service.process());
    let status = eventually("the end", || service.ended());
    assert!(status.success(), "{status}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// Whether the other side has closed.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 512]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn connections_beyond_the_limit_are_closed_and_it_answers_again() {
    let (service, _slow, _quick) = slow_service();
    let (_, most) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, most, most).unwrap();
    let mut idle: Vec<TcpStream> = (0..1030).map(|_| service.connect()).collect();
    for stream in &mut idle[1024..] {
        assert!(is_closed(stream), "a connection beyond the limit is open");
    }
    idle[0].set_nonblocking(true).unwrap();
    assert!(!is_closed(&mut idle[0]), "a connection below the limit is closed");
    drop(idle);
    eventually("an answer", || {
        let mut stream = service.connect();
        // It may be closed at once.
        stream.write_all(head("GET", "/-/healthy", "").as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.ends_with("Healthy\n").then_some(())
    });
    assert!(service.metric("cosprobe_refused_connections_total", &[]).is_some_and(|count| count >= 6.0));
}

#[test]
fn a_request_that_trickles_in_is_cut_off() {
    let (service, _slow, _quick) = slow_service();
    let mut stream = service.connect();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let begun = Instant::now();
    let request = head("GET", "/-/healthy", "");
    for byte in request.bytes() {
        // The wait for the answer is what makes it trickle.
        if stream.write_all(&[byte]).is_err() || is_closed(&mut stream) {
            break;
        }
    }
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(13), "{took:?}");
    assert_eq!(service.get("/-/healthy").status, 200);
}
