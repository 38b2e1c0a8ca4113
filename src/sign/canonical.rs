//! The canonical request and the text that is signed. Written as a recipe, because the verifier tries the wrong ones as well.

use sha1::{Digest, Sha1};

use super::{KeyTime, Request, SignKey, encode};

/// How the parts of a request are written before they are signed.
#[derive(Clone, Copy)]
pub(super) struct Recipe {
    /// The path, from the decoded one.
    pub(super) path: fn(&str) -> String,
    /// The name of a parameter or header.
    pub(super) name: fn(&str) -> String,
    /// The value of a parameter or header.
    pub(super) value: fn(&str) -> String,
    /// Whether parameters and headers are put into order.
    pub(super) is_sorted: bool,
    /// Which of the two texts end with a line end.
    pub(super) ended: Ended,
    /// Whether the SignKey is used as its 20 bytes.
    pub(super) uses_key_bytes: bool,
}

/// Which of the two texts end with a line end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Both, as COS has it.
    Both,
    /// The `StringToSign` only.
    StringToSign,
    /// The `FormatString` only.
    FormatString,
}

/// COS's own recipe (COS documentation, "Request Signature").
pub(super) const COS: Recipe = Recipe {
    path: str::to_owned,
    name: |name| encode(name).to_ascii_lowercase(),
    value: encode,
    is_sorted: true,
    ended: Ended::Both,
    uses_key_bytes: false,
};

/// The canonical request with its lists of names.
pub(super) struct Canonical {
    pub(super) format_string: String,
    pub(super) header_list: String,
    pub(super) url_param_list: String,
}

impl Recipe {
    pub(super) fn canonical(&self, request: Request<'_>) -> Canonical {
        let (url_param_list, params) = self.list(request.params);
        let (header_list, headers) = self.list(request.headers);
        let method = request.method.to_ascii_lowercase();
        let end = if self.ended == Ended::StringToSign { "" } else { "\n" };
        let format_string = format!("{method}\n{}\n{params}\n{headers}{end}", (self.path)(request.path));
        Canonical { format_string, header_list, url_param_list }
    }

    pub(super) fn string_to_sign(&self, format_string: &str, sign_time: KeyTime) -> String {
        let digest = hex::encode(Sha1::digest(format_string.as_bytes()));
        let end = if self.ended == Ended::FormatString { "" } else { "\n" };
        format!("sha1\n{sign_time}\n{digest}{end}")
    }

    pub(super) fn signature(&self, string_to_sign: &str, key: &SignKey) -> String {
        if self.uses_key_bytes { key.sign_with_bytes(string_to_sign) } else { key.sign(string_to_sign) }
    }

    /// Names joined by `;` and `name=value` joined by `&`, in the order of the finished names.
    fn list(&self, pairs: &[(String, String)]) -> (String, String) {
        let mut finished: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((self.name)(name), (self.value)(value))).collect();
        if self.is_sorted {
            finished.sort();
        }
        let names = finished.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let text = finished.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        (names, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_by_the_encoded_name() {
        let pairs = [("b".to_owned(), "2".to_owned()), ("A!".to_owned(), " ".to_owned())];
        assert_eq!(COS.list(&pairs), ("a%21;b".to_owned(), "a%21=%20&b=2".to_owned()));
    }
}
