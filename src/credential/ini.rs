//! INI files: values as they stand, with the line they stand in.

use std::path::Path;

use configparser::ini::Ini;

use super::parts::{Part, malformed, place};
use crate::error::Error;

/// The names that a line cut off after them can be told with.
const NAMES: &[&str] =
    &["secret_id", "access_id", "secret_key", "token", "session_token", "security_token", "expired_time"];

/// A file that was read.
pub(super) struct IniFile<'a> {
    ini: Ini,
    text: &'a str,
    path: &'a Path,
}

impl<'a> IniFile<'a> {
    /// Reads a file. A key may hold `#` and `;`, so they begin no comment within a line.
    pub(super) fn read(text: &'a str, path: &'a Path) -> Result<Self, Error> {
        let mut ini = Ini::new_cs();
        ini.set_comment_symbols(&['#', ';']);
        ini.set_inline_comment_symbols(Some(&[]));
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // The parser's words may quote the line, so only its number is told.
        ini.read(text.to_owned()).map_err(|problem| {
            let line = problem.strip_prefix("line ").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
            let line = line.map_or_else(String::new, |number| format!("line {number}: "));
            malformed("an INI file", path, format!("{line}it should be [section] or name = value"))
        })?;
        let file = Self { ini, text, path };
        file.refuse_cut_lines()?;
        Ok(file)
    }

    /// A word alone in its line is what is left of a file that was cut.
    fn refuse_cut_lines(&self) -> Result<(), Error> {
        let is_cut = |line: &str| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with(['#', ';', '[']) && !line.contains(['=', ':'])
        };
        match self.text.lines().enumerate().find(|(_, line)| is_cut(line)) {
            Some((index, line)) => {
                // What is left may be a secret: it is told only when it is the name of a key.
                let name = NAMES.iter().find(|name| line.trim().eq_ignore_ascii_case(name));
                let it = name.map_or_else(String::new, |name| format!(", {name}"));
                let problem = format!("line {}{it}: there is no = in it, it should be name = value", index + 1);
                Err(malformed("an INI file", self.path, problem))
            }
            None => Ok(()),
        }
    }

    /// The names of the sections, in the order of the file.
    pub(super) fn sections(&self) -> Vec<String> {
        self.ini.sections().into_iter().filter(|section| section != "default" || self.has("default")).collect()
    }

    /// Whether there is such a section.
    pub(super) fn has(&self, section: &str) -> bool {
        self.heading(section).is_some()
    }

    fn heading(&self, section: &str) -> Option<usize> {
        let is_heading = |line: &str| {
            let name =
                line.trim().strip_prefix('[').and_then(|rest| rest.rsplit_once(']')).map(|(name, _)| name.trim());
            name == Some(section)
        };
        self.text.lines().position(is_heading)
    }

    /// The value of the first of some keys that is there, whatever their case; the first key when none is.
    pub(super) fn part(&self, section: &str, keys: &[&str]) -> Part {
        let values = self.ini.get_map_ref().get(section);
        let value = |key: &str| {
            let found = values?.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
            found.and_then(|(_, value)| value.clone()).filter(|value| !value.is_empty())
        };
        let key = keys.iter().find(|key| value(key).is_some()).or(keys.first()).copied().unwrap_or_default();
        let from = self.heading(section).unwrap_or_default();
        Part::new(place(self.text, from, key, self.path), value(key))
    }

    /// The value of a key that is no secret.
    pub(super) fn plain(&self, section: &str, key: &str) -> Option<String> {
        self.part(section, &[key]).value
    }
}
