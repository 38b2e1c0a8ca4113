//! What differs between the text that one side signed and the text that the other side computed.
//!
//! Takes two `FormatStrings` or two `StringToSigns`, as COS sends them with `SignatureDoesNotMatch`, and says in words what is
//! different. The value of a token is never shown.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::visible::{around, short};
use super::{encode, encode_path};
use crate::text;
use crate::text::Text;

/// Names whose values are secret.
const SECRET: [&str; 2] = ["x-cos-security-token", "x-ci-security-token"];

/// The part of a request in which both sides differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The text is not built as such a text is.
    Shape,
    /// The method.
    Method,
    /// The path.
    Path,
    /// A query parameter.
    Parameter,
    /// A header.
    Header,
    /// The algorithm of a `StringToSign`.
    Algorithm,
    /// The validity in a `StringToSign`.
    Time,
    /// The digest of the request in a `StringToSign`.
    Digest,
}

/// One difference, as one short sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where it is.
    pub part: Part,
    /// What it is.
    pub sentence: Text,
}

/// Everything in which the text that was signed differs from the one that was computed, in the order of the text.
pub fn differences(signed: &str, computed: &str) -> Vec<Difference> {
    let mut found = Vec::new();
    if signed == computed {
        return found;
    }
    let mut add = |part, sentence| found.push(Difference { part, sentence });
    match (lines(signed), lines(computed)) {
        (Some(signed), Some(computed)) => compare(&signed, &computed, &mut add),
        (signed_lines, computed_lines) => {
            let built = || text!("method, path, parameters and headers, or sha1, time and digest");
            if signed_lines.is_none() {
                let count = signed.lines().count();
                add(
                    Part::Shape,
                    text!("the signed text has {count} lines: it should have {built}", count, built = built()),
                );
            }
            if computed_lines.is_none() {
                let count = computed.lines().count();
                add(
                    Part::Shape,
                    text!("the computed text has {count} lines: it should have {built}", count, built = built()),
                );
            }
        }
    }
    found
}

/// A text by its lines.
enum Lines<'a> {
    Format { method: &'a str, path: &'a str, params: &'a str, headers: &'a str, is_ended: bool },
    ToSign { algorithm: &'a str, time: &'a str, digest: &'a str, is_ended: bool },
}

fn lines(text: &str) -> Option<Lines<'_>> {
    let (whole, is_ended) = text.strip_suffix('\n').map_or((text, false), |whole| (whole, true));
    let parts: Vec<&str> = whole.split('\n').collect();
    if let ["sha1" | "sha256", time, digest] = parts.as_slice() {
        return Some(Lines::ToSign { algorithm: parts[0], time, digest, is_ended });
    }
    // A path may hold line ends itself; the other parts hold none.
    let (method, rest) = whole.split_once('\n')?;
    let (rest, headers) = rest.rsplit_once('\n')?;
    let (path, params) = rest.rsplit_once('\n')?;
    Some(Lines::Format { method, path, params, headers, is_ended })
}

fn compare(signed: &Lines<'_>, computed: &Lines<'_>, add: &mut impl FnMut(Part, Text)) {
    let ended = match (signed, computed) {
        (
            Lines::Format { method, path, params, headers, is_ended },
            Lines::Format { method: method2, path: path2, params: params2, headers: headers2, is_ended: is_ended2 },
        ) => {
            plain(Part::Method, text!("method"), (method, method2), None, add);
            plain(Part::Path, text!("path"), (path, path2), path_relation(path, path2), add);
            pairs(Part::Parameter, (params, params2), add);
            pairs(Part::Header, (headers, headers2), add);
            (*is_ended, *is_ended2)
        }
        (
            Lines::ToSign { algorithm, time, digest, is_ended },
            Lines::ToSign { algorithm: algorithm2, time: time2, digest: digest2, is_ended: is_ended2 },
        ) => {
            plain(Part::Algorithm, text!("algorithm"), (algorithm, algorithm2), None, add);
            plain(Part::Time, text!("time"), (time, time2), None, add);
            plain(Part::Digest, text!("digest of the request"), (digest, digest2), None, add);
            (*is_ended, *is_ended2)
        }
        _ => {
            add(Part::Shape, text!("one text is a FormatString and the other a StringToSign"));
            return;
        }
    };
    match ended {
        (false, true) => add(Part::Shape, text!("the signed text lacks the line end after its last line")),
        (true, false) => add(Part::Shape, text!("the computed text lacks the line end after its last line")),
        _ => {}
    }
}

fn plain(
    part: Part,
    name: Text,
    (signed, computed): (&str, &str),
    relation: Option<Text>,
    add: &mut impl FnMut(Part, Text),
) {
    if signed == computed {
        return;
    }
    let at = signed.chars().zip(computed.chars()).take_while(|(a, b)| a == b).count();
    let relation = relation.map(|relation| text!(": {relation}", relation));
    let (signed, computed) = (around(signed, at), around(computed, at));
    add(part, text!("{name}: signed '{signed}', computed '{computed}'{relation}", name, signed, computed, relation));
}

/// How two paths are the same after all.
fn path_relation(signed: &str, computed: &str) -> Option<Text> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    if signed == encode_path(computed) || (signed != computed && decoded(signed) == computed) {
        Some(text!("the path was signed percent-encoded, not decoded"))
    } else if computed == encode_path(signed) || decoded(computed) == signed {
        Some(text!("the path was computed percent-encoded and signed decoded"))
    } else if signed.trim_end_matches('/') == computed.trim_end_matches('/') {
        Some(text!("only slashes at the end differ"))
    } else if signed.trim_start_matches('/') == computed.trim_start_matches('/') {
        Some(text!("only slashes at the beginning differ"))
    } else if signed.trim() == computed.trim() {
        Some(text!("only blanks at the ends differ"))
    } else {
        case_relation(signed, computed)
    }
}

fn case_relation(signed: &str, computed: &str) -> Option<Text> {
    signed.eq_ignore_ascii_case(computed).then(|| text!("only upper and lower case differ"))
}

/// How two encoded values are the same after all.
fn value_relation(signed: &str, computed: &str) -> Option<Text> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (signed_text, computed_text) = (decoded(signed), decoded(computed));
    if signed.replace('+', "%20") == computed {
        Some(text!("a blank was signed as + instead of %20"))
    } else if signed == computed_text {
        Some(text!("the value was signed without being encoded"))
    } else if signed == encode(computed) {
        Some(text!("the value was signed encoded twice"))
    } else if signed_text == computed_text {
        Some(text!("only the way of encoding differs"))
    } else if signed_text.trim() == computed_text.trim() {
        Some(text!("only blanks at the ends differ"))
    } else {
        case_relation(&signed_text, &computed_text)
    }
}

/// Compares the lists `name=value&…` of both sides.
fn pairs(part: Part, (signed, computed): (&str, &str), add: &mut impl FnMut(Part, Text)) {
    if signed == computed {
        return;
    }
    let (ours, theirs) = (by_name(signed), by_name(computed));
    let mut found = Vec::new();
    for (name, values) in &ours {
        let shown = named(part, name);
        match theirs.get(name) {
            None => found.push(text!("{shown} was signed and is not in the computed text", shown)),
            Some(others) if values.len() != others.len() => {
                let (signed, computed) = (values.len(), others.len());
                found.push(text!(
                    "{shown} was signed {signed} times and computed {computed} times",
                    shown,
                    signed,
                    computed
                ));
            }
            Some(others) if values != others && SECRET.contains(&name.to_ascii_lowercase().as_str()) => {
                found.push(text!("{shown} has another value: signed '****', computed '****'", shown));
            }
            Some(others) => {
                for (value, other) in values.iter().zip(others) {
                    plain(part, shown.clone(), (value, other), value_relation(value, other), &mut |_, text| {
                        found.push(text);
                    });
                }
            }
        }
    }
    for name in theirs.keys().filter(|name| !ours.contains_key(*name)) {
        found.push(text!("{shown} is in the computed text and was not signed", shown = named(part, name)));
    }
    if found.is_empty() {
        found.push(if part == Part::Parameter {
            text!("the parameters are the same, in another order")
        } else {
            text!("the headers are the same, in another order")
        });
    }
    for sentence in found {
        add(part, sentence);
    }
}

/// A parameter or header.
fn named(part: Part, name: &str) -> Text {
    let name = short(name);
    if part == Part::Parameter { text!("parameter {name}", name) } else { text!("header {name}", name) }
}

fn by_name(list: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pair in list.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.entry(name).or_default().push(value);
    }
    found
}

/// A `FormatString` in which the values of tokens are left out, to be shown.
pub fn without_tokens(format_string: &str) -> String {
    let masked = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if SECRET.contains(&name.to_ascii_lowercase().as_str()) => format!("{name}=****"),
        _ => pair.to_owned(),
    };
    let line = |line: &str| line.split('&').map(masked).collect::<Vec<_>>().join("&");
    format_string.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(signed: &str, computed: &str) -> Vec<String> {
        differences(signed, computed).iter().map(|difference| difference.sentence.to_string()).collect()
    }

    #[test]
    fn each_difference_has_its_words() {
        let right = "get\n/a b\nx=1%202\nhost=h&range=bytes%3D0-0\n";
        for (signed, words) in [
            (right, None),
            ("head\n/a b\nx=1%202\nhost=h&range=bytes%3D0-0\n", Some("method: signed 'head', computed 'get'")),
            ("get\n/a%20b\nx=1%202\nhost=h&range=bytes%3D0-0\n", Some("signed percent-encoded, not decoded")),
            ("get\n/a b/\nx=1%202\nhost=h&range=bytes%3D0-0\n", Some("only slashes at the end differ")),
            ("get\n/A b\nx=1%202\nhost=h&range=bytes%3D0-0\n", Some("only upper and lower case differ")),
            ("get\n/a b\nx=1+2\nhost=h&range=bytes%3D0-0\n", Some("a blank was signed as + instead of %20")),
            ("get\n/a b\nx=1 2\nhost=h&range=bytes%3D0-0\n", Some("signed without being encoded")),
            ("get\n/a b\nx=1%25202\nhost=h&range=bytes%3D0-0\n", Some("encoded twice")),
            ("get\n/a b\nx=1%202\nhost=h&range=bytes%3d0-0\n", Some("only the way of encoding differs")),
            ("get\n/a b\nx=1%202%20\nhost=h&range=bytes%3D0-0\n", Some("only blanks at the ends differ")),
            ("get\n/a b\n\nhost=h&range=bytes%3D0-0\n", Some("parameter x is in the computed text and was not signed")),
            ("get\n/a b\nx=1%202&y=\nhost=h&range=bytes%3D0-0\n", Some("parameter y was signed and is not in")),
            ("get\n/a b\nx=1%202&x=\nhost=h&range=bytes%3D0-0\n", Some("signed 2 times and computed 1 times")),
            ("get\n/a b\nx=1%202\nrange=bytes%3D0-0&host=h\n", Some("the headers are the same, in another order")),
            ("get\n/a b\nx=1%202\nhost=h&range=bytes%3D0-0", Some("lacks the line end")),
        ] {
            let found = sentences(signed, right);
            assert_eq!(found.len(), usize::from(words.is_some()), "{signed:?}: {found:?}");
            assert!(found.iter().zip(words).all(|(found, words)| found.contains(words)), "{words:?}: {found:?}");
        }
        assert_eq!(
            sentences("a\nb", right),
            [
                "the signed text has 2 lines: it should have method, path, parameters and headers, or sha1, time and digest"
            ]
        );
    }

    #[test]
    fn two_strings_to_sign_are_compared_as_such() {
        let found = sentences("sha1\n1;2\nab\n", "sha1\n1;3\ncd");
        assert_eq!(
            found,
            [
                "time: signed '1;2', computed '1;3'",
                "digest of the request: signed 'ab', computed 'cd'",
                "the computed text lacks the line end after its last line",
            ]
        );
        assert_eq!(differences("sha1\n1;2\nab\n", "get\n/\n\n\n")[0].part, Part::Shape);
    }

    #[test]
    fn a_token_is_never_shown() {
        let found = sentences("get\n/\nx-cos-security-token=one\n\n", "get\n/\nx-cos-security-token=two\n\n");
        assert_eq!(found, ["parameter x-cos-security-token has another value: signed '****', computed '****'"]);
        let text = "get\n/\na=1&x-cos-security-token=one\nhost=h&x-ci-security-token=two\n";
        let masked = "get\n/\na=1&x-cos-security-token=****\nhost=h&x-ci-security-token=****\n";
        assert_eq!(without_tokens(text), masked);
    }

    proptest::proptest! {
        #[test]
        fn any_two_texts_are_compared_in_short_lines(
            a in "(\\PC{0,80}\n){0,6}", b in "[a-z=&%;/ \r]{0,80}", c in proptest::prelude::any::<String>(),
        ) {
            for (signed, computed) in [(&a, &b), (&a, &c), (&b, &c), (&c, &a)] {
                for difference in differences(signed, computed) {
                    let sentence = difference.sentence.to_string();
                    proptest::prop_assert!(!sentence.contains(char::is_control), "{sentence:?}");
                }
                proptest::prop_assert!(differences(signed, signed).is_empty());
            }
        }
    }
}
