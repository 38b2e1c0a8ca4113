//! `sign --as form`: the fields of an upload by POST Object.

use clap::Args;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::{Answer, Product, SignArgs, SignFormat, show};
use crate::credential::Credential;
use crate::error::{Error, usage};
use crate::evidence::shell_word;
use crate::report::json_text;
use crate::sign::policy::{self, ObjectKey, Upload};

/// What the form allows to upload.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --as form")]
pub(super) struct FormArgs {
    /// Bucket with its APPID
    #[arg(long, value_name = "BUCKET-APPID", required_if_eq("product", "form"))]
    bucket: Option<String>,
    /// The key that the object has to have
    #[arg(long, value_name = "KEY", conflicts_with = "object_key_prefix")]
    object_key: Option<String>,
    /// The beginning of the object's key; the name of the file is added to it
    #[arg(long, value_name = "PREFIX")]
    object_key_prefix: Option<String>,
    /// The most bytes that the file may have
    #[arg(long, value_name = "N")]
    max_bytes: Option<u64>,
    /// Further field of the form, such as Content-Type=image/png, with the only value that it may have (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::cli::values::label)]
    field: Vec<(String, String)>,
}

/// The JSON object.
#[derive(Debug, Serialize)]
struct SignedForm<'a> {
    policy: &'a str,
    policy_base64: &'a str,
    string_to_sign: &'a str,
    key_time: String,
    signature: &'a str,
    fields: Vec<Field<'a>>,
    command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_key: Option<&'a str>,
}

/// One field of the form; the order counts.
#[derive(Debug, Serialize)]
struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

impl FormArgs {
    /// Refuses flags of a form where no form is made.
    pub(super) fn check_use(&self, product: Product) -> Result<(), Error> {
        let given = [
            ("--bucket", self.bucket.is_some()),
            ("--object-key", self.object_key.is_some()),
            ("--object-key-prefix", self.object_key_prefix.is_some()),
            ("--max-bytes", self.max_bytes.is_some()),
            ("--field", !self.field.is_empty()),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) if product != Product::Form => usage(format!("{flag} belongs to a form: add --as form")),
            _ => Ok(()),
        }
    }

    fn object_key(&self) -> Result<ObjectKey<'_>, Error> {
        match (&self.object_key, &self.object_key_prefix) {
            (Some(key), _) if key.is_empty() => usage("--object-key is empty: it should be the key of the object"),
            (Some(key), _) => Ok(ObjectKey::Exactly(key)),
            (None, Some(prefix)) => Ok(ObjectKey::StartingWith(prefix)),
            (None, None) => usage("a form needs the object's key: give --object-key KEY or --object-key-prefix PREFIX"),
        }
    }
}

impl SignArgs {
    pub(super) fn signed_form(&self, credential: &Credential) -> Result<Answer, Error> {
        let of_request = [
            ("--method", self.method.is_some()),
            ("--path", self.path.is_some()),
            ("--param", !self.param.is_empty()),
            ("--header", !self.header.is_empty()),
            ("--token", self.token.is_some()),
        ];
        if let Some((flag, _)) = of_request.iter().find(|(_, is_given)| *is_given) {
            return usage(format!("{flag} does not go with --as form: the signature of a form covers its policy only"));
        }
        let bucket = self.form.bucket.as_deref().unwrap_or_default();
        let upload = Upload {
            bucket,
            key: self.form.object_key()?,
            max_bytes: self.form.max_bytes,
            fields: &self.form.field,
            token: credential.token_text(),
        };
        let form = policy::form(upload, &credential.secret_id, credential.secret_key.expose_secret(), self.key_time());
        let host = match self.host_header {
            Some(_) => self.url_host()?.to_owned(),
            None => format!("{bucket}.cos.REGION.myqcloud.com"),
        };
        let command = command(&form.fields, &format!("{}://{host}/", self.scheme));
        Ok(Answer::good(match self.format {
            SignFormat::Json => json_text(&SignedForm {
                policy: &form.policy,
                policy_base64: &form.policy_base64,
                string_to_sign: &form.string_to_sign,
                key_time: form.key_time.to_string(),
                signature: &form.signature,
                fields: form.fields.iter().map(|(name, value)| Field { name, value }).collect(),
                command: &command,
                sign_key: self.explain.then(|| form.sign_key.expose()),
            }),
            SignFormat::Text if self.explain => show::form(&form, &command),
            SignFormat::Text => {
                let line = |(name, value): &(String, String)| format!("{name}={value}\n");
                let fields: String = form.fields.iter().map(line).collect();
                format!("{fields}\n{command}\n")
            }
        }))
    }
}

/// A curl command for the form. Only the file is given with `-F`, which would read signs such as `;` and `@` in a value.
fn command(fields: &[(String, String)], url: &str) -> String {
    let field = |(name, value): &(String, String)| format!(" --form-string {}", shell_word(&format!("{name}={value}")));
    let fields: String = fields.iter().map(field).collect();
    format!("curl{fields} -F file=@FILE {}", shell_word(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_takes_values_as_they_are() {
        let fields = [("key".to_owned(), "it's ${filename}".to_owned()), ("q-key-time".to_owned(), "1;2".to_owned())];
        assert_eq!(
            command(&fields, "https://h/"),
            "curl --form-string 'key=it'\\''s ${filename}' --form-string 'q-key-time=1;2' -F file=@FILE 'https://h/'"
        );
    }
}
