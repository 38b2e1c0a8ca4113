//! The body of an answer: read up to a bound, and COS's error in it.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

use crate::evidence::{CosError, clean, is_harmless};

/// Bytes of a body that are read. COS's error bodies are under 4 KiB.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Characters of one element that are kept. What COS signed holds the token of a temporary key: up to 4096 bytes, as the models of
/// Tencent's SDKs for STS say, and three characters for each when encoded. Cut short, it would differ from what we signed.
const MAX_TEXT: usize = 16 * 1024;

/// Reads a body; what goes beyond the bound is not waited for.
pub(super) async fn read<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Result<Bytes, B::Error> {
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            let room = MAX_BODY_BYTES - collected.len();
            collected.extend_from_slice(&data[..data.len().min(room)]);
            if collected.len() >= MAX_BODY_BYTES {
                break;
            }
        }
    }
    Ok(collected.freeze())
}

/// Reads the error in a body: an `Error` document, or the page for people that website endpoints answer with. `None` when it is
/// something else.
pub(super) fn error(bytes: &[u8]) -> Option<CosError> {
    cos_error(bytes).or_else(|| page_error(bytes))
}

/// Reads `Code: …`, `Message: …` and the like out of a page for people. How COS lays such a page out is documented nowhere, so
/// only lines of this form are looked for, whatever the tags around them are.
fn page_error(bytes: &[u8]) -> Option<CosError> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.contains('<'))?;
    let lines: Vec<&str> = text.split(['<', '>', '\n']).map(str::trim).collect();
    let value = |name: &str| {
        lines
            .iter()
            .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'))
            .map(|v| v.trim().to_owned())
    };
    let code = value("Code").filter(|code| !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric()))?;
    let error = CosError {
        code,
        message: value("Message").unwrap_or_default(),
        request_id: value("RequestId"),
        ..CosError::default()
    };
    Some(defused(error))
}

/// Reads an `Error` document; `None` when it is something else.
fn cos_error(bytes: &[u8]) -> Option<CosError> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut error = CosError::default();
    let mut is_error = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                path.push(start.local_name().as_ref().to_owned());
                is_error |= path == ["Error"];
            }
            Ok(Event::End(_)) => {
                path.pop();
            }
            Ok(Event::Text(content)) => append(&mut error, &path, &content.xml_content(XmlVersion::Explicit1_0)),
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(character)) => append(&mut error, &path, character.encode_utf8(&mut [0; 4])),
                _ => append(&mut error, &path, resolved(reference.as_ref())),
            },
            Ok(Event::CData(content)) => append(&mut error, &path, content.as_ref()),
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    (is_error && !error.code.is_empty()).then(|| defused(error))
}

/// The five references of XML; no document defines others here.
fn resolved(reference: &str) -> &'static str {
    match reference {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => "?",
    }
}

fn append(error: &mut CosError, path: &[String], text: &str) {
    let [root, element] = path else { return };
    if root != "Error" {
        return;
    }
    let slot = match element.as_str() {
        "Code" => &mut error.code,
        "Message" => &mut error.message,
        "Resource" => error.resource.get_or_insert_default(),
        "RequestId" => error.request_id.get_or_insert_default(),
        "TraceId" => error.trace_id.get_or_insert_default(),
        "ServerTime" => error.server_time.get_or_insert_default(),
        "StringToSign" => error.string_to_sign.get_or_insert_default(),
        "FormatString" => error.format_string.get_or_insert_default(),
        _ => return,
    };
    if slot.len() < MAX_TEXT {
        slot.push_str(text);
    } else if !slot.ends_with('…') {
        slot.push('…');
    }
}

/// Line ends and blanks matter in the strings of the signature, which are compared with ours; elsewhere they have no place.
fn defused(error: CosError) -> CosError {
    CosError {
        code: clean(&error.code, 100),
        message: clean(&error.message, 500),
        resource: error.resource.map(|text| clean(&text, 300)),
        request_id: error.request_id.map(|text| clean(&text, 200)),
        trace_id: error.trace_id.map(|text| clean(&text, 200)),
        server_time: error.server_time.map(|text| clean(&text, 60)),
        string_to_sign: error.string_to_sign.map(|text| signed_text(&text)),
        format_string: error.format_string.map(|text| signed_text(&text)),
    }
}

fn signed_text(text: &str) -> String {
    let defused = text.chars().map(|c| if c == '\n' || is_harmless(c) { c } else { '?' });
    let mut kept: String = defused.take(MAX_TEXT).collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_document_is_read() {
        let text = "<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n\t<Code>SignatureDoesNotMatch</Code>\
            <Message>The Signature you &lt;specified&gt; is invalid.</Message><StringToSign>sha1\n1;2\nab\n</StringToSign>\
            <FormatString>get\n/\n\nhost=x\n</FormatString><Resource>b.cos</Resource><RequestId>NjQ=</RequestId></Error>";
        let error = cos_error(text.as_bytes()).unwrap();
        assert_eq!(error.code, "SignatureDoesNotMatch");
        assert_eq!(error.message, "The Signature you <specified> is invalid.");
        assert_eq!(error.format_string.as_deref(), Some("get\n/\n\nhost=x\n"));
        assert_eq!(error.request_id.as_deref(), Some("NjQ="));
    }

    /// A body that never ends, in frames of one size.
    struct Endless(usize);

    impl Body for Endless {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from(vec![b'x'; self.0])))))
        }
    }

    #[tokio::test]
    async fn no_more_of_a_body_is_read_than_the_bound() {
        for frame in [1000, MAX_BODY_BYTES, 10 * MAX_BODY_BYTES] {
            assert_eq!(read(Endless(frame)).await.unwrap().len(), MAX_BODY_BYTES, "{frame}");
        }
        let short = http_body_util::Full::new(Bytes::from_static(b"short"));
        assert_eq!(read(short).await.unwrap(), Bytes::from_static(b"short"));
    }

    #[test]
    fn every_element_is_read_where_it_stands_and_nowhere_else() {
        let text = "<Error><Code>AccessDenied</Code><Message>a</Message><Resource>r</Resource><RequestId>i</RequestId>\
            <TraceId>t</TraceId><ServerTime>2026-11-23T19:30:15Z</ServerTime><StringToSign>s\n</StringToSign>\
            <FormatString>f\n</FormatString><Other>o</Other><Deeper><Code>c</Code><Message>m</Message></Deeper></Error>\
            <After><Code>c</Code><Message>m</Message></After>";
        let some = |text: &str| Some(text.to_owned());
        let expected = CosError {
            code: "AccessDenied".into(),
            message: "a".into(),
            resource: some("r"),
            request_id: some("i"),
            trace_id: some("t"),
            server_time: some("2026-11-23T19:30:15Z"),
            string_to_sign: some("s\n"),
            format_string: some("f\n"),
        };
        assert_eq!(error(text.as_bytes()), Some(expected));
        let elsewhere = "<Page><Error><Code>AccessDenied</Code></Error></Page>";
        assert_eq!(error(elsewhere.as_bytes()), None);
        let all = "<Error><Code>A&amp;&lt;&gt;&quot;&apos;&#66;</Code><Message><![CDATA[<m>]]></Message></Error>";
        let error = error(all.as_bytes()).unwrap();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("A&<>\"'B", "<m>"));
    }

    #[test]
    fn every_element_is_bounded_and_defused() {
        let long = format!("{}\u{1b}[2J", "x".repeat(20_000));
        for text in [long.as_str(), "a\u{1b}[2Jb\u{202e}c\u{7}"] {
            let element = |name: &str| format!("<{name}>{text}</{name}>");
            let names =
                ["Code", "Message", "Resource", "RequestId", "TraceId", "ServerTime", "StringToSign", "FormatString"];
            let error = error(format!("<Error>{}</Error>", names.map(element).concat()).as_bytes()).unwrap();
            let optional = [
                &error.resource,
                &error.request_id,
                &error.trace_id,
                &error.server_time,
                &error.string_to_sign,
                &error.format_string,
            ];
            let all = [&error.code, &error.message].into_iter().chain(optional.map(|text| text.as_ref().unwrap()));
            for (name, value) in names.iter().zip(all) {
                let most = if ["StringToSign", "FormatString"].contains(name) { MAX_TEXT } else { 500 };
                assert!(!value.is_empty() && value.chars().count() <= most + 1, "{name}: {}", value.len());
                assert!(!value.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{name}: {value:?}");
            }
        }
        // Many pieces of one element are bounded together.
        let pieces = "x&amp;".repeat(20_000);
        let error = error(format!("<Error><Code>A</Code><FormatString>{pieces}</FormatString></Error>").as_bytes());
        let text = error.unwrap().format_string.unwrap();
        assert!(text.len() <= MAX_TEXT + 5 && text.ends_with('…'), "{}", text.len());
    }

    #[test]
    fn what_cos_signed_is_kept_whole_with_the_longest_token() {
        let signed = format!("get\n/\n\nhost=x&x-cos-security-token={}\n", "%2B".repeat(4096));
        let document = format!(
            "<Error><Code>SignatureDoesNotMatch</Code><FormatString>{}</FormatString></Error>",
            signed.replace('&', "&amp;")
        );
        assert_eq!(error(document.as_bytes()).unwrap().format_string, Some(signed));
    }

    #[test]
    fn blanks_and_line_ends_of_what_cos_signed_are_kept() {
        let signed = "get\n/ a \n\nhost=x\n";
        let document =
            format!("<Error><Code>SignatureDoesNotMatch</Code><FormatString>{signed}</FormatString></Error>");
        assert_eq!(error(document.as_bytes()).unwrap().format_string.as_deref(), Some(signed));
    }

    #[test]
    fn other_documents_are_no_error() {
        for text in ["", "<html><body>Code</body></html>", "<Error></Error>", "{\"Code\":1}", "<Error><Code>"] {
            assert_eq!(cos_error(text.as_bytes()), None, "{text}");
        }
        assert_eq!(cos_error(b"\xff\xfe"), None);
    }

    #[test]
    fn the_page_of_a_website_endpoint_is_read() {
        let page = "<html><body><h1>404 Not Found</h1><ul><li>Code: NoSuchWebsiteConfiguration</li>\
            <li>Message: The specified bucket has no website.</li><li>RequestId: NjQ=</li></ul></body></html>";
        let error = error(page.as_bytes()).unwrap();
        assert_eq!(error.code, "NoSuchWebsiteConfiguration");
        assert_eq!(error.request_id.as_deref(), Some("NjQ="));
        assert_eq!(super::error(b"<p>Code: <b>not one word</b></p>"), None);
        assert_eq!(super::error(b"<p>Code: not one word</p>"), None);
        assert_eq!(super::error(b"Code: NoSuchKey"), None, "this is no page");
    }

    #[test]
    fn a_bomb_of_entities_stays_small() {
        let bomb = "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>\
            <Error><Code>AccessDenied</Code><Message>&b;&b;&b;</Message></Error>";
        let error = error(bomb.as_bytes()).unwrap();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("AccessDenied", "???"));
        let deep = "<a>".repeat(20_000);
        assert_eq!(super::error(deep.as_bytes()), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_no_panic(bytes in proptest::collection::vec(0_u8.., 0..300)) {
            let _ = error(&bytes);
        }

        #[test]
        fn any_text_inside_is_defused(text in "[^<&]{1,80}") {
            if let Some(error) = cos_error(format!("<Error><Code>{text}</Code></Error>").as_bytes()) {
                proptest::prop_assert!(!error.code.chars().any(char::is_control));
            }
        }
    }
}
