//! Why COS does not do what it was asked, and the document that says so.
//!
//! Source: COS documentation, "Error Codes".

use std::borrow::Cow;
use std::fmt::Write;

use jiff::Timestamp;
use quick_xml::escape::escape;

use super::moment::Moment;

/// How every XML document of COS begins.
pub(super) const XML_HEAD: &str = "<?xml version='1.0' encoding='utf-8' ?>\n";

/// A status with code and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// What programs read.
    pub code: &'static str,
    message: Cow<'static, str>,
    further: Vec<(&'static str, String)>,
    tells_time: bool,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), further: Vec::new(), tells_time: false }
    }

    /// The refusal of somebody without the right, and of the anonymous.
    pub(super) fn access_denied() -> Self {
        Self::new(403, "AccessDenied", "Access Denied.")
    }

    /// The refusal of a signature before or after its time. COS's list has the words as a code; bodies seen have them as the
    /// message of `AccessDenied`, with the server's time.
    pub(super) fn expired() -> Self {
        Self { tells_time: true, ..Self::new(403, "AccessDenied", "Request has expired") }
    }

    /// Adds an element to the body.
    pub(super) fn with(mut self, element: &'static str, text: String) -> Self {
        self.further.push((element, text));
        self
    }

    /// The document in the body.
    pub(super) fn document(&self, resource: &str, moment: Moment) -> String {
        let mut elements = vec![
            ("Code", self.code.to_owned()),
            ("Message", self.message.clone().into_owned()),
            ("Resource", resource.to_owned()),
            ("RequestId", moment.request_id()),
            ("TraceId", moment.trace_id()),
        ];
        elements.extend(self.further.iter().cloned());
        if self.tells_time {
            let whole = Timestamp::from_second(moment.now.as_second()).unwrap_or(moment.now);
            elements.push(("ServerTime", whole.to_string()));
        }
        let mut document = format!("{XML_HEAD}<Error>\n");
        for (name, text) in elements {
            // Writing to a string does not fail.
            let _ = writeln!(document, "\t<{name}>{}</{name}>", escape(&text));
        }
        document.push_str("</Error>\n");
        document
    }

    /// The page for people that a website host answers with. That it is such a page is documented ("Hosting Static Website"),
    /// what stands in it is not.
    pub(super) fn page(&self, moment: Moment) -> String {
        let (status, code, message, id) = (self.status, self.code, escape(&*self.message), moment.request_id());
        format!(
            "<html>\n<head><title>{status} {code}</title></head>\n<body>\n<h1>{status} {code}</h1>\n<ul>\n\
             <li>Code: {code}</li>\n<li>Message: {message}</li>\n<li>RequestId: {id}</li>\n</ul>\n</body>\n</html>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_documents_are_escaped_and_complete() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let moment = Moment { now, told: now, serial: 7 };
        let refusal = Refusal::expired().with("StringToSign", "x&y".to_owned());
        let document = refusal.document("host/<>", moment);
        for part in [
            "<Code>AccessDenied</Code>",
            "<Message>Request has expired</Message>",
            "<Resource>host/&lt;&gt;</Resource>",
            "<StringToSign>x&amp;y</StringToSign>",
            "<ServerTime>2023-11-14T22:13:20Z</ServerTime>",
        ] {
            assert!(document.contains(part), "{part} is not in {document}");
        }
        assert!(Refusal::new(404, "X", "a < b").page(moment).contains("a &lt; b"));
        assert_eq!(moment.date(), "Tue, 14 Nov 2023 22:13:20 GMT");
    }
}
