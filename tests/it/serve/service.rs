//! The real service as a child process, asked over sockets of the test's own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::RunningLab;

/// No condition is waited for longer.
const MOST: Duration = Duration::from_secs(20);

/// Asks again and again until there is an answer; that there is none in time is a failure.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(begun.elapsed() < MOST, "{what}: not within {} s", MOST.as_secs());
        thread::sleep(Duration::from_millis(20));
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a sample; its name begins the line, and the labels hold the words.
    pub(crate) fn sample(&self, name: &str, words: &[&str]) -> Option<f64> {
        let mut lines = self.body.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        lines.find(|line| words.iter().all(|word| line.contains(word)))?.rsplit_once(' ')?.1.parse().ok()
    }
}

/// The module `lab`: a check that is led to a lab.
pub(crate) fn lab_module(lab: &RunningLab) -> String {
    let values = |name: &str| {
        let of_name = lab.flags().iter().filter_map(|flag| flag.strip_prefix(&format!("--{name}=")));
        of_name.map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ")
    };
    format!(
        "[modules.lab]\nprobe = \"check\"\ncontrol = \"never\"\ntrace = \"never\"\nconnect_to = [{}]\nresolver = [{}]\n\
         cacert = {}\n",
        values("connect-to"),
        values("resolver"),
        values("cacert")
    )
}

/// A service that runs; dropping it kills it.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
    home: TempDir,
    /// What was told before it listened.
    pub(crate) before: Vec<String>,
    /// What is told since then.
    after: Mutex<mpsc::Receiver<String>>,
}

impl Service {
    pub(crate) fn start(config: &str) -> Self {
        Self::with(config, &[])
    }

    pub(crate) fn with(config: &str, flags: &[&str]) -> Self {
        Self::at(tempfile::tempdir().unwrap(), config, flags)
    }

    /// The same with a home that has files already, such as a key.
    pub(crate) fn at(home: TempDir, config: &str, flags: &[&str]) -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_cosprobe")), home, config, flags)
    }

    /// The same by a command that becomes the service when it is given the rest of the line.
    pub(crate) fn of(mut command: Command, home: TempDir, config: &str, flags: &[&str]) -> Self {
        let file = home.path().join("cosprobe.toml");
        std::fs::write(&file, config).unwrap();
        command.args(["serve", "--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(&file).args(flags);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", home.path()).env("COSPROBE_METADATA", "never");
        command.env("COSPROBE_STS_URL", "http://127.0.0.1:1/");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        // Read to its end, so that the service never waits for a reader.
        thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let mut before = Vec::new();
        let address = loop {
            match receiver.recv_timeout(MOST) {
                Ok(line) => {
                    if let Some((_, address)) = line.split_once("listening on ") {
                        break address.split_once("://").unwrap().1.parse().unwrap();
                    }
                    before.push(line);
                }
                Err(problem) => {
                    child.kill().unwrap();
                    panic!("the service does not listen: {problem}");
                }
            }
        };
        Self { child, address, home, before, after: Mutex::new(receiver) }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.home.path().join("cosprobe.toml")
    }

    /// What has been told since it listens and was not asked for yet.
    pub(crate) fn told(&self) -> Vec<String> {
        self.after.lock().unwrap().try_iter().collect()
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(MOST)).unwrap();
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "")
    }

    /// Asks with further lines of the head, each with its line end.
    pub(crate) fn request(&self, method: &str, path: &str, lines: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(head(method, path, lines).as_bytes()).unwrap();
        answer(stream)
    }

    pub(crate) fn metric(&self, name: &str, words: &[&str]) -> Option<f64> {
        self.get("/metrics").sample(name, words)
    }

    /// How many probes were taken.
    pub(crate) fn probes(&self) -> f64 {
        let metrics = self.get("/metrics");
        let count = |word| metrics.sample("cosprobe_probes_total", &[word]).unwrap();
        count("success=\"true\"") + count("success=\"false\"")
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn head(method: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: cosprobe.example\r\nConnection: close\r\n{lines}\r\n")
}

/// Reads an answer to the end of its connection.
pub(crate) fn answer(mut stream: impl Read) -> Answer {
    let mut bytes = Vec::new();
    // Whoever sends too much may be reset behind the answer; what came by then counts.
    let ended = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?} {ended:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// A listener that lets the kernel take connects, and says nothing.
pub(crate) fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// A port at which nobody listens; it stays taken as long as the socket is there.
pub(crate) fn refusing() -> (u16, std::net::UdpSocket) {
    // A listener's port is free again for others at once, so one is taken that only UDP has.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    (socket.local_addr().unwrap().port(), socket)
}
