//! Pre-signed URLs: a signature that travels in the query.
//!
//! COS takes two forms (COS documentation, "Request Signature"; Tencent's SDKs): the seven fields as parameters of their own,
//! or the whole Authorization value as one parameter named `sign`. Neither form is signed itself.

use super::{KeyTime, Request, Signature, encode, encode_path, sign};

/// The parameter, header or form field in which the token of a temporary key travels.
pub const TOKEN_NAME: &str = "x-cos-security-token";

/// How the signature stands in the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryForm {
    /// Seven parameters, `q-sign-algorithm` to `q-signature`.
    Separate,
    /// One parameter, `sign`.
    Merged,
}

/// The token of a temporary key.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    /// Its text. A secret.
    pub text: &'a str,
    /// Whether it is signed as a parameter. COS takes both; strict signature mode wants it signed.
    pub is_signed: bool,
}

/// A request that is to be sent as a URL.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// `https` or `http`.
    pub scheme: &'a str,
    /// Host, with a port if it has one.
    pub host: &'a str,
    /// What is signed, the Host header included if it is to be.
    pub request: Request<'a>,
    /// Goes into the query.
    pub token: Option<Token<'a>>,
    /// How the signature stands in the query.
    pub form: QueryForm,
}

/// A pre-signed URL with its signature. The URL is as good as the right to do what was signed.
#[derive(Clone)]
pub struct Presigned {
    /// The URL.
    pub url: String,
    /// The signature in it.
    pub signature: Signature,
}

/// Signs a URL.
pub fn presign(link: Link<'_>, secret_id: &str, secret_key: &str, key_time: KeyTime) -> Presigned {
    let mut params = link.request.params.to_vec();
    let token = |token: Token<'_>| (TOKEN_NAME.to_owned(), token.text.to_owned());
    params.extend(link.token.filter(|token| token.is_signed).map(token));
    let signature = sign(Request { params: &params, ..link.request }, secret_id, secret_key, key_time);
    params.extend(link.token.filter(|token| !token.is_signed).map(token));

    let mut query = match link.form {
        QueryForm::Separate => vec![signature.presigned_query()],
        QueryForm::Merged => vec![format!("sign={}", encode(&signature.authorization))],
    };
    query.extend(params.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))));
    let url = format!("{}://{}{}?{}", link.scheme, link.host, encode_path(link.request.path), query.join("&"));
    Presigned { url, signature }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::parse;

    const TOKEN: &str = "fake/Token+of==nobody";

    #[test]
    fn a_url_is_read_back_as_it_was_signed() {
        let params = [("versionId".to_owned(), "a b+c&d".to_owned()), ("acl".to_owned(), String::new())];
        let headers = [("Host".to_owned(), "h.example:8080".to_owned())];
        let request = Request { method: "GET", path: "/图 1+%2F", params: &params, headers: &headers };
        for form in [QueryForm::Separate, QueryForm::Merged] {
            for token in [None, Some(true), Some(false)] {
                let token = token.map(|is_signed| Token { text: TOKEN, is_signed });
                let link = Link { scheme: "https", host: "h.example:8080", request, token, form };
                let Presigned { url, signature } = presign(link, "id", "key", "1;2".parse().unwrap());
                assert!(url.is_ascii() && !url.contains([' ', '+']), "{url}");

                let read = parse::url(&url).unwrap();
                assert_eq!((read.host.as_str(), read.path.as_str()), ("h.example:8080", "/图 1+%2F"));
                assert_eq!(read.params[..2], params);
                assert_eq!(read.params.get(2).map(|(_, value)| value.as_str()), token.map(|_| TOKEN));
                assert_eq!(read.given.signature, signature.signature);
                let is_signed = read.given.url_param_list.contains(TOKEN_NAME);
                assert_eq!(is_signed, token.is_some_and(|token| token.is_signed), "{url}");
            }
        }
    }
}
