//! The halves of a key as a source gives them, and the checks that every key has to pass.

use std::path::Path;

use jiff::Timestamp;
use secrecy::SecretString;

use super::Credential;
use super::doubts::looks_like_id;
use crate::error::{Error, usage};

/// One value and where it stands, in words: a variable, or a key of a file with its line.
#[derive(Default)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) value: Option<String>,
}

impl Part {
    pub(super) fn new(name: impl Into<String>, value: Option<String>) -> Self {
        Self { name: name.into(), value: value.filter(|value| !value.is_empty()) }
    }
}

/// What a source says.
pub(super) struct Parts {
    pub(super) id: Part,
    pub(super) key: Part,
    pub(super) token: Part,
    /// When the key ends, as the source writes it.
    pub(super) expiry: Part,
}

impl Parts {
    /// The key; `None` when the source holds no part of one.
    pub(super) fn credential(self, source: String, now: Timestamp) -> Result<Option<Credential>, Error> {
        let expires_at = match &self.expiry.value {
            Some(text) => Some(expiry(text).ok_or_else(|| unreadable_expiry(&self.expiry.name))?),
            None => None,
        };
        let secrets = match (self.id.value, self.key.value) {
            (Some(id), Some(key)) => (checked(&self.id.name, id)?, checked(&self.key.name, key)?),
            (None, None) if self.token.value.is_none() => return Ok(None),
            (Some(_), None) => return usage(half_set(&self.id.name, &self.key.name)),
            (None, Some(_)) => return usage(half_set(&self.key.name, &self.id.name)),
            (None, None) => {
                return usage(format!(
                    "{} is set, and {} and {} are not: set all three, or remove it to use another source",
                    self.token.name, self.id.name, self.key.name
                ));
            }
        };
        let (secret_id, secret_key) = secrets;
        // An id travels readably: what looks like a key in its place must not be sent, whatever stands around it.
        if looks_like_id(&secret_key) && !looks_like_id(&secret_id) {
            return usage(format!(
                "{} begins with AKID, as only ids do, and {} does not: they look swapped, exchange the two",
                self.key.name, self.id.name
            ));
        }
        if secret_key == secret_id && !looks_like_id(&secret_id) {
            return usage(format!(
                "{} and {} have the same value, which does not begin with AKID: it looks like the secret key, copy the id again",
                self.id.name, self.key.name
            ));
        }
        let token = match self.token.value {
            Some(value) => Some(SecretString::from(checked(&self.token.name, value)?)),
            None => None,
        };
        if let Some(end) = expires_at.filter(|end| *end <= now) {
            return usage(expired(&source, end, now));
        }
        Ok(Some(Credential { secret_id, secret_key: SecretString::from(secret_key), token, expires_at, source }))
    }
}

fn half_set(present: &str, missing: &str) -> String {
    format!("{present} is set and {missing} is not: set both, or remove what is left to use another source")
}

/// Blanks, line ends and quotes come along when keys are copied, and make every signature wrong.
pub(super) fn checked(name: &str, value: String) -> Result<String, Error> {
    if value.trim() != value {
        return usage(format!("{name} has blanks or a line end around its value: remove them"));
    }
    let is_quote = |c: char| matches!(c, '"' | '\'' | '`' | '“' | '”' | '‘' | '’');
    if value.starts_with(is_quote) || value.ends_with(is_quote) {
        return usage(format!("{name} has quotes around its value: remove them, they would be signed as a part of it"));
    }
    if !value.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return usage(format!("{name} contains a blank or a character that no key has: copy the key again"));
    }
    Ok(value)
}

/// Unix seconds, Unix milliseconds, or RFC 3339.
pub(super) fn expiry(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(number) if number.abs() >= 100_000_000_000 => Timestamp::from_millisecond(number).ok(),
        Ok(number) => Timestamp::from_second(number).ok(),
        Err(_) => text.parse().ok(),
    }
}

pub(super) fn unreadable_expiry(name: &str) -> Error {
    Error::Usage(format!(
        "{name} is not a time: it should be a number of Unix seconds, or look like 2026-11-24T08:00:00Z"
    ))
}

fn expired(source: &str, end: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(end).as_mins();
    let ago = match minutes {
        0 => "less than a minute ago".to_owned(),
        1..180 => format!("{minutes} min ago"),
        180..2880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    };
    format!(
        "the temporary key of {source} expired {ago}, at {}: get a new one, or remove it to use another source",
        to_the_second(end)
    )
}

/// A time to the second.
pub fn to_the_second(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// Where a key of a file stands: the first line from `from` on that begins with it, quoted or not.
pub(super) fn place(text: &str, from: usize, key: &str, path: &Path) -> String {
    let is_key = |line: &str| {
        let line = line.trim_start_matches([' ', '\t', '{', ',', '-', '"', '\'']);
        let (head, rest) = (line.get(..key.len()), line.get(key.len()..).unwrap_or_default());
        head.is_some_and(|head| head.eq_ignore_ascii_case(key))
            && rest.trim_start_matches(['"', '\'']).trim_start().starts_with([':', '='])
    };
    match text.lines().skip(from).position(is_key) {
        Some(index) => format!("{key} in line {} of {}", from + index + 1, path.display()),
        None => format!("{key} in {}", path.display()),
    }
}

/// Where a file breaks off or goes wrong, without a word of it but the name of the key before that place.
///
/// `line` counts from 1, `column` in bytes from 1.
pub(super) fn fault_place(text: &str, (line, column): (usize, usize), names: &[&str]) -> String {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let name_at = |at: usize| {
        let is_inside = text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let is_here = |name: &&&str| {
            let head = text.get(at..at + name.len());
            let rest = text.get(at + name.len()..).unwrap_or_default().trim_start_matches(['"', '\'']);
            head.is_some_and(|head| head.eq_ignore_ascii_case(name)) && rest.trim_start().starts_with([':', '='])
        };
        if is_inside { None } else { names.iter().find(is_here) }
    };
    let mut backwards = (0..text.len().min(start.saturating_add(column))).rev().filter(|at| text.is_char_boundary(*at));
    match backwards.find_map(name_at) {
        Some(name) => format!("line {line}, column {column}, at or after {name}"),
        None => format!("line {line}, column {column}"),
    }
}

/// A file that is not what its owner would write.
pub(super) fn malformed(expected: &'static str, path: &Path, problem: String) -> Error {
    Error::Malformed { expected, path: path.to_owned(), problem }
}
