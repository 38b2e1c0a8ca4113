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
    /// Where its paths begin, such as /cos; without it, where those of --web.external-url do
    #[arg(long = "web.route-prefix", value_name = "PATH", env = "COSPROBE_ROUTE_PREFIX", value_parser = prefix)]
    route_prefix: Option<String>,
    /// The URL under which others reach it, such as through a proxy; the links of its pages begin with the path
    #[arg(long = "web.external-url", value_name = "URL", env = "COSPROBE_EXTERNAL_URL", value_parser = external_path)]
    external_path: Option<String>,
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
        let route_prefix = self.route_prefix.as_ref().or(self.external_path.as_ref());
        let link_prefix = self.external_path.as_ref().or(self.route_prefix.as_ref());
        Options {
            route_prefix: route_prefix.cloned().unwrap_or_default(),
            link_prefix: link_prefix.cloned().unwrap_or_default(),
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

/// The beginning of paths, without a slash at its end; empty: the root.
fn prefix(text: &str) -> Result<String, String> {
    let path = text.trim_matches('/');
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if !path.chars().all(is_usual)
        || path.split('/').any(|part| matches!(part, "." | "..") || part.is_empty() && !path.is_empty())
    {
        return Err("it should be a path of letters, digits, - . _ and ~, such as /cos".to_owned());
    }
    Ok(if path.is_empty() { String::new() } else { format!("/{path}") })
}

/// The path of a URL.
fn external_path(text: &str) -> Result<String, String> {
    let form = || "it should be a URL without a query, such as https://monitor.example/cos".to_owned();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(form)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() || host.contains(['?', '#', '@', ' ', '"', '\'']) {
        Err(form())
    } else {
        prefix(path).map_err(|_| form())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_paths_and_come_out_of_urls() {
        let rows = [("", ""), ("/", ""), ("/cos", "/cos"), ("cos/", "/cos"), ("/a/b.c/", "/a/b.c")];
        for (text, wanted) in rows {
            assert_eq!(prefix(text), Ok(wanted.to_owned()), "{text}");
            assert_eq!(external_path(&format!("https://a.example:1/{text}")), Ok(wanted.to_owned()), "{text}");
        }
        assert_eq!(external_path("http://a.example"), Ok(String::new()));
        for text in ["/a?b", "/a b", "/a//b", "/../b", "/.", "/a\"", "/a%2f", "/ä", "/a#b"] {
            assert!(prefix(text).is_err() && external_path(&format!("http://a.example{text}")).is_err(), "{text}");
        }
        for text in ["", "a.example", "/cos", "ftp://a.example", "https://", "https://u@a.example/", "http://a?b"] {
            assert!(external_path(text).is_err(), "{text}");
        }
    }
}
