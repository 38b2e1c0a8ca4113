//! What the service does when what it stands on fails: name servers, descriptors, its own file, its end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::service::{Answer, Service, answer, eventually, head, silent};
use crate::namespaces::in_namespaces;
use crate::support::{Cosprobe, signal};

/// A number of `/proc/PID/status`.
fn status(service: &Service, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", service.process())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn descriptors(service: &Service) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", service.process())).unwrap().count()
}

/// A port whose connections are taken and closed, however many there are.
fn accepting() -> u16 {
    accepting_at("127.0.0.1:0")
}

fn accepting_at(address: &str) -> u16 {
    let listener = TcpListener::bind(address).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
}

/// Puts a file of the test in the place of one of the machine; in a mount namespace only this test sees it.
fn replace(machine: &str, text: &str, directory: &std::path::Path) {
    let own = directory.join(machine.rsplit_once('/').unwrap().1);
    std::fs::write(&own, text).unwrap();
    let place = std::fs::canonicalize(machine).unwrap();
    assert!(Command::new("mount").arg("--bind").args([&own, &place]).status().unwrap().success());
}

/// Answers a question: 10.9.9.9 for addresses of version 4, and nothing for others.
fn reply(question: &[u8]) -> Vec<u8> {
    let name = question[12..].iter().position(|byte| *byte == 0).unwrap() + 13;
    let is_a = question[name..name + 2] == [0, 1];
    let mut reply = question[..2].to_vec();
    reply.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    reply.extend(&question[12..name + 4]);
    if is_a {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 9, 9, 9]);
    }
    reply
}

const NAMES: u32 = 40;

#[test]
fn name_servers_that_never_answer_use_nothing_up_and_are_asked_again() {
    in_namespaces("serve::faults::name_servers_that_never_answer_use_nothing_up_and_are_asked_again", || {
        let directory = tempfile::tempdir().unwrap();
        replace("/etc/resolv.conf", "nameserver 127.0.0.53\n", directory.path());
        replace("/etc/nsswitch.conf", "hosts: files dns\n", directory.path());
        let (port, names) = (accepting_at("0.0.0.0:0"), UdpSocket::bind("127.0.0.53:53").unwrap());
        let mut own = Command::new("ip");
        assert!(own.args(["address", "add", "10.9.9.9/32", "dev", "lo"]).status().unwrap().success());
        let target = |target: &str| {
            format!("[[targets]]\ntarget = \"{target}:{port}\"\nmodule = \"quick\"\ninterval = \"1s\"\n")
        };
        let mut file =
            "[modules.quick]\nprobe = \"connect\"\nattempt_timeout = \"300ms\"\ntimeout = \"800ms\"\n".to_owned();
        file.extend((0..NAMES).map(|number| target(&format!("n{number}.example.com"))));
        let service = Service::start(&format!("{file}{}", target("127.0.0.1")));
        let other = format!("/probe?target=127.0.0.1:{port}&module=quick");
        // The C library waits ten seconds for each; after as many rounds all would wait at once.
        let (mut slowest, mut most) = (Duration::ZERO, (0, 0));
        eventually("ten rounds", || {
            let begun = Instant::now();
            let answer = service.get(&other);
            assert_eq!(answer.sample("probe_success", &[]), Some(1.0), "{answer:?}");
            slowest = slowest.max(begun.elapsed());
            most = (most.0.max(status(&service, "Threads")), most.1.max(descriptors(&service)));
            (service.probes() >= f64::from(NAMES * 10)).then_some(())
        });
        assert!(slowest < Duration::from_millis(600), "{slowest:?}");
        // Four look-ups of a name, each with a thread and a socket; and some of everything else.
        assert!(most.0 <= u64::from(NAMES) * 4 + 20, "{most:?}");
        assert!(most.1 <= NAMES as usize * 8 + 40, "{most:?}");
        assert_eq!(service.metric("probe_success", &["target=\"n1.example.com"]), Some(0.0));
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = names.recv_from(&mut question) {
                // Who asked has gone by now.
                let _ = names.send_to(&reply(&question[..length]), from);
            }
        });
        let begun = Instant::now();
        eventually("all names", || {
            let metrics = service.get("/metrics");
            let good = metrics.body.lines().filter(|line| line.starts_with("probe_success{") && line.ends_with(" 1"));
            (good.count() == NAMES as usize + 1).then_some(())
        });
        // A question that got lost is sent again by the C library after five seconds.
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    });
}

#[test]
fn when_all_targets_are_down_it_says_so_and_sees_them_come_back() {
    // An address of its own: nobody else takes the port meanwhile.
    let address = TcpListener::bind("127.77.3.1:0").unwrap().local_addr().unwrap();
    let modules = "[modules.quick]\nprobe = \"connect\"\n[modules.other]\nprobe = \"connect\"\n";
    let target = |module| format!("[[targets]]\ntarget = \"{address}\"\nmodule = \"{module}\"\ninterval = \"1s\"\n");
    let file = [modules, &target("quick"), &target("other")].concat();
    let service = Service::start(&file);
    let all_are = |value: f64| {
        let of = |module: &str| service.metric("probe_success", &[&format!("module=\"{module}\"")]);
        ["quick", "other"].iter().all(|module| of(module) == Some(value)).then_some(())
    };
    eventually("failures", || all_are(0.0));
    assert_eq!(
        service.metric("cosprobe_finding", &["module=\"quick\"", "code=\"TCP001\"", "root=\"true\""]),
        Some(1.0)
    );
    assert_eq!(service.get("/-/healthy").status, 200);
    let back = accepting_at(&address.to_string());
    assert_eq!(back, address.port());
    eventually("successes", || all_are(1.0));
}

#[test]
fn many_probes_leave_the_memory_where_it_is() {
    let port = accepting();
    let target = format!("[[targets]]\ntarget = \"127.0.0.1:{port}\"\nmodule = \"quick\"\ninterval = \"1h\"\n");
    let service = Service::start(&format!("[modules.quick]\nprobe = \"connect\"\n{target}"));
    let probe_often = || {
        for _ in 0..1_500 {
            assert_eq!(service.get(&format!("/probe?target=127.0.0.1:{port}&module=quick")).status, 200);
        }
        status(&service, "RssAnon")
    };
    // The first ones fill what is kept of the last probes.
    let (before, after) = (probe_often(), probe_often().max(probe_often()));
    // A kilobyte that each left behind would be three thousand.
    assert!(after < before + 1_000, "{before} kB, and then {after} kB");
}

#[test]
fn descriptors_that_run_out_are_told_as_that_and_it_recovers() {
    let listener = silent();
    let target = listener.local_addr().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 40 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_cosprobe")]);
    let text = format!("[[targets]]\ntarget = \"{target}\"\nmodule = \"tcp_connect\"\ninterval = \"1s\"\n");
    let service = Service::of(command, tempfile::tempdir().unwrap(), &text, &[]);
    eventually("a good probe", || service.metric("probe_success", &[]).filter(|value| *value > 0.5));
    // A connection that is there before is answered all the time.
    let mut kept = service.connect();
    let mut ask = |path: &str| {
        kept.write_all(format!("GET {path} HTTP/1.1\r\nHost: cosprobe.example\r\n\r\n").as_bytes()).unwrap();
        next_answer(&mut kept)
    };
    assert_eq!(ask("/metrics").sample("probe_success", &[]), Some(1.0));
    let idle: Vec<TcpStream> = (0..60).map(|_| service.connect()).collect();
    eventually("a probe without a descriptor", || {
        ask("/metrics").sample("probe_success", &[]).filter(|value| *value < 0.5)
    });
    let page = ask("/");
    assert!(page.body.contains("<b>HST006</b> no file descriptor is left for a connection"), "{page:?}");
    assert!(!page.body.contains("TCP0"), "{page:?}");
    drop(idle);
    eventually("a good probe", || service.metric("probe_success", &[]).filter(|value| *value > 0.5));
}

/// Reads one answer of a connection that stays open.
fn next_answer(stream: &mut TcpStream) -> Answer {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "the connection is closed after {head:?}");
    }
    let length = head.to_lowercase();
    let length = length.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    answer(format!("{head}{}", String::from_utf8(body).unwrap()).as_bytes())
}

/// Probes all the time with so many clients until told to end; what was not answered with 200.
fn besieged(service: &Service, path: &str, clients: usize, work: impl FnOnce()) -> (u64, BTreeSet<String>) {
    let (is_over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let wrong = thread::scope(|scope| {
        let client = || {
            let mut wrong = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let answer = service.get(path);
                answered.fetch_add(1, Ordering::Relaxed);
                if answer.status != 200 || answer.sample("probe_success", &[]) != Some(1.0) {
                    wrong.push(format!("{answer:?}"));
                }
            }
            wrong
        };
        let all: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        eventually("all clients are answered", || (answered.load(Ordering::Relaxed) > clients as u64).then_some(()));
        work();
        is_over.store(true, Ordering::Relaxed);
        all.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    (answered.load(Ordering::Relaxed), wrong)
}

#[test]
fn reading_the_file_again_under_load_loses_no_answer_and_no_probe() {
    let ports = [accepting(), accepting()];
    let targets = ports.map(|port| {
        format!("[[targets]]\ntarget = \"127.0.0.1:{port}\"\nmodule = \"tcp_connect\"\ninterval = \"2s\"\n")
    });
    let service = Service::start(&targets.concat());
    let path = format!("/probe?target=127.0.0.1:{}&module=tcp_connect", ports[0]);
    let mut before = (0, 0);
    let (_, wrong) = besieged(&service, &path, 32, || {
        before = (status(&service, "Threads"), descriptors(&service));
        let begun = Instant::now();
        // More often than a target is probed: if each reading began the interval anew, few probes would ever be due.
        let mut readings = 0;
        while begun.elapsed() < Duration::from_secs(5) {
            assert_eq!(service.request("POST", "/-/reload", "").status, 200);
            signal("HUP", service.process());
            readings += 1;
        }
        assert!(readings > 10, "{readings}");
    });
    assert!(wrong.is_empty(), "{wrong:?}");
    let probed = service.metric("cosprobe_kernel_rtt_seconds_count", &[&format!("target=\"127.0.0.1:{}\"", ports[1])]);
    // A connect has three samples and one round trip that counts; two or three were due.
    assert!(probed.is_some_and(|count| count >= 2.0), "{probed:?}");
    eventually("nothing is left over", || {
        let now = (status(&service, "Threads"), descriptors(&service));
        (now.0 <= before.0 + 4 && now.1 <= before.1).then_some(())
    });
}

#[test]
fn the_end_under_load_lets_answers_come_to_their_end() {
    let port = accepting();
    let text = format!("[[targets]]\ntarget = \"127.0.0.1:{port}\"\nmodule = \"tcp_connect\"\ninterval = \"1h\"\n");
    let mut service = Service::start(&text);
    let path = format!("/probe?target=127.0.0.1:{port}&module=tcp_connect");
    let address = service.address;
    let clients: Vec<_> = (0..32)
        .map(|_| {
            let path = path.clone();
            thread::spawn(move || {
                let mut count = 0;
                // Nobody listens any more: that is the end.
                while let Ok(mut stream) = TcpStream::connect(address) {
                    let mut text = String::new();
                    let is_sent = stream.write_all(head("GET", &path, "").as_bytes()).is_ok();
                    // One that was never accepted is reset; one that was begun is whole.
                    if is_sent && stream.read_to_string(&mut text).is_ok() && !text.is_empty() {
                        assert!(text.contains("\nprobe_success 1\n"), "{text}");
                        count += 1;
                    }
                }
                count
            })
        })
        .collect();
    eventually("a load", || (service.probes() > 50.0).then_some(()));
    signal("TERM", service.process());
    let begun = Instant::now();
    let status = eventually("the end", || service.ended());
    assert!(status.success() && begun.elapsed() < Duration::from_secs(5), "{status} {:?}", begun.elapsed());
    let counts: Vec<u32> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn a_check_without_descriptors_says_so_and_blames_nobody() {
    let listener = silent();
    let peer = listener.local_addr().unwrap().to_string();
    let mut told = BTreeSet::new();
    for most in 4..16 {
        let ran = Cosprobe::with_open_files(most, ["check", &peer, "--format", "json"]).run();
        match ran.code {
            // It cannot even begin, or nothing of it is missing.
            Some(3) => assert!(ran.stderr.contains("Too many open files"), "{most}: {ran:?}"),
            Some(0) => assert_eq!(ran.report().findings.len(), 0, "{most}: {ran:?}"),
            code => {
                assert_eq!(code, Some(1), "{most}: {ran:?}");
                let report = ran.report();
                let codes: BTreeSet<_> = report.findings.iter().map(|finding| finding.code.clone()).collect();
                assert!(codes.iter().all(|code| code == "HST006"), "{most}: {codes:?}");
            }
        }
        told.insert(ran.code);
    }
    assert_eq!(told, BTreeSet::from([Some(0), Some(1), Some(3)]), "not all three were seen");
}
