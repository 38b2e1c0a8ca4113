//! Reading the form of POST Object: `multipart/form-data` (RFC 7578), within bounds.

use std::collections::BTreeMap;

/// More fields than this are not read.
const MOST_FIELDS: usize = 64;
/// A boundary is no longer than this (RFC 2046, 5.1.1).
const MOST_BOUNDARY_BYTES: usize = 70;

/// The fields before `file`, and the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    fields: BTreeMap<String, String>,
    /// The content of the field `file`, and its file name.
    pub file: Option<(Vec<u8>, String)>,
}

impl Form {
    /// The value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// Reads a body. What stands behind the field `file` is not read, as COS demands that it is the last one. `None` when it is
    /// no such form.
    pub(super) fn read(content_type: &str, body: &[u8]) -> Option<Self> {
        let delimiter = format!("\r\n--{}", boundary(content_type)?).into_bytes();
        // The line break before the first delimiter is not there when nothing stands before it.
        let (_, mut rest) = split_at_mark(body, delimiter.get(2..)?)?;
        let mut form = Self { fields: BTreeMap::new(), file: None };
        for _ in 0..=MOST_FIELDS {
            if rest.starts_with(b"--") {
                return Some(form);
            }
            let (head, behind) = split_at_mark(rest.strip_prefix(b"\r\n")?, b"\r\n\r\n")?;
            let (content, behind) = split_at_mark(behind, &delimiter)?;
            let disposition = disposition(std::str::from_utf8(head).ok()?)?;
            let name = parameter(disposition, "name")?;
            if name == "file" {
                let filename = parameter(disposition, "filename").unwrap_or_default();
                form.file = Some((content.to_vec(), filename.to_owned()));
                return Some(form);
            }
            form.fields.insert(name.to_owned(), String::from_utf8(content.to_vec()).ok()?);
            rest = behind;
        }
        None
    }
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> Option<&str> {
    let (kind, _) = content_type.split_once(';')?;
    let boundary = parameter(content_type, "boundary")?;
    let is_good = (1..=MOST_BOUNDARY_BYTES).contains(&boundary.len());
    (kind.trim().eq_ignore_ascii_case("multipart/form-data") && is_good).then_some(boundary)
}

fn disposition(head: &str) -> Option<&str> {
    let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition")).map(|(_, value)| value)
}

/// A parameter of a header's value, without the quotes around it.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let pairs = value.split(';').skip(1).filter_map(|part| part.trim().split_once('='));
    pairs.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim_matches('"'))
}

/// What stands before and behind the first place of a mark.
fn split_at_mark<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=xx";

    #[test]
    fn fields_and_file_are_read() {
        let body = "--xx\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na b\r\n--xx\r\ncontent-disposition: form-data; \
                    name=\"file\"; filename=\"f.txt\"\r\nContent-Type: text/plain\r\n\r\none\r\ntwo\r\n--xx\r\n\
                    Content-Disposition: form-data; name=\"late\"\r\n\r\n1\r\n--xx--\r\n";
        let form = Form::read(TYPE, body.as_bytes()).unwrap();
        assert_eq!((form.field("key"), form.field("late")), (Some("a b"), None));
        assert_eq!(form.file, Some((b"one\r\ntwo".to_vec(), "f.txt".to_owned())));
        assert_eq!(form, Form::read("Multipart/Form-Data;boundary=\"xx\"", body.as_bytes()).unwrap());
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let part = "--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1";
        for body in ["", "--xx", "--xx\r\n", "--xx\r\nX: y\r\n\r\n1\r\n--xx--", part, "--xy--", "\r\n--x"] {
            assert_eq!(Form::read(TYPE, body.as_bytes()), None, "{body:?}");
        }
        for content_type in ["multipart/form-data", "multipart/form-data; boundary=", "text/plain; boundary=xx"] {
            assert_eq!(Form::read(content_type, format!("{part}\r\n--xx--").as_bytes()), None, "{content_type}");
        }
        let many = |number| "--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n".repeat(number) + "--xx--";
        assert_eq!(Form::read(TYPE, many(MOST_FIELDS + 1).as_bytes()), None);
        assert!(Form::read(TYPE, many(MOST_FIELDS).as_bytes()).is_some());
        assert!(Form::read(TYPE, b"--xx--").is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), kind in "\\PC{0,40}") {
            let _ = Form::read(TYPE, &[b"--xx\r\n", body.as_slice(), b"\r\n--xx--"].concat());
            let _ = Form::read(&kind, &body);
        }
    }
}
