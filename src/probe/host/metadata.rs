//! What the metadata service of a Tencent machine tells about it. It answers over the link or not at all, so a short time decides.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::HOST;
use tokio::time::{Instant, timeout_at};

use crate::config::MetadataService;
use crate::evidence::{Detail, FailureKind, Metadata, Outcome, clean};
use crate::probe::http::{self, Exchange};
use crate::probe::tcp;

/// For all questions together.
const WITHIN: Duration = Duration::from_millis(300);
/// Characters of an answer that are kept.
const MAX_TEXT: usize = 100;

/// Asks all questions at once, and those that need the answer to another one then.
pub(in crate::probe) async fn metadata(service: &MetadataService) -> (Outcome, Detail) {
    let end = Instant::now() + WITHIN;
    let ask = |path: &'static str| get(service, path.to_owned(), end);
    let (region, zone, instance_id, local, public, mac) = tokio::join!(
        ask("placement/region"),
        ask("placement/zone"),
        ask("instance-id"),
        ask("local-ipv4"),
        ask("public-ipv4"),
        ask("mac"),
    );
    let of_interface = |what: &str| {
        let mac = mac.as_ref().ok().and_then(Option::as_deref).filter(|mac| is_mac(mac));
        let path = mac.map(|mac| format!("network/interfaces/macs/{mac}/{what}"));
        async move { get(service, path?, end).await.ok().flatten() }
    };
    let (vpc_id, subnet_id) = tokio::join!(of_interface("vpc-id"), of_interface("subnet-id"));
    let address = |text: &Answer| text.as_ref().ok()?.as_ref()?.parse().ok();
    let seen = Metadata {
        url: format!("http://{}{}", service.address, service.path),
        local_ipv4: address(&local),
        public_ipv4: address(&public),
        has_no_public_ipv4: matches!(&public, Ok(None)),
        vpc_id,
        subnet_id,
        zone: zone.ok().flatten(),
        instance_id: instance_id.ok().flatten(),
        region: region.as_ref().ok().cloned().flatten(),
    };
    let outcome = match region {
        Ok(Some(region)) if is_word(&region) => Outcome::Succeeded,
        Ok(_) => Outcome::failed_with(FailureKind::Other, "it does not tell the region"),
        Err(outcome) => outcome,
    };
    (outcome, Detail::Metadata(seen))
}

/// The text that was told, `None` where the service says that there is none.
type Answer = Result<Option<String>, Outcome>;

async fn get(service: &MetadataService, path: String, end: Instant) -> Answer {
    let attempt = tcp::dial(service.address, end.saturating_duration_since(Instant::now())).await;
    let stream = attempt.stream.ok_or(attempt.sample.outcome)?;
    let mut exchange = Exchange::begin(stream).await.map_err(|error| http::failure(&error))?;
    let request = Request::get(format!("{}{path}", service.path))
        .header(HOST, &service.host)
        .body(Full::new(Bytes::new()))
        .map_err(|error| Outcome::failed_with(FailureKind::Other, &error.to_string()))?;
    let answered = timeout_at(end, exchange.ask(request)).await;
    match answered.map_err(|_| Outcome::failed(FailureKind::ResponseTimeout))?? {
        (200, body) => {
            let text = clean(&String::from_utf8_lossy(&body), MAX_TEXT);
            Ok((!text.is_empty()).then_some(text))
        }
        (404, _) => Ok(None),
        (status, _) => Err(Outcome::failed_with(FailureKind::Other, &format!("it answers status {status}"))),
    }
}

/// Whether a text can be the name of a region. A page of somebody else's server shows no machine of Tencent's.
fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether a text is a hardware address; anything else is not put into a path.
fn is_mac(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
    }

    /// A service that gives every question the same answer; without one it takes the question and is silent.
    async fn service(answer: Option<&'static str>) -> (MetadataService, tokio::task::JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut question = [0; 1024];
                let _ = stream.read(&mut question).await;
                if let Some(answer) = answer {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
                open.push(stream);
            }
        });
        (MetadataService { address, ..MetadataService::default() }, tasks)
    }

    #[test]
    fn a_silent_service_costs_no_more_than_its_time() {
        run(async {
            let (service, _tasks) = service(None).await;
            let begun = Instant::now();
            let (outcome, detail) = metadata(&service).await;
            assert_eq!(outcome.failure(), Some(FailureKind::ResponseTimeout));
            assert!(matches!(detail, Detail::Metadata(seen) if seen.region.is_none() && !seen.has_no_public_ipv4));
            assert!((WITHIN..WITHIN * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        });
    }

    #[test]
    fn refusals_and_control_characters_are_no_facts() {
        run(async {
            let (nothing, _tasks) = service(Some("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")).await;
            let (outcome, detail) = metadata(&nothing).await;
            assert_eq!(outcome.failure(), Some(FailureKind::Other));
            assert!(matches!(detail, Detail::Metadata(seen) if seen.has_no_public_ipv4 && seen.region.is_none()));
            let (odd, _tasks) = service(Some("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n\u{1b}[31m/x")).await;
            let (outcome, Detail::Metadata(seen)) = metadata(&odd).await else { panic!("no metadata") };
            assert_eq!(outcome.failure(), Some(FailureKind::Other), "that is no region");
            assert_eq!((seen.region.as_deref(), seen.vpc_id, seen.local_ipv4), (Some("?[31m/x"), None, None));
        });
    }
}
