//! Taking values out of the document, and telling what is wrong with them.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Lines, Mistake, Spot};
use super::{CommandLine, secrets};

/// Words that are less alike are not offered.
const FARTHEST: usize = 3;

/// A value with the place of its key.
#[derive(Clone)]
pub(super) struct Entry<'t> {
    pub(super) name: &'t str,
    pub(super) value: &'t DeValue<'t>,
    pub(super) spot: Spot,
    /// Where the value itself stands.
    at: Range<usize>,
}

/// What reads the document, and everything that is wrong with it so far.
pub(super) struct Reader<'t> {
    lines: Lines<'t>,
    pub(super) line: &'t CommandLine,
    pub(super) mistakes: Vec<Mistake>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, line: &'t CommandLine) -> Self {
        Self { lines: Lines::of(text), line, mistakes: Vec::new() }
    }

    pub(super) fn tell(&mut self, spot: &Spot, problem: impl Into<String>, hint: Option<String>) {
        self.mistakes.push(Mistake { spot: spot.clone(), problem: problem.into(), hint });
    }

    /// The entries of a table in the order of the file.
    pub(super) fn entries(&self, table: &'t DeTable<'t>, above: &str) -> Vec<Entry<'t>> {
        let entry = |(name, value): (&'t Spanned<std::borrow::Cow<'t, str>>, &'t Spanned<DeValue<'t>>)| {
            let key = joined(above, name.get_ref());
            let spot = self.lines.spot(name.span().start, &key);
            Entry { name: name.get_ref(), value: value.get_ref(), spot, at: value.span() }
        };
        let mut entries: Vec<_> = table.iter().map(entry).collect();
        entries.sort_by_key(|entry| (entry.spot.line, entry.spot.column, entry.at.start));
        entries
    }

    /// The items of a list, each with its place and its number in the key.
    pub(super) fn items(&mut self, entry: &Entry<'t>, wanted: &str) -> Vec<Entry<'t>> {
        let Some(list) = entry.value.as_array() else {
            self.other_type(entry, wanted);
            return Vec::new();
        };
        let item = |(number, value): (usize, &'t Spanned<DeValue<'t>>)| Entry {
            name: entry.name,
            value: value.get_ref(),
            spot: self.lines.spot(value.span().start, &format!("{}[{number}]", entry.spot.key)),
            at: value.span(),
        };
        list.iter().enumerate().map(item).collect()
    }

    /// The entries of a table that a key holds.
    pub(super) fn table(&mut self, entry: &Entry<'t>, wanted: &str) -> Option<Vec<Entry<'t>>> {
        if let Some(table) = entry.value.as_table() {
            return Some(self.entries(table, &entry.spot.key));
        }
        self.other_type(entry, wanted);
        None
    }

    pub(super) fn text(&mut self, entry: &Entry<'t>, wanted: &str) -> Option<&'t str> {
        let text = entry.value.as_str();
        if text.is_none() {
            self.other_type(entry, wanted);
        }
        text
    }

    /// A time, as a flag takes it.
    pub(super) fn duration(&mut self, entry: &Entry<'t>) -> Option<std::time::Duration> {
        let Some(text) = scalar(entry.value) else {
            self.other_type(entry, "a time such as \"10s\"");
            return None;
        };
        match (self.line.duration)(&text) {
            Ok(duration) => Some(duration),
            Err(problem) => {
                self.tell(&entry.spot, problem, None);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, entry: &Entry<'t>, table: &[(T, &str)]) -> Option<T> {
        let words: Vec<&str> = table.iter().map(|(_, word)| *word).collect();
        let wanted = format!("one of {}", words.join(", "));
        let text = self.text(entry, &wanted)?;
        let found = table.iter().find(|(_, word)| *word == text).map(|(value, _)| *value);
        if found.is_none() {
            self.tell(&entry.spot, format!("it should be {wanted}"), did_you_mean(text, words));
        }
        found
    }

    /// A value of another type than the one that is meant.
    pub(super) fn other_type(&mut self, entry: &Entry<'t>, wanted: &str) {
        self.tell(&entry.spot, format!("it should be {wanted}, and it is {}", kind(entry.value)), None);
    }

    /// A key that its table does not have.
    pub(super) fn unknown<'k>(&mut self, entry: &Entry<'t>, keys: impl IntoIterator<Item = &'k str>) {
        // What is told of a secret is told once.
        if secrets::is_name(entry.name) {
            return;
        }
        let is_flag = self.line.check.iter().any(|flag| flag.key == entry.name && flag.refusal.is_none());
        let hint = if is_flag { Some("it is a key of modules".to_owned()) } else { did_you_mean(entry.name, keys) };
        self.tell(&entry.spot, "there is no such key", hint);
    }
}

/// A key below another.
fn joined(above: &str, name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let bare = !name.is_empty() && name.len() <= 60 && name.chars().all(is_bare);
    let name = secrets::hidden(name);
    let name = if bare { name } else { format!("\"{}\"", shortened(&name)) };
    if above.is_empty() { name } else { format!("{above}.{name}") }
}

/// A text of the file that is fit for a message.
fn shortened(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { '�' } else { c });
    let short: String = characters.by_ref().take(60).collect();
    if characters.next().is_some() { format!("{short}…") } else { short }
}

/// What may have been meant.
pub(super) fn did_you_mean<'k>(text: &str, words: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let text = text.to_lowercase();
    let scored = words.into_iter().map(|word| (strsim::damerau_levenshtein(&text, word), word));
    // A short word is like many others.
    let near = scored.filter(|(distance, word)| *distance <= FARTHEST && distance * 2 < word.len()).min()?;
    Some(format!("did you mean {}?", near.1))
}

/// A value that has one text.
pub(super) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(_) => integer(value).map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().replace('_', "")),
        _ => None,
    }
}

/// A whole number that is not beyond measure.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

/// What a value is, in words.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time of day or date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
