//! Parses, runs, writes, and turns the outcome into an exit code: the only place that prints.

mod pinging;
mod progress;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use cosprobe::cli::{
    Answer, CheckArgs, Command, DnsArgs, HeadArgs, Job, OutputArgs, RegionsArgs, ServeArgs, TraceArgs, replay_file,
    write_part, write_report,
};
use cosprobe::config::Config;
use cosprobe::diagnose::Watch;
use cosprobe::error::{Error, exit};
use cosprobe::evidence::Evidence;
use cosprobe::report::{Format, Report, Style, View, change_line, json_text, render, summary};
use cosprobe::run::{Ending, Progress};

use progress::Shown;

fn main() -> ExitCode {
    let code = match cosprobe::cli::parse() {
        Ok(cli) => execute(cli.command).unwrap_or_else(|error| {
            tell(&format!("error: {error}"));
            error.exit_code()
        }),
        Err(error) => {
            // Help and version go to standard output and are no error; a closed pipe is none either.
            let _ = error.print();
            if error.use_stderr() { exit::USAGE } else { exit::HEALTHY }
        }
    };
    ExitCode::from(code)
}

fn execute(command: Command) -> Result<u8, Error> {
    match command {
        Command::Check(arguments) => check(&arguments),
        Command::Dns(arguments) => dns(&arguments),
        Command::Ping(arguments) => block_on(pinging::pinging(&arguments, interrupted())),
        Command::Head(arguments) => head(&arguments),
        #[cfg(feature = "lab")]
        Command::Demo(arguments) => demo(&arguments),
        Command::Diagnose(arguments) => {
            let report = replay_file(&arguments.from)?;
            finish(report, &arguments.output, View::Addresses)
        }
        Command::Diff(arguments) => {
            let (text, differs) =
                arguments.compared(terminal_width(arguments.output.is_none() && std::io::stdout().is_terminal()))?;
            if !arguments.quiet || arguments.output.is_some() {
                write_report(&text, arguments.output.as_deref())?;
            }
            Ok(if differs { exit::FINDINGS } else { exit::HEALTHY })
        }
        Command::Explain(arguments) => {
            let is_terminal = std::io::stdout().is_terminal();
            let terminal = is_terminal.then(|| (terminal_width(is_terminal), !no_color_is_set()));
            print(&arguments.text(terminal)?)
        }
        Command::Credentials(arguments) => {
            let (text, code) = block_on(arguments.text())?;
            print(&text).map(|_| code)
        }
        Command::Regions(arguments) => regions(&arguments),
        Command::Serve(arguments) => serve(&arguments),
        Command::Sign(arguments) => answer(&block_on(arguments.answer())?),
        Command::Trace(arguments) => trace(&arguments),
        Command::Schema(arguments) => print(&arguments.text()),
    }
}

fn check(arguments: &CheckArgs) -> Result<u8, Error> {
    let report = run(block_on(arguments.job())?, arguments)?;
    finish(report, &arguments.output, View::Addresses)
}

fn head(arguments: &HeadArgs) -> Result<u8, Error> {
    let report = run(block_on(arguments.job())?, &arguments.check)?;
    finish(report, &arguments.check.output, View::Exchanges)
}

fn dns(arguments: &DnsArgs) -> Result<u8, Error> {
    let job = arguments.job()?;
    if let Some(every) = arguments.watch_resolution {
        let watch = block_on(watch(job, every, arguments))?;
        return finish_watch(&watch, &arguments.output);
    }
    let report = block_on(observe(job, Shown::new(arguments.output.quiet, arguments.verbose)))?;
    finish(report, &arguments.output, View::Resolution)
}

/// Looks names up at an interval until the time is over, the user ends it or nobody reads any more, and tells what changes.
async fn watch(job: Job, every: Duration, arguments: &DnsArgs) -> Result<Watch, Error> {
    let mut watch = Watch::default();
    let end = arguments.watch_for.map(|length| tokio::time::Instant::now() + length);
    let over = async {
        match end {
            Some(end) => tokio::time::sleep_until(end).await,
            None => std::future::pending().await,
        }
    };
    let (interrupt, mut ticks, mut config) = (interrupted(), tokio::time::interval(every), job.config);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    tokio::pin!(over, interrupt);
    loop {
        tokio::select! {
            biased;
            () = &mut interrupt => return Ok(watch),
            () = &mut over => return Ok(watch),
            _ = ticks.tick() => {}
        }
        let round = cosprobe::observe(config.clone(), None, std::future::pending(), |_| {});
        tokio::select! {
            biased;
            () = &mut interrupt => return Ok(watch),
            () = &mut over => return Ok(watch),
            observed = round => {
                let (evidence, _) = observed?;
                let at = jiff::Timestamp::now();
                let output = &arguments.output;
                let language = output.language.language();
                for change in watch.take(&evidence, at) {
                    let is_told = output.format == Format::Table && !output.quiet && output.output.is_none();
                    if is_told && !write_part(&format!("{}\n", change_line(&change, at).say(language)))? {
                        return Ok(watch);
                    }
                }
                // Nobody is asked about what is not followed.
                config.targets.retain(|target| !watch.is_cut || watch.follows(&target.host));
            }
        }
    }
}

/// Writes what was seen. It is inconclusive when no look-up was ever answered.
fn finish_watch(watch: &Watch, output: &OutputArgs) -> Result<u8, Error> {
    let text = match output.format {
        Format::Table => format!("\n{}", summary(watch, output.language.language())),
        _ => json_text(watch),
    };
    if !output.quiet || output.output.is_some() {
        write_report(&text, output.output.as_deref())?;
    }
    let answered = watch.series.iter().any(|series| series.answered > 0);
    Ok(if answered { exit::HEALTHY } else { exit::INCONCLUSIVE })
}

fn run(job: Job, arguments: &CheckArgs) -> Result<Report, Error> {
    if !arguments.output.quiet {
        for hint in CheckArgs::hints(&job) {
            tell(&format!("hint: {hint}"));
        }
    }
    block_on(observe(job, Shown::new(arguments.output.quiet, arguments.verbose)))
}

fn regions(arguments: &RegionsArgs) -> Result<u8, Error> {
    let Some(config) = arguments.config()? else { return answer(&arguments.answer(None)) };
    let (evidence, ending) = observe_only(config)?;
    answer(&arguments.answer(Some((&evidence, ending))))
}

fn trace(arguments: &TraceArgs) -> Result<u8, Error> {
    let (evidence, ending) = observe_only(arguments.config()?)?;
    answer(&arguments.answer(&evidence, ending))
}

fn observe_only(config: Config) -> Result<(Evidence, Ending), Error> {
    block_on(async {
        let mut shown = Shown::new(false, false);
        cosprobe::observe(config, None, interrupted(), |progress| shown.update(&progress)).await
    })
}

#[cfg(feature = "lab")]
fn demo(arguments: &cosprobe::cli::DemoArgs) -> Result<u8, Error> {
    if arguments.list {
        return print(&cosprobe::cli::demo_list());
    }
    let scenario = cosprobe::cli::demo_scenario(&arguments.scenario)?;
    if !arguments.output.quiet {
        tell(&format!("demo: {}: {} (everything runs on loopback)", scenario.name, scenario.summary));
    }
    let (report, view) = block_on(async {
        let lab = cosprobe::lab::Lab::start(scenario).await?;
        let mut job = cosprobe::cli::demo_job(scenario, &lab)?;
        arguments.canary.join(&mut job)?;
        if arguments.dns {
            job.config.targets.iter_mut().for_each(|target| target.services.clear());
            job.config.name_servers.wait_for_comparison = true;
            job.config.control = cosprobe::config::When::Never;
        }
        let in_full = arguments.head || job.config.canary.is_some();
        let report = observe(job, Shown::new(arguments.output.quiet, arguments.verbose)).await?;
        let view = match (arguments.dns, in_full) {
            (true, _) => View::Resolution,
            (_, true) => View::Exchanges,
            _ => View::Addresses,
        };
        Ok((report, view))
    })?;
    finish(report, &arguments.output, view)
}

/// Serves until SIGTERM or SIGINT, which is no error; SIGHUP reads the configuration again.
fn serve(arguments: &ServeArgs) -> Result<u8, Error> {
    if arguments.check_only {
        return print(&block_on(arguments.checked())?);
    }
    block_on(async {
        let (sender, reloads) = tokio::sync::mpsc::channel(1);
        // Where no handler can be set, SIGHUP ends the process as usual.
        if let Ok(mut hangup) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
            tokio::spawn(async move { while hangup.recv().await.is_some() && sender.send(()).await.is_ok() {} });
        }
        cosprobe::serve::serve(arguments.options(), ended(), reloads, tell).await
    })?;
    Ok(exit::HEALTHY)
}

/// Resolves at the first SIGINT or SIGTERM.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

/// Runs to the end. One thread is enough: probes wait, they do not compute.
fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    static FIRST: std::sync::Once = std::sync::Once::new();
    cosprobe::sys::raise_file_limit();
    let start = |error: std::io::Error| Error::Start { what: "the event loop", problem: error.to_string() };
    // Where tokio finds no descriptors for its signals, which are set up once, it panics; so it is tried out whether there are as many.
    let mut room = Ok(Vec::new());
    FIRST.call_once(|| room = (0..5).map(|_| std::os::unix::net::UnixDatagram::unbound()).collect());
    drop(room.map_err(start)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(start)?;
    let result = runtime.block_on(work);
    // A file that blocks its reader must not hold up the report, nor a reader that blocks its writer an interrupt.
    runtime.shutdown_background();
    cosprobe::sys::restore_default_signals();
    result
}

async fn observe(job: Job, mut shown: Shown) -> Result<Report, Error> {
    let progress = |progress: Progress<'_>| shown.update(&progress);
    cosprobe::check(job.config, job.credential, job.labels, interrupted(), progress).await
}

/// Resolves at the first SIGINT or SIGTERM, or SIGHUP of a terminal that is closed. Where a handler cannot be set, the signal ends
/// the process as usual.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let hangup = (!cosprobe::sys::ignores_hangup()).then(|| signal(SignalKind::hangup()));
    let hung_up = async {
        match hangup {
            Some(Ok(mut hangup)) => hangup.recv().await,
            _ => std::future::pending().await,
        }
    };
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hung_up => {}
            }
        }
        _ => std::future::pending().await,
    }
}

/// Writes the report and returns the exit code that goes with it.
fn finish(report: Report, output: &OutputArgs, view: View) -> Result<u8, Error> {
    let report = &output.redacted(report)?;
    let to_terminal = output.output.is_none() && std::io::stdout().is_terminal();
    let color = to_terminal && !output.no_color && !no_color_is_set();
    let language = output.language.language();
    let style = Style { width: terminal_width(to_terminal), color, view, language, fail_on: output.fail_on() };
    if output.quiet && output.output.is_none() {
        return Ok(output.format.exit_code(report, output.fail_on()));
    }
    let text = render(report, output.format, style);
    if let Err(error) = write_report(&text, output.output.as_deref()) {
        tell(&format!("hint: the report that could not be written follows\n{}", rescue(report, output, &text)));
        return Err(error);
    }
    Ok(output.format.exit_code(report, output.fail_on()))
}

/// What was measured is not lost with the file that could not be written.
fn rescue(report: &Report, output: &OutputArgs, text: &str) -> String {
    if output.format == Format::Table { text.to_owned() } else { format!("{text}{}", report.verdict.summary) }
}

fn no_color_is_set() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The terminal's width, or 80 columns for anything else.
fn terminal_width(to_terminal: bool) -> usize {
    let width = to_terminal.then(|| console::Term::stdout().size_checked()).flatten();
    width.map_or(80, |(_, columns)| usize::from(columns))
}

fn answer(answer: &Answer) -> Result<u8, Error> {
    write_report(&answer.text, None)?;
    for hint in &answer.hints {
        tell(&format!("hint: {hint}"));
    }
    Ok(answer.code)
}

fn print(text: &str) -> Result<u8, Error> {
    write_report(text, None)?;
    Ok(exit::HEALTHY)
}

/// Writes to standard error; when even that is closed there is nobody left to tell. What users typed may stand in a message, and
/// moves no cursor there.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", cosprobe::evidence::printable(text.trim_end()));
}
