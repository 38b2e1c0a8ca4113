//! What COS would say to a request: status, headers and body. No input or output here.
//!
//! Source: COS documentation "HEAD Bucket", "HEAD Object", "GET Object", "PUT Object", "POST Object", "DELETE Object", "GET
//! Service" and "Error Codes".

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderValue;

use super::account::{self, Action, Caller};
use super::asked::Asked;
use super::hosts::{BUCKET, Endpoint, HOST, Place, method_not_allowed, region_of};
use super::moment::{Moment, http_date};
use super::objects::{Object, Objects};
use super::refusal::{Refusal, XML_HEAD};
use super::reply::{self, HTML, Reply, XML};
use super::scenario::{AnswerBehaviour, BucketBehaviour, Scenario};
use crate::sign::encode_path;

/// The COS double, without its servers.
#[derive(Debug)]
pub(super) struct Double {
    pub scenario: Scenario,
    pub objects: Objects,
}

impl Double {
    /// The answer to a request, of COS or of what stands in its place.
    pub(super) fn answer(&self, mut asked: Asked, moment: Moment) -> Reply {
        if let Some(host) = self.scenario.gateway {
            asked.rewrite_host(host);
        }
        let mut reply = self.answer_on_open_connection(&asked, moment);
        if asked.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            // The HTTP library says `close` by itself.
            reply.headers_mut().remove("connection");
        }
        reply
    }

    fn answer_on_open_connection(&self, asked: &Asked, moment: Moment) -> Reply {
        let refuse =
            |status, code, message| reply::refuse(&Refusal::new(status, code, message), &resource(asked), moment);
        match self.scenario.answer {
            AnswerBehaviour::Portal => {
                let page = "<html><title>Log in to this network</title></html>\n";
                let headers = [("server", "portal"), ("location", "http://portal.example.net/login"), HTML];
                reply::build(302, &headers, page, moment)
            }
            AnswerBehaviour::NotCos => {
                let page = "<html><title>Welcome to nginx!</title></html>\n";
                reply::build(200, &[("server", "nginx"), HTML], page, moment)
            }
            AnswerBehaviour::ServerError => {
                refuse(500, "InternalError", "We encountered an internal error. Please try again.")
            }
            AnswerBehaviour::SlowDown => refuse(503, "SlowDown", "Reduce your request rate."),
            AnswerBehaviour::Conflict => refuse(409, "PathConflict", "Path conflict."),
            AnswerBehaviour::Redirect => {
                let to = "https://examplebucket-1250000000.cos.ap-shanghai.myqcloud.com/";
                reply::of_cos(301, &[("location", to)], "", moment)
            }
            AnswerBehaviour::ControlCharacters => defaced(asked, moment),
            AnswerBehaviour::Cached => {
                let mut reply = self.of_cos(asked, moment);
                let age = moment.now.as_second() - moment.told.as_second();
                reply.headers_mut().insert("age", HeaderValue::from(age));
                reply
            }
            _ => self.of_cos(asked, moment),
        }
    }

    fn of_cos(&self, asked: &Asked, moment: Moment) -> Reply {
        let place = match Place::of(&self.scenario, asked) {
            Ok(place) => place,
            Err(refusal) => return reply::refuse(&refusal, &resource(asked), moment),
        };
        match self.done(asked, &place, moment) {
            Ok(reply) => reply,
            Err(refusal) if place.endpoint == Endpoint::Website => reply::refuse_with_page(&refusal, moment),
            Err(refusal) => reply::refuse(&refusal, &resource(asked), moment),
        }
    }

    /// Does what was asked.
    fn done(&self, asked: &Asked, place: &Place, moment: Moment) -> Result<Reply, Refusal> {
        place.open_to_anybody(self.scenario.bucket, asked.method())?;
        let caller = account::identify(&self.scenario, asked, moment.now.as_second())?;
        let allow = |action| account::allow(&self.scenario, caller, action);
        match (asked.method(), place.key.as_str()) {
            (&Method::GET | &Method::HEAD, "") if place.endpoint == Endpoint::Service => {
                allow(Action::ListBuckets)?;
                Ok(self.list_of_buckets(moment))
            }
            (&Method::HEAD, "") => {
                allow(Action::HeadBucket)?;
                Ok(reply::of_cos(200, &[self.region_header(), XML], "", moment))
            }
            (&Method::GET, "") => {
                allow(Action::Read)?;
                Ok(self.list_of_objects(moment))
            }
            (&Method::POST, "") => self.post(asked, caller, moment),
            (&Method::GET | &Method::HEAD, key) => {
                allow(Action::Read)?;
                self.read(asked, key, moment)
            }
            (&Method::PUT, key) if !key.is_empty() => {
                allow(Action::Write)?;
                let body = asked.body.clone().ok_or_else(too_large)?;
                let object = self.put(asked.header(FORBID_OVERWRITE), key, body, moment)?;
                Ok(reply::of_cos(200, &written(&object).each_ref().map(|(n, v)| (*n, v.as_str())), "", moment))
            }
            (&Method::DELETE, key) if !key.is_empty() => {
                allow(Action::Delete)?;
                self.objects.delete(key);
                Ok(reply::of_cos(204, &[], "", moment))
            }
            _ => Err(method_not_allowed()),
        }
    }

    const fn region_header(&self) -> (&'static str, &'static str) {
        ("x-cos-bucket-region", region_of(self.scenario.bucket))
    }

    fn list_of_objects(&self, moment: Moment) -> Reply {
        let list = format!(
            "{XML_HEAD}<ListBucketResult>\n\t<Name>{BUCKET}</Name>\n\t<MaxKeys>1</MaxKeys>\n\t\
             <IsTruncated>false</IsTruncated>\n</ListBucketResult>\n"
        );
        reply::of_cos(200, &[self.region_header(), XML], list, moment)
    }

    fn list_of_buckets(&self, moment: Moment) -> Reply {
        let region = region_of(self.scenario.bucket);
        let list = format!(
            "{XML_HEAD}<ListAllMyBucketsResult>\n\t<Owner>\n\t\t<ID>qcs::cam::uin/100000000001:uin/100000000001</ID>\n\t\t\
             <DisplayName>100000000001</DisplayName>\n\t</Owner>\n\t<Buckets>\n\t\t<Bucket>\n\t\t\t<Name>{BUCKET}</Name>\n\t\t\t\
             <Location>{region}</Location>\n\t\t\t<CreationDate>2019-05-24T11:49:50Z</CreationDate>\n\t\t</Bucket>\n\t\
             </Buckets>\n</ListAllMyBucketsResult>\n"
        );
        reply::of_cos(200, &[XML], list, moment)
    }

    /// An object, or the range of it that was asked for.
    fn read(&self, asked: &Asked, key: &str, moment: Moment) -> Result<Reply, Refusal> {
        let object = self.objects.get(key)?;
        let mut body = object.body.to_vec();
        if let (BucketBehaviour::Altering, Some(first)) = (self.scenario.bucket, body.first_mut()) {
            *first ^= 1;
        }
        let whole = body.len();
        let described = [
            ("etag", object.etag()),
            ("last-modified", http_date(object.modified)),
            ("x-cos-hash-crc64ecma", object.crc64().to_string()),
            ("accept-ranges", "bytes".to_owned()),
            ("content-type", content_type(key).to_owned()),
        ];
        let mut headers: Vec<(&str, &str)> = described.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let Some((first, last)) = asked.header("range").and_then(|text| range(text, whole)) else {
            return Ok(reply::of_cos(200, &headers, body, moment));
        };
        let part = body
            .get(first..=last)
            .ok_or_else(|| Refusal::new(416, "InvalidRange", "The requested range cannot be satisfied."))?;
        let content_range = format!("bytes {first}-{last}/{whole}");
        headers.push(("content-range", &content_range));
        Ok(reply::of_cos(206, &headers, part.to_vec(), moment))
    }

    fn put(&self, forbids: Option<&str>, key: &str, body: Bytes, moment: Moment) -> Result<Object, Refusal> {
        let may_overwrite = !forbids.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        self.objects.put(key, body, moment.now, may_overwrite)
    }

    /// POST Object.
    fn post(&self, asked: &Asked, caller: Caller, moment: Moment) -> Result<Reply, Refusal> {
        account::allow(&self.scenario, caller, Action::Write)?;
        if asked.body.is_none() {
            return Err(too_large());
        }
        let malformed = || Refusal::new(400, "MalformedPOSTRequest", "The body of the request is no form.");
        let form = asked.form.as_ref().ok_or_else(malformed)?;
        let message = "A form has exactly one file, in its last field.";
        let no_file = || Refusal::new(400, "IncorrectNumberOfFilesInPostRequest", message);
        let (content, filename) = form.file.as_ref().ok_or_else(no_file)?;
        let no_key = || Refusal::new(400, "InvalidArgument", "The form has no field key.");
        let key = form.field("key").filter(|key| !key.is_empty()).ok_or_else(no_key)?.replace("${filename}", filename);
        // Tencent's SDK for mini programs sends it as a field of the form.
        let forbids = form.field(FORBID_OVERWRITE).or(asked.header(FORBID_OVERWRITE));
        let object = self.put(forbids, key.trim_start_matches('/'), Bytes::from(content.clone()), moment)?;
        let path = asked.raw_path().trim_end_matches('/');
        let location = format!("http://{}{path}/{}", asked.host(), encode_path(&key));
        let [etag, _] = written(&object);
        // What the body of a 201 is, is not established; the documentation says that the body is empty.
        let status = match form.field("success_action_status") {
            Some("200") => 200,
            Some("201") => 201,
            _ => 204,
        };
        Ok(reply::of_cos(status, &[(etag.0, etag.1.as_str()), ("location", &location)], "", moment))
    }
}

/// Forbids to overwrite, as header or as field of a form.
const FORBID_OVERWRITE: &str = "x-cos-forbid-overwrite";

/// The headers that tell about an object that was written.
fn written(object: &Object) -> [(&'static str, String); 2] {
    [("etag", object.etag()), ("x-cos-hash-crc64ecma", object.crc64().to_string())]
}

fn too_large() -> Refusal {
    Refusal::new(400, "EntityTooLarge", "The body is larger than this double takes.")
}

fn content_type(key: &str) -> &'static str {
    if std::path::Path::new(key).extension().is_some_and(|extension| extension == "html") {
        HTML.1
    } else {
        "application/octet-stream"
    }
}

/// First and last byte of a range (RFC 9110, 14.1.2); `None` for a range that is to be ignored. A range behind the end comes back
/// as it is.
fn range(text: &str, whole: usize) -> Option<(usize, usize)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let length: usize = last.parse().ok()?;
        return Some((whole.saturating_sub(length), whole.saturating_sub(1)));
    }
    let first = first.parse().ok()?;
    let end = whole.saturating_sub(1);
    let last = if last.is_empty() { end } else { last.parse::<usize>().ok()?.min(end) };
    // A range that begins behind the end has nothing in it and is refused.
    (first <= last || first > end).then_some((first, last.max(first)))
}

fn resource(asked: &Asked) -> String {
    let host = if asked.host().is_empty() { HOST } else { asked.host() };
    format!("{host}{}", asked.raw_path())
}

/// A refusal whose headers and body would rewrite a careless terminal. HTTP forbids ASCII control characters in headers, but
/// not bytes above 0x80: U+009B is the one-character form of ESC [, U+202E turns the direction of writing.
fn defaced(asked: &Asked, moment: Moment) -> Reply {
    let message = "Access \u{1b}[2J\u{1b}]0;owned\u{7}Denied.\u{202e}\u{9b}31m";
    let refusal = Refusal::new(403, "AccessDenied", message);
    let mut reply = reply::refuse(&refusal, &resource(asked), moment);
    let headers = reply.headers_mut();
    for name in ["x-cos-trace-id", "content-type"] {
        if let Ok(value) = HeaderValue::from_bytes("odd\u{9b}31m\u{202e}".as_bytes()) {
            headers.insert(name, value);
        }
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        for (text, wanted) in [
            ("bytes=0-0", Some((0, 0))),
            ("bytes=5-", Some((5, 12))),
            ("bytes=5-99", Some((5, 12))),
            ("bytes=-3", Some((10, 12))),
            ("bytes=13-13", Some((13, 13))),
            ("bytes=13-", Some((13, 13))),
            ("bytes=3-1", None),
            ("bytes=x-1", None),
            ("lines=0-0", None),
        ] {
            assert_eq!(range(text, 13), wanted, "{text}");
        }
        assert_eq!(range("bytes=0-0", 0), Some((0, 0)));
    }
}
