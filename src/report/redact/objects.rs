//! Stand-ins for object keys, URLs, and what signatures are made over.
//!
//! Every separator and every percent sign stays where it is, and a part of a key has one stand-in, encoded or not. So two texts that
//! differ do so in the same place afterwards, and for the same reason.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use sha1::{Digest, Sha1};

use super::hosts::is_well_known;
use super::text::is_telling;
use super::{Redactor, keyed};
use crate::evidence::RequestIdHint;
use crate::sign::encode;
use crate::target::check_bucket;

/// Parts of object keys that cosprobe gives itself.
const OWN: &[&str] = &["cosprobe", "cosprobe-need-not-exist"];

fn is_of_key(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '~')
}

impl Redactor {
    /// The path of an object, as it is or percent-encoded.
    pub(super) fn object_path(&mut self, path: &str) -> String {
        path.split('/').map(|part| self.object_part(part)).collect::<Vec<_>>().join("/")
    }

    fn object_part(&mut self, part: &str) -> String {
        if OWN.contains(&part) {
            return part.to_owned();
        }
        if check_bucket(part).is_ok() && self.words.contains_key(part) {
            return self.bucket(part);
        }
        let decoded = percent_decode_str(part).decode_utf8().ok().filter(|decoded| *decoded != part);
        match decoded {
            Some(decoded) if encode(&decoded) == part => encode(&self.plain_part(&decoded)),
            _ => self.plain_part(part),
        }
    }

    /// A part without slashes: what stands between its other characters is replaced, and an encoded character stays.
    fn plain_part(&mut self, part: &str) -> String {
        let mut result = String::new();
        let mut rest = part;
        while let Some(first) = rest.chars().next() {
            let is_escape = first == '%' && rest.len() >= 3 && rest.as_bytes()[1..3].iter().all(u8::is_ascii_hexdigit);
            let length = if is_escape {
                3
            } else if is_of_key(first) {
                rest.find(|c| !is_of_key(c)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            let (token, after) = rest.split_at(length);
            let is_named = is_of_key(first) && token.contains(char::is_alphanumeric);
            let new = if is_named { self.key(token) } else { token.to_owned() };
            result.push_str(&new);
            rest = after;
        }
        result
    }

    fn key(&mut self, key: &str) -> String {
        if let Some(known) = self.keys.get(key) {
            return known.clone();
        }
        let mut new = self.next("key");
        if !key.is_ascii() {
            // Whether a key has letters beyond ASCII decides how it is encoded.
            new.push_str("-é");
        }
        self.keys.insert(key.to_owned(), new.clone());
        if is_telling(key) {
            self.words.entry(key.to_owned()).or_insert_with(|| new.clone());
        }
        new
    }

    /// A URL, with or without a scheme: the host, the path and the values of the query are replaced.
    pub(super) fn url(&mut self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (&url[..scheme.len() + 3], rest));
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if is_well_known(authority) {
            return url.to_owned();
        }
        format!("{scheme}{}{}", self.authority(authority), self.path_and_query(rest))
    }

    fn authority(&mut self, authority: &str) -> String {
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let user = user.map_or_else(String::new, |user| format!("{}@", self.word(user, "user")));
        let is_port = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let (host, port) = match host.rsplit_once(':') {
            Some((name, port)) if is_port(port) && (!name.contains(':') || name.ends_with(']')) => {
                host.split_at(name.len())
            }
            _ => (host, ""),
        };
        let new = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) => format!("[{}]", self.host(v6)),
            None if check_bucket(host).is_ok() && self.words.contains_key(host) => self.bucket(host),
            None => self.host(host),
        };
        format!("{user}{new}{port}")
    }

    fn path_and_query(&mut self, text: &str) -> String {
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        let path = self.object_path(path);
        let query = query.map_or_else(String::new, |query| format!("?{}", self.parameters(query)));
        format!("{path}{query}")
    }

    /// Parameters between `&`: names stay, and so do numbers.
    fn parameters(&mut self, text: &str) -> String {
        let parameter = |parameter: &str| match parameter.split_once('=') {
            Some((name, value)) if value.contains(|c: char| !c.is_ascii_digit()) => {
                format!("{name}={}", self.object_path(value))
            }
            _ => parameter.to_owned(),
        };
        text.split('&').map(parameter).collect::<Vec<_>>().join("&")
    }

    /// What a user typed for a target, or COS for a resource: a host or a bucket, perhaps with an object behind it, or a URL.
    pub(super) fn input(&mut self, input: &str) -> String {
        if input.contains("://") {
            return self.url(input);
        }
        let (head, rest) = input.split_at(input.find(['/', '?']).unwrap_or(input.len()));
        let is_region = crate::region::has_region_shape(crate::region::expand_alias(head));
        let known = self.words.get(head).cloned();
        let head =
            if is_region || head.is_empty() { head.to_owned() } else { known.unwrap_or_else(|| self.authority(head)) };
        format!("{head}{}", self.path_and_query(rest))
    }

    /// The method, path, parameters and headers that were signed. Their digest is known from then on.
    pub(super) fn format_string(&mut self, text: &str) -> String {
        let (whole, end) = text.strip_suffix('\n').map_or((text, ""), |whole| (whole, "\n"));
        let parts = whole.split_once('\n').and_then(|(method, rest)| {
            let (rest, headers) = rest.rsplit_once('\n')?;
            let (path, parameters) = rest.rsplit_once('\n')?;
            Some((method, path, parameters, headers))
        });
        let Some((method, path, parameters, headers)) = parts else { return self.text(text) };
        let header = |redactor: &mut Self, header: &str| match header.split_once('=') {
            Some(("host", value)) => format!("host={}", redactor.encoded_host(value)),
            Some((name, value)) => format!("{name}={}", redactor.text(value)),
            None => header.to_owned(),
        };
        let path = self.object_path(path);
        let parameters = self.parameters(parameters);
        let headers: Vec<String> = headers.split('&').map(|text| header(self, text)).collect();
        let new = format!("{method}\n{path}\n{parameters}\n{}{end}", headers.join("&"));
        self.digests.insert(digest(text), digest(&new));
        new
    }

    /// A host with its port as signatures write it, the colon percent-encoded.
    fn encoded_host(&mut self, value: &str) -> String {
        let (host, port) = value.split_at(value.find('%').or_else(|| value.find(':')).unwrap_or(value.len()));
        format!("{}{port}", self.host(host))
    }

    /// Algorithm, time and digest. The digest is that of the text with stand-ins where it belongs to one; by the old one names could
    /// be guessed.
    pub(super) fn string_to_sign(&mut self, text: &str) -> String {
        let lines = text.split('\n').map(|line| {
            let is_digest = line.len() >= 32 && line.bytes().all(|b| b.is_ascii_hexdigit());
            match self.digests.get(line).cloned() {
                Some(known) => known,
                None if is_digest => self.digits(line),
                None => self.text(line),
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The id of a request: COS's keep the second that they hold, which clocks are compared by.
    pub(super) fn request_id(&mut self, id: &str) -> String {
        let text = STANDARD.decode(id).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let fields: Vec<&str> = text.split('_').collect();
        let (Some(hint), [second, _, rest @ ..]) = (RequestIdHint::decode(id), fields.as_slice()) else {
            return self.opaque(id);
        };
        let std::net::IpAddr::V4(front_end) = self.addresses.address(hint.front_end.into()) else {
            return self.opaque(id);
        };
        let mut new = format!("{second}_{:x}", front_end.to_bits().swap_bytes());
        for (index, field) in rest.iter().enumerate() {
            let digits = self.digits(&format!("{id}{index}"));
            let _ = write!(new, "_{}", &digits[..field.len().min(digits.len())]);
        }
        STANDARD.encode(new)
    }

    /// An id that says nothing, as long as it was.
    pub(super) fn opaque(&self, id: &str) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567";
        let bytes = keyed(self.seed, "id", id.as_bytes());
        bytes
            .iter()
            .cycle()
            .take(id.chars().count())
            .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
            .collect()
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha1::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::{Redaction, Redactor};
    use super::*;
    use crate::sign::difference::differences;
    use crate::sign::encode_path;

    #[test]
    fn a_key_has_one_stand_in_encoded_or_not() {
        let mut redactor = Redactor::new(Redaction::Default, 1);
        assert_eq!(redactor.object_path("/a b/c.txt/"), "/key-1 key-2/key-3/");
        assert_eq!(redactor.object_path("/a%20b/c.txt"), "/key-1%20key-2/key-3");
        assert_eq!(redactor.object_path("/a%2520b"), "/key-1%2520key-2");
        assert_eq!(redactor.object_path("//cosprobe/../100%"), "//cosprobe/../key-4%");
        for key in ["/путь/файл 1", "/a+b&c=d", "/中文.png"] {
            let plain = redactor.object_path(key);
            assert_eq!(redactor.object_path(&encode_path(key)), encode_path(&plain), "{key}");
            assert_eq!(key.is_ascii(), plain.is_ascii());
        }
    }

    #[test]
    fn signed_texts_differ_as_before() {
        let text = |path: &str, parameters: &str, host: &str| format!("get\n{path}\n{parameters}\nhost={host}\n");
        let ours = text("/a b", "max-keys=1", "files-1.cos.ap-guangzhou.myqcloud.com");
        for theirs in [
            ours.clone(),
            text("/a%20b", "max-keys=1", "files-1.cos.ap-guangzhou.myqcloud.com"),
            text("/a b", "max-keys=2", "files-1.cos.ap-guangzhou.myqcloud.com"),
            text("/a b", "max-keys=1", "gateway.example"),
            text("/a b", "max-keys=1", "files-1.cos.ap-guangzhou.myqcloud.com%3A443"),
            text("/A b", "max-keys=1&prefix=x", "files-1.cos.ap-guangzhou.myqcloud.com"),
            "nonsense".to_owned(),
        ] {
            let mut redactor = Redactor::new(Redaction::Strict, 1);
            let (new_ours, new_theirs) = (redactor.format_string(&ours), redactor.format_string(&theirs));
            let parts =
                |a: &str, b: &str| differences(a, b).into_iter().map(|difference| difference.part).collect::<Vec<_>>();
            assert_eq!(parts(&ours, &theirs), parts(&new_ours, &new_theirs), "{theirs}");
            let to_sign = |text: &str| format!("sha1\n1;2\n{}\n", digest(text));
            assert_eq!(redactor.string_to_sign(&to_sign(&ours)), to_sign(&new_ours));
            assert_ne!(redactor.string_to_sign(&to_sign("other")), to_sign("other"));
        }
    }

    #[test]
    fn a_request_id_keeps_its_second_and_nothing_else() {
        let mut redactor = Redactor::new(Redaction::Strict, 1);
        let id = STANDARD.encode("5cdd0ad3_f8c00b09_1ad8_3d6f0");
        let new = redactor.request_id(&id);
        let (before, after) = (RequestIdHint::decode(&id).unwrap(), RequestIdHint::decode(&new).unwrap());
        assert!(before.at == after.at && before.front_end != after.front_end && new != id);
        assert_eq!(redactor.request_id(&id), new);
        let opaque = redactor.request_id("an id, of another");
        assert!(opaque.len() == 17 && !opaque.contains("id"), "{opaque}");
    }

    #[test]
    fn what_users_type_is_read_as_they_mean_it() {
        let mut redactor = Redactor::new(Redaction::Default, 1);
        let bucket = redactor.bucket("files-1250000000");
        for (input, expected) in [
            ("ap-guangzhou", "ap-guangzhou"),
            ("files-1250000000", bucket.as_str()),
            ("cos://files-1250000000/a/b", &format!("cos://{bucket}/key-1/key-2")),
            ("files-1250000000/a", &format!("{bucket}/key-1")),
            ("https://www.corp.com:8443/a?x=1&y=z", "https://host-1.host-2.example:8443/key-1?x=1&y=key-3"),
            ("/files-1250000000/a", &format!("/{bucket}/key-1")),
        ] {
            assert_eq!(redactor.input(input), expected);
        }
    }
}
