//! A YAML document as a tree that knows its lines. The reader of YAML is a crate's; a typed one would stop at the first mistake and
//! quote what it does not like, which may be a secret.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Spanned};

use crate::settings::{Mistake, Spot};

/// A part of a document, and the line in which it begins.
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// What there is in a document. It has no `Debug`: it holds secrets.
pub(super) enum Value {
    Nothing,
    Text(String),
    Flag(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key with what is behind it.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) node: Node,
}

/// Reads a document.
///
/// # Errors
/// That it is not YAML, or has a key twice, with the line and without a word of it.
pub(super) fn read(text: &str) -> Result<Node, Mistake> {
    serde_saphyr::from_str(text).map_err(|error| {
        let error = error.without_snippet();
        let (problem, hint) = match error {
            Error::DuplicateMappingKey { .. } => ("the key stands there twice", "leave one of the two"),
            Error::MultipleDocuments { .. } => ("a second document begins there", "leave one of them"),
            _ => ("it is not YAML there", "look at the indentation and the quotes"),
        };
        let line = error.location().map_or(1, |at| line_of(at.line()));
        mistake(line, "", problem, hint)
    })
}

pub(super) fn mistake(line: usize, key: &str, problem: impl Into<String>, hint: impl Into<String>) -> Mistake {
    let spot = Spot { line, column: 1, key: key.to_owned() };
    Mistake { spot, problem: problem.into(), hint: Some(hint.into()) }
}

fn line_of(line: u64) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX).max(1)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { line: line_of(spanned.referenced.line()), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a switch, a list or a table")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Flag(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = parts.next_element()? {
            list.push(node);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Value, A::Error> {
        let mut table: Vec<Entry> = Vec::new();
        while let Some(key) = parts.next_key::<Spanned<String>>()? {
            let (line, key) = (line_of(key.referenced.line()), key.value);
            if table.iter().any(|entry| entry.key == key) {
                return Err(A::Error::custom("a key twice"));
            }
            table.push(Entry { key, line, node: parts.next_value()? });
        }
        Ok(Value::Table(table))
    }
}
