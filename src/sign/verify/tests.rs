//! Signatures that were made wrongly by hand, and what the verifier says of each.

use sha1::{Digest, Sha1};

use super::*;
use crate::sign::parse;

const ID: &str = "AKIDfakeFAKEfake0001";
const KEY: &str = "fakeSecretKey";
const NOW: i64 = 1_700_000_100;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A signature over a text that the test wrote.
fn signature_of(format_string: &str) -> String {
    let key = SignKey::new(KEY, "1700000000;1700000900".parse().unwrap());
    key.sign(&format!("sha1\n1700000000;1700000900\n{}\n", hex::encode(Sha1::digest(format_string))))
}

fn given(header_list: &str, url_param_list: &str, signature: &str) -> Given {
    let text = format!(
        "q-sign-algorithm=sha1&q-ak={ID}&q-sign-time=1700000000;1700000900&q-key-time=1700000000;1700000900\
         &q-header-list={header_list}&q-url-param-list={url_param_list}&q-signature={signature}"
    );
    parse::authorization(&text).unwrap()
}

#[test]
fn the_mistake_is_found_that_yields_the_very_signature() {
    let (host, range) = (("Host", "h.example"), ("Range", " bytes=0-0 "));
    for (path, params, headers, lists, signed, cause) in [
        (
            "/a b",
            &[][..],
            &[host][..],
            ("host", ""),
            "get\n/a%20b\n\nhost=h.example\n",
            "over the percent-encoded path",
        ),
        ("/a", &[], &[host], ("host", ""), "get\n/a/\n\nhost=h.example\n", "another slash at its end"),
        ("/a/", &[], &[host], ("host", ""), "get\n/a\n\nhost=h.example\n", "without the slash at its end"),
        ("/a", &[], &[host], ("host", ""), "get\na\n\nhost=h.example\n", "without the slash at its beginning"),
        ("/a+b", &[], &[host], ("host", ""), "get\n/a b\n\nhost=h.example\n", "with + read as a blank"),
        ("/", &[("x", "a b")], &[], ("", "x"), "get\n/\nx=a+b\n\n", "with + for blanks"),
        ("/", &[("x", "a b")], &[], ("", "x"), "get\n/\nx=a%2Bb\n\n", "with + in the query taken as itself"),
        ("/", &[("x", "=é")], &[], ("", "x"), "get\n/\nx=%3d%c3%a9\n\n", "lower-case hex digits"),
        ("/", &[("X/", "1")], &[], ("", "x%2F"), "get\n/\nx%2F=1\n\n", "lower-cased before they were encoded"),
        ("/", &[("X/", "1")], &[], ("", "X%2F"), "get\n/\nX%2F=1\n\n", "names that were not lower-cased"),
        ("/", &[], &[range], ("range", ""), "get\n/\n\nrange=bytes%3D0-0\n", "without the blanks around them"),
        ("/", &[("x", "a/b")], &[], ("", "x"), "get\n/\nx=a/b\n\n", "values that were not encoded"),
        ("/", &[("x", "a/b")], &[], ("", "x"), "get\n/\nx=a%252Fb\n\n", "encoded twice"),
        ("/", &[("a", "1"), ("b", "2")], &[], ("", "b;a"), "get\n/\nb=2&a=1\n\n", "in the order of their lists"),
        ("/b/k", &[], &[host], ("host", ""), "get\n/k\n\nhost=h.example\n", "the bucket in path style"),
        ("/", &[], &[host], ("host", ""), "get\n/\n\nhost=h.example", "over a FormatString without the line end"),
        ("/", &[("x", "1")], &[], ("", ""), "get\n/\nx=1\n\n", "over all parameters, and"),
        ("/", &[], &[host], ("", ""), "get\n/\n\nhost=h.example\n", "over all headers, and"),
        ("/", &[("x", "1")], &[host], ("", ""), "get\n/\nx=1\nhost=h.example\n", "over all parameters and headers"),
        ("/", &[("x", "1")], &[], ("", "x"), "get\n/\n\n\n", "over no parameters, and"),
        ("/", &[], &[host], ("host", ""), "get\n/\n\n\n", "over no headers, and"),
        ("/", &[("x", "1")], &[host], ("host", "x"), "get\n/\n\n\n", "over no parameters and no headers"),
        ("/", &[], &[host], ("host", ""), "head\n/\n\nhost=h.example\n", "for HEAD instead of GET"),
        ("/", &[], &[host], ("host", ""), "get\n/\n\nhost=h.example%3A443\n", "for the host h.example:443"),
    ] {
        let given = given(lists.0, lists.1, &signature_of(signed));
        let (params, headers) = (pairs(params), pairs(headers));
        let sent = Request { method: "GET", path, params: &params, headers: &headers };
        let found = verify(&given, sent, ID, KEY, NOW);
        assert!(!found.matches && found.problems.is_empty(), "{signed:?}: {found:?}");
        assert!(found.cause.as_deref().is_some_and(|found| found.contains(cause)), "{cause}: {found:?}");
    }
}

#[test]
fn the_text_and_the_key_can_be_wrong_as_well() {
    let (text, times) = ("get\n/\n\n\n", "1700000000;1700000900".parse().unwrap());
    let digest = hex::encode(Sha1::digest(text));
    let key = SignKey::new(KEY, times);
    let sent = Request { method: "GET", path: "/", params: &[], headers: &[] };
    for (signature, cause) in [
        (key.sign(&format!("sha1\n{times}\n{digest}")), "without the line end after its last line"),
        (key.sign_with_bytes(&format!("sha1\n{times}\n{digest}\n")), "as 20 bytes"),
    ] {
        let found = verify(&given("", "", &signature), sent, ID, KEY, NOW);
        assert!(found.cause.as_deref().is_some_and(|found| found.contains(cause)), "{cause}: {found:?}");
    }
    for (end, cause) in [("\n", "with a line end after"), ("\r\n", "line end of Windows"), (" ", "with a blank after")]
    {
        let signature = SignKey::new(&format!("{KEY}{end}"), times).sign(&format!("sha1\n{times}\n{digest}\n"));
        let found = verify(&given("", "", &signature), sent, ID, KEY, NOW);
        assert!(found.cause.as_deref().is_some_and(|found| found.contains(cause)), "{cause}: {found:?}");
    }
    let other = KeyTime { start: times.start - 60, ..times };
    for (key_time, in_text, cause) in [
        (times, times, "with q-key-time in the StringToSign"),
        (other, other, "with a SignKey of q-sign-time"),
        (other, times, "the other way round"),
    ] {
        let signature = SignKey::new(KEY, key_time).sign(&format!("sha1\n{in_text}\n{digest}\n"));
        let given = Given { sign_time: other, ..given("", "", &signature) };
        let found = verify(&given, sent, ID, KEY, NOW);
        assert!(found.cause.as_deref().is_some_and(|found| found.contains(cause)), "{cause}: {found:?}");
        assert!(found.warnings.iter().any(|warning| warning.contains("q-sign-time is not q-key-time")), "{found:?}");
    }
}

#[test]
fn what_needs_no_computing_is_told_too() {
    let (params, headers) = (pairs(&[("acl", ""), ("versionId", "x")]), pairs(&[("Range", "bytes=0-0")]));
    let sent = Request { method: "GET", path: "/", params: &params, headers: &headers };
    let other =
        Given { secret_id: "AKIDother0000000002".to_owned(), ..given("range;Content-Type", "acl;y", &"a".repeat(40)) };
    let found = verify(&other, sent, ID, KEY, NOW);
    assert_eq!(
        found.problems,
        [
            "the signature is of another key: its q-ak is AKID****0002",
            "q-header-list names Content-Type, and the request has no such header",
            "q-url-param-list names y, and the request has no such parameter",
        ]
    );
    assert_eq!(
        found.warnings,
        [
            "q-header-list has upper-case letters: COS writes names in lower case",
            "q-header-list is not sorted",
            "parameter versionId is not signed: strict signature mode refuses that",
            "the Host header is not signed: whoever gets hold of the signature can use it on another bucket",
        ]
    );
    assert_eq!((found.matches, found.cause), (false, None));

    let right = given("range", "acl;versionid", &signature_of("get\n/\nacl=&versionid=x\nrange=bytes%3D0-0\n"));
    let found = verify(&right, sent, ID, KEY, NOW);
    assert!(found.matches && found.problems.is_empty() && found.cause.is_none(), "{found:?}");
    let shouted = Given { signature: right.signature.to_uppercase(), ..right };
    let found = verify(&shouted, sent, ID, KEY, NOW);
    assert!(!found.matches && found.problems[0].contains("lower case"), "{found:?}");
}

#[test]
fn an_instant_lies_before_in_or_after_the_window() {
    let key_time = KeyTime { start: 100, end: 200 };
    for (now, window) in [
        (99, Window::NotBegun { seconds: 1 }),
        (100, Window::Valid { seconds: 100 }),
        (200, Window::Valid { seconds: 0 }),
        (201, Window::Over { seconds: 1 }),
        (i64::MIN, Window::NotBegun { seconds: i64::MAX }),
    ] {
        assert_eq!(Window::at(key_time, now), window, "{now}");
    }
}

proptest::proptest! {
    #[test]
    fn anything_is_verified(path in "\\PC{0,20}", list in "[a-zA-Z%;0-9-]{0,30}", name in "\\PC{0,9}", value in "\\PC{0,9}") {
        let params = [(name.clone(), value.clone())];
        let sent = Request { method: "GET", path: &path, params: &params, headers: &params };
        let found = verify(&given(&list, &list, &"0".repeat(40)), sent, ID, KEY, NOW);
        proptest::prop_assert!(!found.matches);
    }
}
