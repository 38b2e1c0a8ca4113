//! `serve`: the exporter's flags, under the names that Prometheus's exporters have.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::module::load;
use super::values;
use crate::error::{Error, usage};
use crate::serve::{Options, check_web};

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Pages: /probe?target=…&module=… takes a probe, /metrics has the targets of the file and the service itself, / shows \
    them to people, /config the file, /-/healthy whether the service runs; POST /-/reload or SIGHUP reads the file again."
)]
pub struct ServeArgs {
    /// File with modules and targets; see docs/reference/config.md
    #[arg(long = "config.file", visible_alias = "config", value_name = "FILE", env = "COSPROBE_CONFIG")]
    config_file: Option<PathBuf>,
    /// File with TLS, passwords and headers, as Prometheus's exporters have it; see docs/reference/cli.md
    #[arg(long = "web.config.file", value_name = "FILE", env = "COSPROBE_WEB_CONFIG")]
    web_config_file: Option<PathBuf>,
    /// Check the files, tell every mistake in them, and end
    #[arg(long = "config.check")]
    pub check_only: bool,
    /// Where to listen (repeatable); an address without a host, such as :9115, is all of this machine's
    #[arg(long = "web.listen-address", value_name = "ADDRESS", env = "COSPROBE_LISTEN_ADDRESS", value_delimiter = ',',
        default_value = "127.0.0.1:9115", value_parser = listen_address)]
    listen: Vec<SocketAddr>,
    /// What is taken off the time that Prometheus gives for a scrape
    #[arg(long, value_name = "TIME", default_value = "0.5", value_parser = values::duration)]
    timeout_offset: Duration,
    /// Probes that are kept to be looked at, and failed ones besides
    #[arg(long = "history.limit", value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16))]
    history_limit: u16,
    /// Probe whatever is asked for: whoever reaches this service can then have it connect to anything that this machine reaches
    #[arg(long, env = "COSPROBE_ALLOW_ANY_TARGET", value_parser = FalseyValueParser::new())]
    allow_any_target: bool,
}

impl ServeArgs {
    /// How to serve.
    pub fn options(&self) -> Options {
        Options {
            listen: self.listen.clone(),
            config_file: self.config_file.clone(),
            web_config_file: self.web_config_file.clone(),
            timeout_offset: self.timeout_offset,
            history_limit: usize::from(self.history_limit),
            allow_any_target: self.allow_any_target,
        }
    }

    /// Checks the files and tells what they hold.
    ///
    /// # Errors
    /// Everything that is wrong with the first that is not good.
    pub async fn checked(&self) -> Result<String, Error> {
        let mut lines = Vec::new();
        if let Some(path) = &self.web_config_file {
            let warning = check_web(path, &self.listen)?;
            lines.push(format!("{} is good", path.display()));
            lines.extend(warning);
        }
        if let Some(path) = &self.config_file {
            let loaded = load(Some(path)).await?;
            let (modules, targets) = (loaded.modules.len(), loaded.targets.len());
            let path = path.display();
            lines.push(format!("{path} is good: {modules} modules with those that are built in, {targets} targets"));
            lines.extend(loaded.notes.iter().map(|note| format!("hint: {note}")));
        }
        if lines.is_empty() {
            return usage("there is nothing to check: give --config.file FILE or --web.config.file FILE");
        }
        Ok(lines.into_iter().map(|line| line + "\n").collect())
    }
}

/// An address with its port; without a host it is that of every interface.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let whole = if text.starts_with(':') { format!("[::]{text}") } else { text.to_owned() };
    whole.parse().map_err(|_| "it should be an address with a port, such as 127.0.0.1:9115 or :9115".to_owned())
}
