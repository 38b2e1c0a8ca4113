//! The steps of a signature, for people: each under its name, with blanks made visible.

use std::fmt::Write;

use jiff::Timestamp;

use crate::sign::difference::without_tokens;
use crate::sign::policy::Form;
use crate::sign::visible::visible_lines;
use crate::sign::{KeyTime, SignKey, Signature};

/// Every step of a request's signature.
pub(super) fn signature(signature: &Signature, url: Option<&str>) -> String {
    let mut text = beginning(signature.key_time, &signature.sign_key);
    texts(&mut text, &signature.format_string, &signature.string_to_sign);
    section(&mut text, "Signature", [&signature.signature]);
    section(&mut text, "Authorization", [&signature.authorization]);
    if let Some(url) = url {
        section(&mut text, "URL", [url]);
    }
    text
}

/// Every step of a form's signature.
pub(super) fn form(form: &Form, command: &str) -> String {
    let mut text = beginning(form.key_time, &form.sign_key);
    section(&mut text, "Policy", visible_lines(&form.policy));
    section(&mut text, "Policy in base64", [&form.policy_base64]);
    section(&mut text, "StringToSign (SHA-1 of the policy)", visible_lines(&form.string_to_sign));
    section(&mut text, "Signature", [&form.signature]);
    section(&mut text, "Fields", form.fields.iter().map(|(name, value)| format!("{name}={value}")));
    section(&mut text, "Command", [command]);
    text
}

/// The two texts that are hashed. Values of tokens are left out.
pub(super) fn texts(text: &mut String, format_string: &str, string_to_sign: &str) {
    section(text, "FormatString", visible_lines(&without_tokens(format_string)));
    section(text, "StringToSign", visible_lines(string_to_sign));
}

fn beginning(key_time: KeyTime, sign_key: &SignKey) -> String {
    let mut text = String::new();
    section(&mut text, "KeyTime", [key_time.to_string(), span(key_time)]);
    section(&mut text, "SignKey (keep it secret)", [sign_key.expose()]);
    text
}

fn section<T: AsRef<str>>(text: &mut String, title: &str, lines: impl IntoIterator<Item = T>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{title}");
    for line in lines {
        let _ = writeln!(text, "    {}", line.as_ref());
    }
}

/// Both ends of a validity and how long it is.
pub(super) fn span(key_time: KeyTime) -> String {
    let length = duration(key_time.end.saturating_sub(key_time.start));
    format!("{} to {}, {length}", instant(key_time.start), instant(key_time.end))
}

/// Unix seconds as RFC 3339.
pub(super) fn instant(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| format!("second {seconds}, which no calendar has"), |time| time.to_string())
}

/// Seconds in the two largest units that fit.
pub(super) fn duration(seconds: i64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, unit) in units {
        if rest >= length {
            parts.push(format!("{} {unit}", rest / length));
            rest %= length;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        for (seconds, shown) in
            [(0, "0 s"), (59, "59 s"), (900, "15 min"), (3661, "1 h 1 min"), (86_401, "1 d 1 s"), (-5, "0 s")]
        {
            assert_eq!(duration(seconds), shown);
        }
    }

    #[test]
    fn times_are_readable_or_said_not_to_be() {
        let key_time: KeyTime = "1700000000;1700003600".parse().unwrap();
        assert_eq!(span(key_time), "2023-11-14T22:13:20Z to 2023-11-14T23:13:20Z, 1 h");
        assert!(instant(i64::MAX).contains("no calendar"));
    }
}
