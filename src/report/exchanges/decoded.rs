//! What the headers of COS mean, for people.
//!
//! Sources: COS documentation, "HEAD Bucket", "HEAD Object", "Storage Class Overview" and the notice about buckets made since
//! 2024; `x-cos-bucket-arch` by Tencent's SDKs.

use crate::text;
use crate::text::Text;

/// A header's name and value, and what that means.
const MEANINGS: &[(&str, &str, Text)] = &[
    ("x-cos-bucket-az-type", "MAZ", text!("in several availability zones")),
    ("x-cos-bucket-arch", "OFS", text!("metadata acceleration")),
    ("x-cos-storage-class", "STANDARD_IA", text!("infrequent access")),
    ("x-cos-storage-class", "MAZ_STANDARD", text!("standard, in several availability zones")),
    ("x-cos-storage-class", "MAZ_STANDARD_IA", text!("infrequent access, in several availability zones")),
    ("x-cos-storage-class", "INTELLIGENT_TIERING", text!("moves by itself between frequent and infrequent access")),
    ("x-cos-storage-class", "ARCHIVE", text!("has to be restored before it can be read")),
    ("x-cos-storage-class", "DEEP_ARCHIVE", text!("has to be restored before it can be read, which takes hours")),
    ("x-cos-force-download", "true", text!("the default domain of buckets made since 2024 gives attachments")),
    ("x-cos-delete-marker", "true", text!("this version says that the object was deleted")),
];

/// Headers that hold a time.
const TIMES: &[&str] = &["date", "last-modified"];

/// A header's value with its meaning behind it, where it has one; a time as RFC 3339, which is shorter and sorts.
pub(super) fn decoded(name: &str, value: &str) -> Text {
    if TIMES.contains(&name)
        && let Ok(time) = jiff::fmt::rfc2822::parse(value)
    {
        return Text::literal(time.timestamp().to_string());
    }
    let meaning = MEANINGS.iter().find(|(known, of, _)| *known == name && of.eq_ignore_ascii_case(value));
    match meaning {
        Some((_, _, meaning)) => text!("{value} ({meaning})", value, meaning),
        None => Text::literal(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meaning_is_of_one_value_of_one_header() {
        assert_eq!(decoded("x-cos-bucket-arch", "OFS").to_string(), "OFS (metadata acceleration)");
        assert_eq!(decoded("x-cos-bucket-arch", "other").to_string(), "other");
        assert_eq!(decoded("server", "OFS").to_string(), "OFS");
        assert_eq!(decoded("date", "Mon, 23 Nov 2026 12:00:00 GMT").to_string(), "2026-11-23T12:00:00Z");
        assert_eq!(decoded("date", "no date").to_string(), "no date");
        for (name, value, meaning) in MEANINGS {
            assert_eq!(MEANINGS.iter().filter(|row| (row.0, row.1) == (*name, *value)).count(), 1, "{name} {value}");
            assert!(!meaning.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
        }
    }
}
