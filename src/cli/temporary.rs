//! `credentials sts`: a temporary key, printed. This is the one command that shows a secret, because that is what it is for.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use secrecy::ExposeSecret;
use serde_json::json;

use super::key::{Chosen, Kind, SourceArgs, TemporaryArgs};
use super::machine::ThisMachine;
use super::{output, values};
use crate::credential::{Credential, to_the_second};
use crate::error::{Error, usage};
use crate::evidence::shell_word;
use crate::target::check_bucket;

/// Arguments of `credentials sts`.
#[derive(Debug, Args)]
pub(super) struct StsArgs {
    /// How to get the key
    #[arg(value_name = "KIND")]
    kind: Kind,
    /// Bucket that the key is for, such as examplebucket-1250000000
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Region of the bucket, such as ap-guangzhou
    #[arg(long, env = "COSPROBE_REGION", value_parser = values::region)]
    region: Option<String>,
    /// How the key is written: json, as COS's STS SDK writes it; env, lines for a shell; profile, a section of ~/.tencentcloud/credentials
    #[arg(long, value_name = "NAME", default_value = "json")]
    format: KeyFormat,
    /// Name of the section that --format profile writes
    #[arg(long, value_name = "NAME", default_value = "cosprobe")]
    profile_name: String,
    /// Write the key to a file that only you can read, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// PEM file with CA certificates to trust beside the system's
    #[arg(long, value_name = "FILE", env = "COSPROBE_CACERT")]
    cacert: Option<PathBuf>,
    /// What to ask for.
    #[command(flatten)]
    temporary: TemporaryArgs,
    /// Where the key that signs the question is looked for.
    #[command(flatten)]
    sources: SourceArgs,
}

/// What `--format` of `credentials sts` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KeyFormat {
    Json,
    Env,
    Profile,
}

impl StsArgs {
    /// Obtains the key and returns the text to print, which is empty when a file has it.
    ///
    /// # Errors
    /// What is wrong with the flags or the key, what STS says, or that the file cannot be written.
    pub(super) async fn text(&self) -> Result<String, Error> {
        if !self.profile_name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            return usage(format!("'{}' is not a name for a section: letters, digits, - and _ are", self.profile_name));
        }
        if let Some(bucket) = &self.bucket {
            check_bucket(bucket).map_err(Error::Usage)?;
        }
        let issuer = self.sources.issuer(self.cacert.as_deref())?;
        let key = if self.kind == Kind::WebIdentity {
            Chosen::default()
        } else {
            self.sources.choose(&ThisMachine, &issuer).await?
        };
        let region = self.region.clone().or_else(|| key.region_for(self.bucket.as_deref()?));
        let buckets: Vec<_> = self.bucket.iter().map(|bucket| (bucket.as_str(), region.as_deref())).collect();
        let request = self.temporary.request(self.kind, &buckets)?;
        let text = self.written(&issuer.temporary_key(&request, key.credential.as_ref()).await?);
        match &self.output {
            None => Ok(text),
            Some(path) => output::write_secret(&text, path).map(|()| String::new()),
        }
    }

    fn written(&self, key: &Credential) -> String {
        let (id, secret) = (&key.secret_id, key.secret_key.expose_secret());
        let token = key.token_text().unwrap_or_default();
        let end = key.expires_at.unwrap_or_default();
        match self.format {
            KeyFormat::Json => {
                let document = json!({
                    "credentials": { "tmpSecretId": id, "tmpSecretKey": secret, "sessionToken": token },
                    "expiredTime": end.as_second(),
                    "expiration": to_the_second(end),
                });
                format!("{document:#}\n")
            }
            KeyFormat::Env => {
                let line = |name: &str, value: &str| format!("export {name}={}\n", shell_word(value));
                [line("COS_SECRET_ID", id), line("COS_SECRET_KEY", secret), line("COS_SESSION_TOKEN", token)].concat()
            }
            KeyFormat::Profile => format!(
                "[{}]\nsecret_id = {id}\nsecret_key = {secret}\ntoken = {token}\nexpired_time = {}\n",
                self.profile_name,
                end.as_second()
            ),
        }
    }
}
