//! The command line: clap types, and how they become configurations and texts.
//!
//! One file per command where it needs more than a screen. Nothing is printed here; `main` does.

mod check;
mod credentials;
#[cfg(feature = "lab")]
mod demo;
mod diff;
mod dns;
mod egress;
mod endpoints;
mod explain;
mod head;
mod input;
mod key;
mod language;
mod machine;
mod metadata;
mod module;
mod network;
mod output;
mod ping;
mod regions;
mod resolver;
mod schema;
mod serve;
mod sign;
mod temporary;
mod trace;
mod values;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use check::{CheckArgs, Job, replay_file};
pub use credentials::CredentialsArgs;
#[cfg(feature = "lab")]
pub use demo::{demo_job, demo_list, demo_scenario};
pub use diff::DiffArgs;
pub use dns::DnsArgs;
pub use explain::ExplainArgs;
pub use head::{CanaryArgs, HeadArgs};
pub use module::{Loaded, Module, Scheduled, load};
pub use output::{OutputArgs, write_part, write_report};
pub use ping::PingArgs;
pub use regions::RegionsArgs;
pub use schema::SchemaArgs;
pub use serve::ServeArgs;
pub use sign::{Answer, SignArgs};
pub use trace::TraceArgs;

/// Tells whether this machine can reach a Tencent Cloud COS bucket well, over which network, and if not, why.
#[derive(Debug, Parser)]
#[command(name = "cosprobe", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 healthy, 1 findings, 2 usage, 3 inconclusive, 4 expectation missed, 5 output, 130 interrupted.\n\
    Every flag of check can also be set by a variable: COSPROBE_ and its name in capitals, such as COSPROBE_REGION.\n\
    Keys come from variables and files, never from an argument: see cosprobe credentials."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Reads the command line. A variable that is set to nothing counts as not set, as templates of containers leave it.
///
/// # Errors
/// clap's refusal, or the text of `--help` and `--version`.
pub fn parse() -> Result<Cli, clap::Error> {
    let is_blank =
        |argument: &clap::Arg| argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let without_blanks = |argument: clap::Arg| {
        if is_blank(&argument) { argument.env(clap::builder::Resettable::Reset) } else { argument }
    };
    Cli::from_arg_matches(&everywhere(Cli::command(), without_blanks).try_get_matches()?)
}

/// Changes the arguments of all commands below one.
fn everywhere(command: clap::Command, change: impl Fn(clap::Arg) -> clap::Arg + Copy) -> clap::Command {
    command.mut_subcommands(|subcommand| everywhere(subcommand.mut_args(change), change))
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Diagnose the way to one or more endpoints: names, routes, TCP, TLS, HTTP and signature
    Check(Box<CheckArgs>),
    /// Ask several name servers, compare what they answer, and tell which network the addresses are in
    Dns(Box<DnsArgs>),
    /// Measure the time of TCP connects, again and again, to every address and port
    Ping(Box<PingArgs>),
    /// Show what COS answers: an anonymous and a signed HEAD side by side, with phases, headers and the decoded error
    Head(Box<HeadArgs>),
    /// Show a whole diagnosis on loopback, against a COS double and a name server inside this program
    #[cfg(feature = "lab")]
    Demo(DemoArgs),
    /// Judge a saved JSON report again
    Diagnose(DiagnoseArgs),
    /// Compare two saved JSON reports: the first difference that matters, then the others
    Diff(DiffArgs),
    /// Show the page of a finding, or list all findings
    Explain(ExplainArgs),
    /// List the sources of keys and what they hold, or get a temporary key from STS
    Credentials(Box<CredentialsArgs>),
    /// List the regions of COS, or find out which of them is near
    Regions(RegionsArgs),
    /// Show the path to an endpoint's port, hop by hop, without root
    Trace(Box<TraceArgs>),
    /// Export metrics to Prometheus: probes that it asks for, and targets that are probed by themselves
    Serve(ServeArgs),
    /// Make a COS request signature, pre-signed URL or upload form, or verify one; offline
    Sign(Box<SignArgs>),
    /// Print the JSON Schema of the report, or of another document
    Schema(SchemaArgs),
}

/// Arguments of `demo`.
#[cfg(feature = "lab")]
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct DemoArgs {
    /// What is wrong in the network; see --list
    #[arg(default_value = "healthy-private")]
    pub scenario: String,
    /// List the scenarios
    #[arg(long)]
    pub list: bool,
    /// Show requests and answers in full, as the command head does
    #[arg(long)]
    pub head: bool,
    /// Show what the name servers answer, as the command dns does
    #[arg(long, conflicts_with = "head")]
    pub dns: bool,
    /// Tell on standard error what is observed while it is
    #[arg(short, long)]
    pub verbose: bool,
    /// What to write instead of what the scenario writes; with it, requests and answers are shown in full.
    #[command(flatten)]
    pub canary: CanaryArgs,
    /// How and where to report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `diagnose`.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// The report, as written by `--format json`; - is standard input
    #[arg(long, value_name = "FILE")]
    pub from: std::path::PathBuf,
    /// How and where to report.
    #[command(flatten)]
    pub output: OutputArgs,
}
