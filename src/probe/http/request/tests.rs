use http_body_util::BodyExt;
use secrecy::SecretString;

use super::*;
use crate::evidence::Purpose;
use crate::sign::parse;
use crate::sign::verify::{Verification, verify};

const HOST: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";
const ID: &str = "AKIDfake";
const KEY: &str = "fakeSecretKeyForTestVectors00001";
const TOKEN: &str = "fakeToken/0+1==";
const NOW: i64 = 1_700_000_000;

fn credential(token: Option<&str>) -> Credential {
    Credential {
        secret_id: ID.to_owned(),
        secret_key: SecretString::from(KEY.to_owned()),
        token: token.map(|token| SecretString::from(token.to_owned())),
        expires_at: None,
        source: String::new(),
    }
}

/// A signed GET of an object.
pub(in crate::probe::http) fn plan() -> RequestPlan {
    RequestPlan {
        protocol: Protocol::Https,
        method: "GET",
        host_header: HOST.to_owned(),
        path: "/a b/ä".to_owned(),
        params: vec![("max-keys".to_owned(), "1".to_owned())],
        headers: vec![("range", "bytes=0-0")],
        authentication: Authentication::Signed,
        token_header: "x-cos-security-token",
        purpose: Purpose::Probe,
        hypothesis: None,
        time_shift_seconds: 0,
        payload: Payload::Empty,
        expected_body: None,
    }
}

fn tried(hypothesis: Hypothesis) -> RequestPlan {
    RequestPlan { hypothesis: Some(hypothesis), ..plan() }
}

/// What goes out: the request, its signature, and what is recorded of it.
struct Sent {
    request: Request<Full<Bytes>>,
    given: parse::Given,
    signed: Signed,
}

impl Sent {
    fn by(credential: &Credential, plan: &RequestPlan) -> Self {
        let Built { request, signed, .. } =
            build(Some(credential), plan, Timestamp::from_second(NOW).unwrap()).unwrap();
        let authorization = request.headers()[AUTHORIZATION].to_str().unwrap();
        Self { given: parse::authorization(authorization).unwrap(), signed: signed.unwrap(), request }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// What a server computes that was sent just this, if the path that it sees is `path`.
    fn verified(&self, path: &str, secret_id: &str, secret_key: &str) -> Verification {
        let text = |text: &str| text.to_owned();
        let headers: Vec<_> = self
            .request
            .headers()
            .iter()
            .map(|(name, value)| (text(name.as_str()), text(value.to_str().unwrap())))
            .collect();
        let params = [(text("max-keys"), text("1"))];
        let sent = sign::Request { method: self.request.method().as_str(), path, params: &params, headers: &headers };
        verify(&self.given, sent, secret_id, secret_key, NOW)
    }
}

#[test]
fn a_server_computes_the_same_signature() {
    for token in [None, Some(TOKEN)] {
        let sent = Sent::by(&credential(token), &plan());
        assert!(sent.verified("/a b/ä", ID, KEY).matches);
        assert_eq!(sent.request.uri().to_string(), "/a%20b/%C3%A4?max-keys=1");
        assert_eq!(sent.header("host"), Some(HOST));
        assert_eq!(sent.header("range"), Some("bytes=0-0"));
        assert_eq!(sent.header("user-agent"), Some(AGENT));
        assert_eq!(sent.header("x-cos-security-token"), token);
        let list = if token.is_some() { "host;range;x-cos-security-token" } else { "host;range" };
        assert_eq!((sent.given.header_list.as_str(), sent.given.url_param_list.as_str()), (list, "max-keys"));
        assert_eq!((sent.given.secret_id.as_str(), sent.given.key_time.start), (ID, NOW - 60));
        assert_eq!(sent.given.key_time.end, NOW + 840, "14 minutes");
    }
}

#[test]
fn names_and_values_of_the_query_are_encoded() {
    let params = vec![("a b".to_owned(), "c&d=/".to_owned()), ("e".to_owned(), String::new())];
    let sent = Sent::by(&credential(None), &RequestPlan { params, ..plan() });
    assert_eq!(sent.request.uri().query(), Some("a%20b=c%26d%3D%2F&e="));
    assert_eq!(Sent::by(&credential(None), &RequestPlan { params: Vec::new(), ..plan() }).request.uri().query(), None);
}

#[test]
fn what_was_signed_is_recorded() {
    let sent = Sent::by(&credential(None), &plan());
    assert_eq!(sent.signed.key_time, sent.given.key_time.to_string());
    let expected = format!("get\n/a b/ä\nmax-keys=1\nhost={HOST}&range=bytes%3D0-0\n");
    assert_eq!(sent.signed.format_string, expected);
    assert!(sent.signed.string_to_sign.starts_with(&format!("sha1\n{};", NOW - 60)), "{:?}", sent.signed);
}

#[test]
fn an_anonymous_request_carries_nothing_of_the_key() {
    let plan = RequestPlan { authentication: Authentication::Anonymous, ..plan() };
    let now = Timestamp::from_second(NOW).unwrap();
    let Built { request, signed, .. } = build(Some(&credential(Some(TOKEN))), &plan, now).unwrap();
    assert_eq!(signed, None);
    let names: Vec<&str> = request.headers().keys().map(hyper::header::HeaderName::as_str).collect();
    assert_eq!(names, ["host", "range", "user-agent"]);
    assert!(build(None, &plan, now).is_some());
    assert!(build(None, &self::plan(), now).is_none(), "nothing can be signed without a key");
}

#[test]
fn secrets_are_marked_so_that_no_log_shows_them() {
    let plan = RequestPlan { token_header: "x-ci-security-token", ..plan() };
    let sent = Sent::by(&credential(Some(TOKEN)), &plan);
    for (name, value) in sent.request.headers() {
        let is_secret = ["authorization", "x-ci-security-token"].contains(&name.as_str());
        assert_eq!(value.is_sensitive(), is_secret, "{name}");
    }
    assert!(sent.request.headers().contains_key("x-ci-security-token"));
    let shown = format!("{:?} {:?}", sent.request, sent.signed.key_time);
    assert!(!shown.contains(TOKEN) && !shown.contains("q-signature"), "{shown}");
}

#[test]
fn what_cannot_be_a_header_is_not_sent() {
    let plan = RequestPlan { host_header: "a\nb".to_owned(), ..plan() };
    assert!(build(Some(&credential(None)), &plan, Timestamp::UNIX_EPOCH).is_none());
}

#[test]
fn the_time_is_shifted_by_what_the_plan_says() {
    let plan = RequestPlan { time_shift_seconds: -600, ..tried(Hypothesis::ClockCorrected) };
    assert_eq!(Sent::by(&credential(None), &plan).given.key_time.start, NOW - 660);
}

#[test]
fn an_unsigned_host_is_sent_all_the_same() {
    let sent = Sent::by(&credential(None), &tried(Hypothesis::HostUnsigned));
    assert_eq!((sent.given.header_list.as_str(), sent.header("host")), ("range", Some(HOST)));
    assert!(sent.verified("/a b/ä", ID, KEY).matches);
}

#[test]
fn a_host_is_signed_with_the_port_that_it_does_not_name() {
    let signed = |plan: RequestPlan| {
        let sent = Sent::by(&credential(None), &plan);
        assert_eq!(sent.header("host"), Some(plan.host_header.as_str()), "it is sent as ever");
        sent.signed.format_string.lines().nth(3).unwrap().split('&').next().unwrap().to_owned()
    };
    let plan = tried(Hypothesis::HostWithPort);
    assert_eq!(signed(plan.clone()), format!("host={HOST}%3A443"));
    assert_eq!(signed(RequestPlan { protocol: Protocol::Http, ..plan.clone() }), format!("host={HOST}%3A80"));
    let named = RequestPlan { host_header: format!("{HOST}:8443"), ..plan };
    assert_eq!(signed(named), format!("host={HOST}%3A8443"));
}

#[test]
fn an_encoded_path_is_signed_encoded_and_sent_as_ever() {
    let sent = Sent::by(&credential(None), &tried(Hypothesis::PathEncoded));
    assert_eq!(sent.request.uri().path(), "/a%20b/%C3%A4");
    assert!(sent.verified("/a%20b/%C3%A4", ID, KEY).matches);
    assert!(!sent.verified("/a b/ä", ID, KEY).matches);
}

#[test]
fn everything_that_is_sent_is_signed() {
    let sent = Sent::by(&credential(Some(TOKEN)), &tried(Hypothesis::EverythingSigned));
    let mut names: Vec<_> = sent.request.headers().keys().map(hyper::header::HeaderName::as_str).collect();
    names.retain(|name| *name != "authorization");
    names.sort_unstable();
    assert_eq!(sent.given.header_list, names.join(";"));
    assert!(sent.verified("/a b/ä", ID, KEY).matches);
}

#[test]
fn without_the_token_it_is_neither_sent_nor_signed() {
    let sent = Sent::by(&credential(Some(TOKEN)), &tried(Hypothesis::WithoutToken));
    assert_eq!((sent.header("x-cos-security-token"), sent.given.header_list.as_str()), (None, "host;range"));
    assert!(sent.verified("/a b/ä", ID, KEY).matches);
}

#[test]
fn the_key_is_changed_in_the_one_way_that_is_tried() {
    let of = |id: &str, key: &str| Credential {
        secret_id: id.to_owned(),
        secret_key: SecretString::from(key.to_owned()),
        ..credential(None)
    };
    for (hypothesis, given) in [
        (Hypothesis::KeyTrimmed, of("\"AKIDfake\"", "\"fakeSecretKeyForTestVectors00001\",")),
        (Hypothesis::KeyDecoded, of("AKID%66ake", "fakeSecretKeyForTestVectors0000%31")),
    ] {
        let sent = Sent::by(&given, &tried(hypothesis));
        assert_eq!(sent.given.secret_id, ID, "{hypothesis}");
        assert!(sent.verified("/a b/ä", ID, KEY).matches, "{hypothesis}");
        let usual = Sent::by(&given, &plan());
        assert!(!usual.verified("/a b/ä", ID, KEY).matches, "{hypothesis}: as it was given it does not pass");
    }
}

/// The text of a body, which is there at once.
fn text(request: Request<Full<Bytes>>) -> String {
    let collected = request.into_body().collect();
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    let std::task::Poll::Ready(Ok(body)) = std::pin::pin!(collected).poll(&mut context) else { panic!("it waits") };
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

#[test]
fn content_is_sent_with_its_headers_signed() {
    let plan = RequestPlan {
        method: "PUT",
        headers: vec![("content-type", "text/plain"), ("x-cos-forbid-overwrite", "true")],
        payload: Payload::Content("canary"),
        ..plan()
    };
    let sent = Sent::by(&credential(None), &plan);
    assert_eq!(sent.given.header_list, "content-type;host;x-cos-forbid-overwrite");
    assert!(sent.verified("/a b/ä", ID, KEY).matches);
    assert_eq!(text(sent.request), "canary");
    assert_eq!(text(Sent::by(&credential(None), &self::plan()).request), "");
}

#[test]
fn a_form_carries_its_signature_within() {
    let payload = Payload::Form { bucket: "examplebucket-1250000000".into(), key: "k".into(), content: "canary" };
    let plan = RequestPlan { method: "POST", path: "/".into(), params: vec![], headers: vec![], payload, ..plan() };
    let now = Timestamp::from_second(NOW).unwrap();
    assert!(build(None, &plan, now).is_none());
    let Built { request, signed, .. } = build(Some(&credential(Some(TOKEN))), &plan, now).unwrap();
    assert_eq!(signed, None);
    let names: Vec<&str> = request.headers().keys().map(hyper::header::HeaderName::as_str).collect();
    assert_eq!(names, ["host", "content-type", "user-agent"], "neither Authorization nor token");
    assert!(request.headers()[CONTENT_TYPE].to_str().unwrap().starts_with("multipart/form-data; boundary="));
    let body = text(request);
    for (name, value) in [
        ("key", "k"),
        ("x-cos-forbid-overwrite", "true"),
        ("x-cos-security-token", TOKEN),
        ("q-ak", ID),
        ("q-key-time", &format!("{};{}", NOW - 60, NOW + SIGNATURE_SECONDS)),
    ] {
        assert!(body.contains(&format!("name=\"{name}\"\r\n\r\n{value}\r\n")), "{name} is not in {body}");
    }
    assert!(!body.contains(KEY));
}

#[test]
fn the_look_into_another_region_is_an_anonymous_head() {
    let request = head(HOST).unwrap();
    let names: Vec<&str> = request.headers().keys().map(hyper::header::HeaderName::as_str).collect();
    assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("HEAD", "/"));
    assert_eq!(names, ["host", "user-agent"]);
}
