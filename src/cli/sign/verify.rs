//! `sign --verify`: what is wrong with a signature that somebody else made.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::{Answer, SignArgs, SignFormat, show};
use crate::cli::input::read_text;
use crate::credential::Credential;
use crate::error::{Error, exit, usage};
use crate::report::json_text;
use crate::sign::Request;
use crate::sign::difference::{differences, without_tokens};
use crate::sign::parse::{self, Given, Problem};
use crate::sign::presign::TOKEN_NAME;
use crate::sign::verify::{Verification, Window, made_for_another, verify};
use crate::target::HostForm;

/// What to verify.
#[derive(Debug, Args)]
#[command(next_help_heading = "Verification")]
pub(super) struct VerifyArgs {
    /// Verify this pre-signed URL or Authorization value instead of signing; - reads it from standard input. The other
    /// flags describe the request as it is sent, and go before what the URL says
    #[arg(long, value_name = "SIGNATURE", conflicts_with_all = ["key_time", "expires", "product", "token", "scheme"])]
    pub(super) verify: Option<String>,
    /// Judge the validity at this time, RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME", requires = "verify", value_parser = time)]
    at: Option<Timestamp>,
    /// File with the `FormatString` or `StringToSign` that COS sent with its refusal; tells in what it differs from the one
    /// of this request. - is standard input
    #[arg(long, value_name = "FILE", requires = "verify")]
    server_text: Option<PathBuf>,
}

/// The JSON object.
#[derive(Debug, Serialize)]
struct Verified<'a> {
    verifies: bool,
    signature_matches: bool,
    window: &'static str,
    window_seconds: i64,
    valid_from: String,
    valid_until: String,
    judged_at: String,
    secret_id_masked: String,
    cause: Option<&'a str>,
    problems: &'a [String],
    warnings: &'a [String],
    differences: &'a [String],
    key_time: String,
    sign_time: String,
    header_list: &'a str,
    url_param_list: &'a str,
    format_string: String,
    string_to_sign: &'a str,
    signature_given: &'a str,
    signature_computed: &'a str,
}

impl SignArgs {
    pub(super) fn verified(&self, text: &str, credential: &Credential) -> Result<Answer, Error> {
        if text == "-" && self.verify.server_text.as_ref().is_some_and(|path| path.as_os_str() == "-") {
            return usage("--verify and --server-text cannot both be standard input");
        }
        let read;
        let text = if text == "-" {
            read = read_text(&PathBuf::from("-"), "the signature")?;
            read.trim()
        } else {
            text.trim()
        };
        let refused = |problem: Problem| usage::<Sent>(format!("cannot read the signature: {problem}"));
        let is_url = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("http"));
        let mut sent = if is_url {
            parse::url(text).map(Sent::from_url).or_else(refused)?
        } else {
            parse::authorization(text).map(Sent::from_header).or_else(refused)?
        };
        replace(&mut sent.params, self.params());
        replace(&mut sent.headers, self.headers()?);
        sent.add_token(credential);

        let path = self.path(&sent.path)?;
        let request = Request { method: self.method(), path, params: &sent.params, headers: &sent.headers };
        let now = self.verify.at.unwrap_or_else(Timestamp::now);
        let secret_key = credential.secret_key.expose_secret();
        let mut found = verify(&sent.given, request, &credential.secret_id, secret_key, now.as_second());
        if !found.matches {
            found.cause =
                found.cause.or_else(|| made_for_another(sent.other_hosts(), &sent.given, request, secret_key));
        }
        if is_url && credential.token.is_some() && !sent.has_token() {
            found.warnings.push(format!("the key is a temporary one, and the request has no {TOKEN_NAME}"));
        }
        let differences = self.verify.server_differences(&found)?;
        let answer = Judged { given: &sent.given, found: &found, now, differences };
        let text = match self.format {
            SignFormat::Json => answer.json(),
            SignFormat::Text => answer.shown(self.explain),
        };
        Ok(Answer { text, hints: Vec::new(), code: if answer.verifies() { exit::HEALTHY } else { exit::FINDINGS } })
    }
}

impl VerifyArgs {
    /// In what the text that COS sent differs from that of this request.
    fn server_differences(&self, found: &Verification) -> Result<Vec<String>, Error> {
        let Some(path) = &self.server_text else { return Ok(Vec::new()) };
        let theirs = read_text(path, "the text of COS")?.replace('\r', "");
        // Copied from an error document, it may have lost line ends at its end, or have them written out.
        let theirs = if theirs.trim_end().contains('\n') { theirs } else { theirs.replace("\\n", "\n") };
        let is_to_sign = theirs.starts_with("sha1\n");
        let (ours, lines) = if is_to_sign { (&found.string_to_sign, 3) } else { (&found.format_string, 4) };
        let mut theirs = theirs.trim_end_matches('\n').to_owned();
        while theirs.matches('\n').count() < lines {
            theirs.push('\n');
        }
        Ok(differences(ours, &theirs).iter().map(|difference| difference.sentence.to_string()).collect())
    }
}

/// A request as it is sent, with its signature.
struct Sent {
    path: String,
    params: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    given: Given,
}

impl Sent {
    fn from_url(url: parse::PresignedUrl) -> Self {
        let headers = vec![("Host".to_owned(), url.host)];
        Self { path: url.path, params: url.params, headers, given: url.given }
    }

    fn from_header(given: Given) -> Self {
        Self { path: "/".to_owned(), params: Vec::new(), headers: Vec::new(), given }
    }

    /// The other hosts of the bucket, for one of which a signature may have been made by mistake.
    fn other_hosts(&self) -> Vec<String> {
        let host = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let form = host.and_then(|(_, host)| HostForm::read(&host.to_ascii_lowercase()).ok()?);
        let bucket = form.and_then(|form| form.bucket);
        bucket.iter().flat_map(|bucket| HostForm::all_of(bucket)).collect()
    }

    fn has_token(&self) -> bool {
        self.params.iter().chain(&self.headers).any(|(name, _)| name.eq_ignore_ascii_case(TOKEN_NAME))
    }

    /// A signed token header that was not given is the token of the key, so that it need not be an argument.
    fn add_token(&mut self, credential: &Credential) {
        let is_listed = self.given.header_list.split(';').any(|name| name.eq_ignore_ascii_case(TOKEN_NAME));
        let is_there = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(TOKEN_NAME));
        if let Some(token) = credential.token_text().filter(|_| is_listed && !is_there) {
            self.headers.push((TOKEN_NAME.to_owned(), token.to_owned()));
        }
    }
}

/// Puts pairs in the place of those with the same name.
fn replace(pairs: &mut Vec<(String, String)>, given: Vec<(String, String)>) {
    pairs.retain(|(name, _)| !given.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
    pairs.extend(given);
}

/// RFC 3339, or Unix seconds.
fn time(text: &str) -> Result<Timestamp, String> {
    let seconds = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let form = "it should be RFC 3339 or Unix seconds, such as 2026-01-31T12:00:00Z or 1769860800";
    seconds.or_else(|| text.parse().ok()).ok_or_else(|| form.to_owned())
}

/// A verification at its time, to be shown.
struct Judged<'a> {
    given: &'a Given,
    found: &'a Verification,
    now: Timestamp,
    differences: Vec<String>,
}

impl Judged<'_> {
    const fn verifies(&self) -> bool {
        self.found.matches && matches!(self.found.window, Window::Valid { .. })
    }

    fn json(&self) -> String {
        let Self { given, found, now, differences } = self;
        json_text(&Verified {
            verifies: self.verifies(),
            signature_matches: found.matches,
            window: found.window.word(),
            window_seconds: found.window.seconds(),
            valid_from: show::instant(given.key_time.start),
            valid_until: show::instant(given.key_time.end),
            judged_at: show::instant(now.as_second()),
            secret_id_masked: given.masked_id(),
            cause: found.cause.as_deref(),
            problems: &found.problems,
            warnings: &found.warnings,
            differences,
            key_time: given.key_time.to_string(),
            sign_time: given.sign_time.to_string(),
            header_list: &given.header_list,
            url_param_list: &given.url_param_list,
            format_string: without_tokens(&found.format_string),
            string_to_sign: &found.string_to_sign,
            signature_given: &given.signature,
            signature_computed: &found.signature,
        })
    }

    fn shown(&self, explain: bool) -> String {
        let Self { given, found, now, differences } = self;
        let mut text = String::new();
        // Writing to a String cannot fail.
        let mut line = |word: &str, sentence: &str| {
            let _ = writeln!(text, "{word:10}  {sentence}");
        };
        line("signature", if found.matches { "matches" } else { "does not match" });
        line("key", &given.masked_id());
        line("validity", &show::span(given.key_time));
        line("judged at", &format!("{}: {}", show::instant(now.as_second()), window(found.window)));
        for problem in &found.problems {
            line("problem", problem);
        }
        match &found.cause {
            Some(cause) => line("cause", cause),
            None if !found.matches && found.problems.is_empty() => line("cause", NOT_FOUND),
            None => {}
        }
        for difference in differences {
            line("difference", difference);
        }
        for warning in &found.warnings {
            line("warning", warning);
        }
        if explain || !found.matches {
            show::texts(&mut text, &found.format_string, &found.string_to_sign);
        }
        let _ = writeln!(text, "{}", verdict(found));
        text
    }
}

const NOT_FOUND: &str =
    "not found: the secret key, the method or a signed value is another, or there is more than one mistake";

fn window(window: Window) -> String {
    match window {
        Window::NotBegun { seconds } => format!("begins in {}", show::duration(seconds)),
        Window::Valid { seconds } => format!("valid for another {}", show::duration(seconds)),
        Window::Over { seconds } => format!("over for {}", show::duration(seconds)),
    }
}

/// The last line, which says the same as the exit code.
fn verdict(found: &Verification) -> &'static str {
    match (found.matches, found.window) {
        (true, Window::Valid { .. }) => "verifies",
        (true, Window::NotBegun { .. }) => "does not verify: the signature is right, and its validity has not begun",
        (true, Window::Over { .. }) => "does not verify: the signature is right, and its validity is over",
        (false, Window::Valid { .. }) => "does not verify: the signature is wrong",
        (false, _) => "does not verify: the signature is wrong, and it is not valid at this time",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_instant_or_a_number() {
        assert_eq!(time("1700000000"), time("2023-11-14T22:13:20Z"));
        assert!(time("1700000000").is_ok());
        for text in ["", "now", "2023-11-14", "99999999999999999999", "9999999999999"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
