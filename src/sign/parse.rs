//! Reading a signature back: the value of an Authorization header, or a pre-signed URL in either of its forms.

use percent_encoding::percent_decode_str;

use super::KeyTime;
use super::mask::masked_id;
use super::visible::short;

/// The seven fields of a signature, as they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The public half of the key that signed.
    pub secret_id: String,
    /// The time that goes into the `StringToSign`.
    pub sign_time: KeyTime,
    /// The time that the `SignKey` is made of.
    pub key_time: KeyTime,
    /// Encoded names of the signed headers, joined by `;`.
    pub header_list: String,
    /// Encoded names of the signed parameters, joined by `;`.
    pub url_param_list: String,
    /// The signature, 40 hex digits.
    pub signature: String,
}

/// A pre-signed URL. It may hold a token, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl {
    /// Host, with its port if it has one.
    pub host: String,
    /// Decoded path.
    pub path: String,
    /// Decoded parameters but for those that are the signature. A `+` counts as a blank, as servers read queries.
    pub params: Vec<(String, String)>,
    /// The signature.
    pub given: Given,
}

impl std::fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PresignedUrl").field("host", &self.host).field("given", &self.given).finish_non_exhaustive()
    }
}

/// Why a text cannot be read as a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A field is not there.
    #[error("the signature has no {0}")]
    Missing(&'static str),
    /// A field is there more than once.
    #[error("the signature has {0} more than once")]
    Repeated(&'static str),
    /// Another algorithm than COS's.
    #[error("q-sign-algorithm is '{0}': COS knows sha1 and no other")]
    Algorithm(String),
    /// A time that is none.
    #[error("{0}: {1}")]
    Time(&'static str, String),
    /// A signature that cannot be one.
    #[error("q-signature is '{0}': it should be 40 hex digits")]
    Signature(String),
    /// The signature of another service.
    #[error("this is a signature of {0}, not one of COS: a COS signature begins with q-sign-algorithm=sha1")]
    OtherScheme(&'static str),
    /// A part that does not decode.
    #[error("{0} is not UTF-8 after percent-decoding")]
    NotUtf8(&'static str),
    /// A URL without a host or a query.
    #[error("the URL has no {0}")]
    Url(&'static str),
    /// Neither of both.
    #[error(
        "'{0}' is no signature: it should be a URL that begins with https:// or http://, or the value of an Authorization \
         header, q-sign-algorithm=sha1&q-ak=…"
    )]
    Unknown(String),
}

/// The fields in COS's order.
const FIELDS: [&str; 7] =
    ["q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature"];

/// What other schemes begin with.
const OTHER_SCHEMES: &[(&str, &str)] = &[
    ("AWS4-HMAC-SHA256", "S3 (version 4)"),
    ("AWS ", "S3 (version 2)"),
    ("TC3-HMAC-SHA256", "Tencent Cloud's API (TC3)"),
    ("Basic ", "HTTP basic authentication"),
    ("Bearer ", "OAuth"),
];

impl Given {
    /// The secret id with its middle left out.
    pub fn masked_id(&self) -> String {
        short(&masked_id(&self.secret_id))
    }
}

/// Reads the value of an Authorization header; the name of the header may stand before it.
///
/// # Errors
/// What is wrong with it, and in which field.
pub fn authorization(text: &str) -> Result<Given, Problem> {
    let text = text.trim();
    let is_named = text.get(..14).is_some_and(|name| name.eq_ignore_ascii_case("authorization:"));
    let value = if is_named { text[14..].trim() } else { text };
    if let Some((_, scheme)) = OTHER_SCHEMES.iter().find(|(word, _)| value.starts_with(word)) {
        return Err(Problem::OtherScheme(scheme));
    }
    if !value.contains("q-") {
        return Err(Problem::Unknown(short(value)));
    }
    let pairs = value.split('&').filter_map(|field| field.split_once('='));
    fields(&pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>())
}

/// Reads a pre-signed URL.
///
/// # Errors
/// What is wrong with it, and in which field.
pub fn url(text: &str) -> Result<PresignedUrl, Problem> {
    let text = text.trim();
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let Some(scheme) = scheme else { return Err(Problem::Unknown(short(text))) };
    let rest = text[scheme.len()..].split('#').next().unwrap_or_default();
    let (place, query) = rest.split_once('?').ok_or(Problem::Url("query, so it has no signature"))?;
    let (host, path) = place.find('/').map_or((place, "/"), |slash| place.split_at(slash));
    if host.is_empty() {
        return Err(Problem::Url("host"));
    }
    let path = decoded(path, "the path")?;
    let mut params = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_ours = FIELDS.contains(&name) || name == "sign";
        // The fields hold no blanks, and an encoder that left their plus signs alone meant plus signs.
        let text = |text: &str| if is_ours { text.to_owned() } else { text.replace('+', " ") };
        params.push((decoded(&text(name), "a parameter's name")?, decoded(&text(value), "a parameter's value")?));
    }
    if params.iter().any(|(name, _)| name == "X-Amz-Signature") {
        return Err(Problem::OtherScheme("S3 (version 4)"));
    }
    let (signed, params): (Vec<_>, Vec<_>) = params.into_iter().partition(|(name, _)| FIELDS.contains(&name.as_str()));
    let (merged, params): (Vec<_>, Vec<_>) =
        params.into_iter().partition(|(name, value)| name == "sign" && value.contains("q-"));
    let given = match (signed.is_empty(), merged.as_slice()) {
        (true, [(_, value)]) => authorization(value)?,
        (false, []) => fields(&signed)?,
        (true, []) => return Err(Problem::Missing(FIELDS[0])),
        _ => return Err(Problem::Repeated("its fields")),
    };
    Ok(PresignedUrl { host: host.to_owned(), path, params, given })
}

fn decoded(text: &str, what: &'static str) -> Result<String, Problem> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| Problem::NotUtf8(what))?;
    Ok(decoded.into_owned())
}

fn fields(pairs: &[(String, String)]) -> Result<Given, Problem> {
    let field = |name: &'static str| {
        let mut values = pairs.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(Problem::Missing(name)),
            (Some(_), Some(_)) => Err(Problem::Repeated(name)),
        }
    };
    let [algorithm, secret_id, sign_time, key_time, header_list, url_param_list, signature] = FIELDS;
    let time = |name| field(name)?.parse::<KeyTime>().map_err(|problem| Problem::Time(name, problem));
    let found = field(algorithm)?;
    if found != "sha1" {
        return Err(Problem::Algorithm(short(found)));
    }
    let given = Given {
        secret_id: field(secret_id)?.to_owned(),
        sign_time: time(sign_time)?,
        key_time: time(key_time)?,
        header_list: field(header_list)?.to_owned(),
        url_param_list: field(url_param_list)?.to_owned(),
        signature: field(signature)?.to_owned(),
    };
    if given.secret_id.is_empty() {
        return Err(Problem::Missing(secret_id));
    }
    if given.signature.len() != 40 || !given.signature.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::Signature(short(&given.signature)));
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "q-sign-algorithm=sha1&q-ak=AKIDfakeFAKEfake0001&q-sign-time=1;2&q-key-time=1;2&q-header-list=host\
                        &q-url-param-list=&q-signature=0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_header_is_read_with_or_without_its_name() {
        let given = authorization(GOOD).unwrap();
        assert_eq!(given.masked_id(), "AKID****0001");
        assert_eq!((given.header_list.as_str(), given.key_time.end), ("host", 2));
        assert_eq!(authorization(&format!("Authorization: {GOOD}\n")), Ok(given.clone()));
        assert_eq!(Given { secret_id: "AKID1234".to_owned(), ..given }.masked_id(), "****");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let signature = "0123456789abcdef0123456789abcdef01234567";
        for (from, to, problem) in [
            ("&q-ak=AKIDfakeFAKEfake0001", "", "no q-ak"),
            ("AKIDfakeFAKEfake0001", "", "no q-ak"),
            ("q-ak=", "q-ak=x&q-ak=", "q-ak more than once"),
            ("=sha1", "=md5", "q-sign-algorithm is 'md5'"),
            ("q-key-time=1;2", "q-key-time=1", "q-key-time: '1' is not a key time"),
            ("q-sign-time=1;2", "q-sign-time=2;1", "q-sign-time: '2;1' is not a key time"),
            (signature, "0123", "q-signature is '0123'"),
            (signature, "\u{1b}[2J", "q-signature is '<U+001B>[2J'"),
        ] {
            let found = authorization(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(found.contains(problem), "{from} to {to}: {found}");
        }
        for (text, problem) in [
            ("", "'' is no signature"),
            ("AWS4-HMAC-SHA256 Credential=x", "S3"),
            ("TC3-HMAC-SHA256 Credential=x", "TC3"),
            ("hello", "'hello' is no signature"),
        ] {
            let found = authorization(text).unwrap_err().to_string();
            assert!(found.contains(problem), "{text}: {found}");
        }
    }

    #[test]
    fn a_url_is_refused_with_its_reason() {
        for (text, problem) in [
            ("ftp://h/?x", "no signature"),
            ("https://h/key", "no query"),
            ("https:///key?x", "no host"),
            ("https://h/key?x=1", "no q-sign-algorithm"),
            ("https://h/%ff?x=1", "the path is not UTF-8"),
            ("https://h/?X-Amz-Signature=1", "S3"),
            ("https://h/?q-ak=1&sign=q-ak", "more than once"),
            ("https://h/?sign=q-ak%3D1", "no q-sign-algorithm"),
        ] {
            let found = url(text).unwrap_err().to_string();
            assert!(found.contains(problem), "{text}: {found}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in proptest::prelude::any::<String>(), query in "[q=&;%+a-f0-9\u{e9}-]{0,60}") {
            for text in [text.clone(), query.clone(), format!("{GOOD}&{query}"), format!("https://{text}?{query}&{GOOD}")] {
                for problem in [authorization(&text).err(), url(&text).err()].into_iter().flatten() {
                    proptest::prop_assert!(!problem.to_string().contains(char::is_control));
                }
            }
        }
    }
}
