//! `sign`: the COS signature of exactly what is given, offline; and the verification of one that somebody else made.

mod form;
mod show;
mod verify;

use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::key::SourceArgs;
use super::machine::ThisMachine;
use super::values;
use crate::credential::{Credential, WAYS_TO_SET_A_KEY};
use crate::error::{Error, exit, usage};
use crate::report::json_text;
use crate::sign::presign::{Link, QueryForm, TOKEN_NAME, Token, presign};
use crate::sign::{self, KeyTime, Request, Signature};

/// Arguments of `sign`. The key comes from the sources of keys, never from an argument.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes of --verify: 0 the signature is right and valid, 1 it is not, 2 it cannot be read.")]
pub struct SignArgs {
    /// HTTP method [default: GET]
    #[arg(long)]
    method: Option<String>,
    /// Decoded path of the request, beginning with / [default: /]
    #[arg(long, value_name = "DECODED_PATH")]
    path: Option<String>,
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
    #[arg(long, value_name = "TIME", default_value = "900", value_parser = values::validity)]
    expires: Duration,
    /// What to make of the signature. With a temporary key, a URL and a form hold its token,
    /// which they do not work without
    #[arg(long = "as", value_name = "FORM", default_value = "header")]
    product: Product,
    /// Scheme of the URL
    #[arg(long, value_name = "SCHEME", default_value = "https", value_parser = ["https", "http"])]
    scheme: String,
    /// Whether the token of a temporary key is signed [default: unsigned for a header, signed for a URL]
    #[arg(long, value_name = "HOW")]
    token: Option<TokenUse>,
    /// Show every intermediate value, with blanks made visible. The `SignKey` is a secret as long as the signature is valid
    #[arg(long)]
    explain: bool,
    /// How to print
    #[arg(long, value_name = "NAME", default_value = "text")]
    format: SignFormat,
    /// Of an upload form.
    #[command(flatten)]
    form: form::FormArgs,
    /// Of a verification.
    #[command(flatten)]
    verify: verify::VerifyArgs,
    /// Where the key is looked for.
    #[command(flatten)]
    sources: SourceArgs,
}

/// What `--format` of `sign` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SignFormat {
    /// For people, and for the shell
    Text,
    /// One JSON object
    Json,
}

/// What `--as` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Product {
    /// The value of an Authorization header
    Header,
    /// A pre-signed URL, with the seven fields as parameters
    Url,
    /// A pre-signed URL, with one parameter `sign`
    MergedUrl,
    /// The fields of a form for POST Object
    Form,
}

/// What `--token` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TokenUse {
    /// Signed, as strict signature mode wants it
    Signed,
    /// Not signed, as some of Tencent's SDKs do
    Unsigned,
}

/// What there is to print, and how the process ends.
#[derive(Debug)]
pub struct Answer {
    /// For standard output.
    pub text: String,
    /// For standard error.
    pub hints: Vec<String>,
    /// The exit code.
    pub code: u8,
}

/// The JSON object of a signed request.
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
    url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    send_also: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_key: Option<String>,
}

impl SignArgs {
    /// The key to sign with.
    async fn credential(&self) -> Result<Credential, Error> {
        match self.sources.choose(&ThisMachine, &self.sources.issuer(None)?).await?.credential {
            Some(credential) => Ok(credential),
            None => usage(format!("there is no key to sign with: set {WAYS_TO_SET_A_KEY}")),
        }
    }

    /// Signs or verifies.
    ///
    /// # Errors
    /// When no key is set or an argument is not usable.
    pub async fn answer(&self) -> Result<Answer, Error> {
        self.form.check_use(self.product)?;
        let credential = self.credential().await?;
        if let Some(signature) = &self.verify.verify {
            return self.verified(signature, &credential);
        }
        match self.product {
            Product::Form => self.signed_form(&credential),
            Product::Header | Product::Url | Product::MergedUrl => self.signed_request(&credential),
        }
    }

    fn signed_request(&self, credential: &Credential) -> Result<Answer, Error> {
        let (params, mut headers) = (self.params(), self.headers()?);
        let path = self.path("/")?;
        let token = credential.token_text();
        if self.product == Product::Header && self.token == Some(TokenUse::Signed) {
            headers.extend(token.map(|token| (TOKEN_NAME.to_owned(), token.to_owned())));
        }
        let request = Request { method: self.method(), path, params: &params, headers: &headers };
        let (secret_key, key_time) = (credential.secret_key.expose_secret(), self.key_time());
        let (url, signature) = if self.product == Product::Header {
            (None, sign::sign(request, &credential.secret_id, secret_key, key_time))
        } else {
            let host = self.url_host()?;
            let token = token.map(|text| Token { text, is_signed: self.token != Some(TokenUse::Unsigned) });
            let form = if self.product == Product::Url { QueryForm::Separate } else { QueryForm::Merged };
            let link = Link { scheme: &self.scheme, host, request, token, form };
            let presigned = presign(link, &credential.secret_id, secret_key, key_time);
            (Some(presigned.url), presigned.signature)
        };

        // Whoever sends the request knows its Host header.
        let is_signed = |name: &&str| !name.is_empty() && *name != "host" && url.is_some();
        let mut send_also: Vec<String> =
            signature.header_list.split(';').filter(is_signed).map(ToOwned::to_owned).collect();
        if token.is_some() && url.is_none() {
            send_also.push(TOKEN_NAME.to_owned());
        }
        let product = url.as_ref().unwrap_or(&signature.authorization);
        Ok(match self.format {
            SignFormat::Json => Answer::good(self.json(&signature, url, send_also)),
            SignFormat::Text => {
                let text =
                    if self.explain { show::signature(&signature, url.as_deref()) } else { format!("{product}\n") };
                Answer { hints: hints(&send_also), ..Answer::good(text) }
            }
        })
    }

    fn json(&self, signature: &Signature, url: Option<String>, send_also: Vec<String>) -> String {
        json_text(&Signed {
            authorization: signature.authorization.clone(),
            format_string: signature.format_string.clone(),
            string_to_sign: signature.string_to_sign.clone(),
            header_list: signature.header_list.clone(),
            url_param_list: signature.url_param_list.clone(),
            key_time: signature.key_time.to_string(),
            signature: signature.signature.clone(),
            presigned_query: signature.presigned_query(),
            url,
            send_also,
            sign_key: self.explain.then(|| signature.sign_key.expose().to_owned()),
        })
    }

    fn method(&self) -> &str {
        self.method.as_deref().unwrap_or("GET")
    }

    fn path<'a>(&'a self, default: &'a str) -> Result<&'a str, Error> {
        match self.path.as_deref().unwrap_or(default) {
            path if path.starts_with('/') => Ok(path),
            path => usage(format!("'{path}' is not a path: it should begin with /")),
        }
    }

    fn params(&self) -> Vec<(String, String)> {
        let pairs = self.param.iter().map(|text| text.split_once('=').unwrap_or((text, "")));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn headers(&self) -> Result<Vec<(String, String)>, Error> {
        let mut headers = self.header.iter().map(|text| header(text)).collect::<Result<Vec<_>, _>>()?;
        headers.extend(self.host_header.clone().map(|host| ("Host".to_owned(), host)));
        Ok(headers)
    }

    fn key_time(&self) -> KeyTime {
        let expires = i64::try_from(self.expires.as_secs()).unwrap_or(i64::MAX);
        self.key_time.unwrap_or_else(|| KeyTime::around(Timestamp::now().as_second(), expires))
    }

    /// The host that a URL leads to.
    fn url_host(&self) -> Result<&str, Error> {
        match self.host_header.as_deref() {
            None => {
                usage("a URL needs a host: give it with --host-header, such as BUCKET-APPID.cos.REGION.myqcloud.com")
            }
            Some(host) if host.is_empty() || host.contains(|c: char| "/?#@\\".contains(c) || c.is_whitespace()) => {
                usage(format!("'{host}' is not a host: it should look like BUCKET-APPID.cos.REGION.myqcloud.com"))
            }
            Some(host) => Ok(host),
        }
    }
}

impl Answer {
    fn good(text: String) -> Self {
        Self { text, hints: Vec::new(), code: exit::HEALTHY }
    }
}

fn hints(send_also: &[String]) -> Vec<String> {
    let hint = |name: &String| match name.as_str() {
        TOKEN_NAME => format!("the key is a temporary one: send its token as header {TOKEN_NAME} too"),
        name => format!("header {name} is signed: whoever uses the URL has to send it as it was signed"),
    };
    send_also.iter().map(hint).collect()
}

fn header(text: &str) -> Result<(String, String), Error> {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() && !name.contains(char::is_whitespace) => {
            Ok((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()))
        }
        _ => usage(format!("'{text}' is not a header: it should look like 'Name: value'")),
    }
}
