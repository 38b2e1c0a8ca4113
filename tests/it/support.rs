//! Running the real binary, bounded in time and with nothing of the caller's environment; and a lab beside it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use cosprobe::lab::{self, Calls, Key, Lab};
use cosprobe::report::Report;
use serde_json::Value;
use tokio::sync::oneshot;

/// No command of the tests may take longer.
pub(crate) const MOST: Duration = Duration::from_secs(30);

/// A file or directory of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Whether pages and goldens are to be written anew.
pub(crate) fn is_updating() -> bool {
    std::env::var_os("UPDATE").is_some()
}

/// The text of a file of the repository.
pub(crate) fn read(path: &str) -> String {
    let path = repository(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a directory of the repository whose name ends with one of some endings, with its path from the root.
pub(crate) fn files(directory: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(repository(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
            } else if endings.iter().any(|ending| path.ends_with(ending)) {
                let text = read(&path);
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard output, which has to be exactly one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Standard output as a report.
    pub(crate) fn report(&self) -> Report {
        Report::read(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }
}

/// A command line of cosprobe.
pub(crate) struct Cosprobe {
    command: Command,
    input: Option<String>,
}

impl Cosprobe {
    pub(crate) fn new<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_cosprobe"))).arguments(arguments)
    }

    /// The same for a process that may open so many files.
    pub(crate) fn with_open_files<'a>(most: u32, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of_shell(&format!("ulimit -n {most} && exec \"$0\" \"$@\""), arguments)
    }

    /// The same behind a command of the shell that runs it.
    pub(crate) fn of_shell<'a>(command: &str, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", command, env!("CARGO_BIN_EXE_cosprobe")]);
        Self::of(shell).arguments(arguments)
    }

    fn of(mut command: Command) -> Self {
        command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        // Also on a machine of Tencent, and where a test goes wrong, nothing leaves loopback.
        command.env("COSPROBE_METADATA", "never").env("COSPROBE_STS_URL", "http://127.0.0.1:1/");
        Self { command, input: None }
    }

    pub(crate) fn arguments<A: AsRef<std::ffi::OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// What stands on standard input; without it, nothing does.
    pub(crate) fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Where standard output goes instead of into [`Ran::stdout`].
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Runs to the end.
    pub(crate) fn run(self) -> Ran {
        self.run_with(|_| {})
    }

    /// Runs to the end, and does something with the number of the process while it runs.
    pub(crate) fn run_with(mut self, meanwhile: impl FnOnce(u32)) -> Ran {
        self.command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = self.command.spawn().unwrap();
        // Otherwise the command would keep the test's ends of its own pipes open.
        drop(self.command);
        if let (Some(mut stdin), Some(text)) = (child.stdin.take(), self.input) {
            stdin.write_all(text.as_bytes()).unwrap();
        }
        let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
        meanwhile(child.id());
        let (stdout, stderr) = (wait_for(&stdout, &mut child), wait_for(&stderr, &mut child));
        Ran { code: child.wait().unwrap().code(), stdout, stderr }
    }
}

/// Reads a pipe to its end on a thread of its own.
fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).unwrap();
        }
        // The test that waits may have failed already.
        let _ = sender.send(String::from_utf8(bytes).unwrap_or_else(|error| format!("not UTF-8: {error}")));
    });
    receiver
}

fn wait_for(output: &mpsc::Receiver<String>, child: &mut Child) -> String {
    output.recv_timeout(MOST).unwrap_or_else(|_| {
        child.kill().unwrap();
        panic!("cosprobe ran for more than {} s and was killed", MOST.as_secs())
    })
}

/// Shorthand: runs a command line to its end.
pub(crate) fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Ran {
    Cosprobe::new(arguments).run()
}

/// Sends a process the signal that Ctrl-C sends.
pub(crate) fn interrupt(process: u32) {
    signal("INT", process);
}

/// Sends a process a signal.
pub(crate) fn signal(name: &str, process: u32) {
    let command = format!("kill -{name} \"$0\"");
    assert!(Command::new("sh").args(["-c", &command, &process.to_string()]).status().unwrap().success());
}

/// The report of every demo, by the name of its scenario. They are run once for all tests.
pub(crate) fn demos() -> &'static BTreeMap<&'static str, Report> {
    static REPORTS: OnceLock<BTreeMap<&str, Report>> = OnceLock::new();
    REPORTS.get_or_init(|| {
        let next = AtomicUsize::new(0);
        // Some scenarios only wait, so a few at a time take no longer than the slowest of them.
        let work = || {
            let mut reports = Vec::new();
            while let Some(scenario) = lab::SCENARIOS.get(next.fetch_add(1, Ordering::Relaxed)) {
                reports.push((scenario.name, run(["demo", scenario.name, "--format=json"]).report()));
            }
            reports
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..6).map(|_| scope.spawn(work)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        })
    })
}

/// A lab on a thread of its own, for runs of the binary. Dropping it stops it.
pub(crate) struct RunningLab {
    /// The flags and the file that a user would give.
    flags: Vec<String>,
    host: &'static str,
    target: &'static str,
    key: Option<Key>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<(Calls, Vec<String>)>>,
}

impl RunningLab {
    pub(crate) fn start(scenario: &str) -> Self {
        let scenario = lab::find(scenario).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (sender, started) = mpsc::channel();
        let thread = thread::spawn(move || {
            runtime().block_on(async {
                let lab = Lab::start(scenario).await.unwrap();
                sender.send((flags(&lab), lab.host(), lab.target(), lab.key())).unwrap();
                // An error means that the test is gone, which ends the lab all the same.
                let _ = stopped.await;
                (lab.calls(), lab.objects())
            })
        });
        let (flags, host, target, key) = started.recv_timeout(MOST).unwrap();
        Self { flags, host, target, key, stop: Some(stop), thread: Some(thread) }
    }

    /// The flags that lead a command to the lab.
    pub(crate) fn flags(&self) -> &[String] {
        &self.flags
    }

    /// `check`, led to the lab through the seams that users have, without a target.
    pub(crate) fn check(&self) -> Cosprobe {
        self.command("check")
    }

    /// A command that takes the flags of `check`.
    pub(crate) fn command(&self, name: &str) -> Cosprobe {
        self.with_key(name).arguments(&self.flags)
    }

    /// Any command, with the key of the lab's client in its environment.
    pub(crate) fn with_key(&self, name: &str) -> Cosprobe {
        let mut command = Cosprobe::new([name]);
        if let Some(key) = self.key {
            command = command.variable("COS_SECRET_ID", key.secret_id).variable("COS_SECRET_KEY", key.secret_key);
            command =
                key.token.into_iter().fold(command, |command, token| command.variable("COS_SESSION_TOKEN", token));
        }
        command
    }

    /// Where the lab really listens for one of COS's ports.
    pub(crate) fn loopback(&self, port: u16) -> SocketAddr {
        let of_port = |flag: &String| {
            let rule = flag.strip_prefix("--connect-to=")?;
            let (_, rest) = rule.split_once(&format!(":{port}:"))?;
            rest.parse().ok()
        };
        self.flags.iter().find_map(of_port).unwrap()
    }

    pub(crate) const fn host(&self) -> &'static str {
        self.host
    }

    /// The flag that leads to the lab's name server.
    pub(crate) fn resolver(&self) -> &str {
        &self.flags[0]
    }

    /// What to check, as people type it.
    pub(crate) const fn target(&self) -> &'static str {
        self.target
    }

    pub(crate) fn secret_id(&self) -> &str {
        self.key.unwrap().secret_id
    }

    /// The token that the lab's account knows.
    pub(crate) fn token(&self) -> Option<&str> {
        self.key.unwrap().token
    }

    pub(crate) fn secret_key(&self) -> &str {
        self.key.unwrap().secret_key
    }

    /// Stops the lab and tells how often it was called.
    pub(crate) fn stop(self) -> Calls {
        self.stop_and_list().0
    }

    /// The same, and the keys of the objects that are left in the bucket.
    pub(crate) fn stop_and_list(mut self) -> (Calls, Vec<String>) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for RunningLab {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the lab has been told by then, and the test fails for want of a lab.
            let _ = thread.join();
        }
    }
}

fn flags(lab: &Lab) -> Vec<String> {
    let mut flags = vec![format!("--resolver={}", lab.resolver()), format!("--cacert={}", lab.ca_file().display())];
    for rule in lab.connect_to() {
        let (port, to_port) = (rule.port.unwrap(), rule.to_port.unwrap());
        flags.push(format!("--connect-to={}:{port}:{}:{to_port}", rule.host, rule.to));
    }
    flags
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// What is wrong with a report by the schema of reports.
pub(crate) fn schema_problems(report: &Value) -> Vec<String> {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    problems_of(SCHEMA.get_or_init(|| validator(&cosprobe::report::schema())), report)
}

/// What is wrong with a document by a schema.
pub(crate) fn problems_by(schema: &str, report: &Value) -> Vec<String> {
    problems_of(&validator(schema), report)
}

fn validator(schema: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap()
}

fn problems_of(validator: &jsonschema::Validator, report: &Value) -> Vec<String> {
    validator.iter_errors(report).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
