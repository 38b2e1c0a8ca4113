//! `sign`: the COS signature of exactly what is given, offline.

use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::values;
use crate::credential::{Credential, SOURCES};
use crate::error::{Error, usage};
use crate::sign::{self, KeyTime, Request, Signature};

/// Arguments of `sign`. The key comes from the environment, never from an argument.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// HTTP method
    #[arg(long, default_value = "GET")]
    method: String,
    /// Decoded path of the request, beginning with /
    #[arg(long, value_name = "DECODED_PATH", default_value = "/")]
    path: String,
    /// Query parameter to sign, decoded; without = its value is empty (repeatable)
    #[arg(long, value_name = "K=V")]
    param: Vec<String>,
    /// Header to sign; one blank after the colon does not count, all others do (repeatable)
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Host header to sign
    #[arg(long, value_name = "HOST")]
    host_header: Option<String>,
    /// Validity, in Unix seconds
    #[arg(long, value_name = "START;END", conflicts_with = "expires")]
    key_time: Option<KeyTime>,
    /// Validity from a minute ago until this long from now
    #[arg(long, value_name = "TIME", default_value = "900", value_parser = values::positive_duration)]
    expires: Duration,
    /// Show every intermediate value. The SignKey among them is a secret as long as the signature is valid
    #[arg(long)]
    explain: bool,
    /// How to print
    #[arg(long, value_name = "NAME", default_value = "text")]
    format: SignFormat,
}

/// What `--format` of `sign` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SignFormat {
    /// The Authorization header
    Text,
    /// One JSON object
    Json,
}

/// The JSON object.
#[derive(Debug, Serialize)]
struct Signed {
    authorization: String,
    format_string: String,
    string_to_sign: String,
    header_list: String,
    url_param_list: String,
    key_time: String,
    signature: String,
    presigned_query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_key: Option<String>,
}

impl SignArgs {
    /// Signs and returns the text to print.
    ///
    /// # Errors
    /// When no key is set or an argument is not usable.
    pub fn text(&self) -> Result<String, Error> {
        let Some(credential) = Credential::from_environment(|name| std::env::var(name).ok())? else {
            return usage(format!("there is no key to sign with: set {SOURCES}"));
        };
        let signature = self.signature(&credential)?;
        Ok(match self.format {
            SignFormat::Json => self.json(&signature),
            SignFormat::Text if self.explain => explained(&signature),
            SignFormat::Text => format!("{}\n", signature.authorization),
        })
    }

    fn signature(&self, credential: &Credential) -> Result<Signature, Error> {
        if !self.path.starts_with('/') {
            return usage(format!("'{}' is not a path: it should begin with /", self.path));
        }
        let params: Vec<(String, String)> = self
            .param
            .iter()
            .map(|text| text.split_once('=').unwrap_or((text, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut headers = self.header.iter().map(|text| header(text)).collect::<Result<Vec<_>, _>>()?;
        if let Some(host) = &self.host_header {
            headers.push(("Host".to_owned(), host.clone()));
        }
        let expires = i64::try_from(self.expires.as_secs()).unwrap_or(i64::MAX);
        let key_time = self.key_time.unwrap_or_else(|| KeyTime::around(jiff::Timestamp::now().as_second(), expires));
        let request = Request { method: &self.method, path: &self.path, params: &params, headers: &headers };
        Ok(sign::sign(request, &credential.secret_id, credential.secret_key.expose_secret(), key_time))
    }

    fn json(&self, signature: &Signature) -> String {
        let signed = Signed {
            authorization: signature.authorization.clone(),
            format_string: signature.format_string.clone(),
            string_to_sign: signature.string_to_sign.clone(),
            header_list: signature.header_list.clone(),
            url_param_list: signature.url_param_list.clone(),
            key_time: signature.key_time.to_string(),
            signature: signature.signature.clone(),
            presigned_query: signature.presigned_query(),
            sign_key: self.explain.then(|| signature.sign_key.clone()),
        };
        // Strings only: nothing that JSON cannot say.
        format!("{}\n", serde_json::to_string_pretty(&signed).unwrap_or_default())
    }
}

fn header(text: &str) -> Result<(String, String), Error> {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() && !name.contains(char::is_whitespace) => {
            Ok((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()))
        }
        _ => usage(format!("'{text}' is not a header: it should look like 'Name: value'")),
    }
}

fn explained(signature: &Signature) -> String {
    let visible = |text: &str| text.replace('\n', "\\n\n    ").trim_end().to_owned();
    format!(
        "KeyTime\n    {}\nSignKey (keep it secret)\n    {}\nFormatString\n    {}\nStringToSign\n    {}\nSignature\n    {}\nAuthorization\n    {}\n",
        signature.key_time,
        signature.sign_key,
        visible(&signature.format_string),
        visible(&signature.string_to_sign),
        signature.signature,
        signature.authorization,
    )
}
