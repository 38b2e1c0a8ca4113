//! Requests and their answers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};

use super::language::Spoken;
use super::pages::Log;
use super::probing::{Probed, Question, job, probed};
use super::query::Query;
use super::rendering::{Page, rendered};
use super::setup::Setup;
use super::web::Admission;
use super::{Options, State, guard, pages, reload};
use crate::exposition::{Family, Labels, Notation, render};
use crate::report::{MetricOptions, families};

pub(super) type Answer = Response<Full<Bytes>>;

/// What a page may load: the style in it, and nothing from anywhere.
const POLICY: &str = include_str!("policy.txt");
/// The module that is meant where none is named.
const USUAL_MODULE: &str = "cos_check";
/// How long Prometheus waits for this scrape.
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
/// Where the scraper says nothing, as `blackbox_exporter` has it.
const LONGEST: Duration = Duration::from_mins(2);

/// Answers a request; there is an answer to every one.
pub(super) async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let mut answer = match state.webs.admission(request.headers()).await {
        Admission::Granted => answer_admitted(&state, &request).await,
        Admission::Denied => {
            state.counts.refused_passwords.add();
            let mut refusal = text(StatusCode::UNAUTHORIZED, "name and password are needed, or they are wrong\n");
            let challenge = HeaderValue::from_static("Basic realm=\"cosprobe\", charset=\"UTF-8\"");
            refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            refusal
        }
        Admission::Busy => {
            let mut busy = text(StatusCode::SERVICE_UNAVAILABLE, "too many passwords are being checked: ask again\n");
            busy.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            busy
        }
    };
    // What the file says goes before what a page says of itself.
    for (name, value) in &state.webs.current().headers {
        answer.headers_mut().insert(name, value.clone());
    }
    Ok(answer)
}

/// What whoever asks over plain HTTP is told where TLS is spoken.
pub(super) fn over_plain_http() -> Answer {
    let told = "this service speaks HTTPS: ask with https://, which is scheme: https for Prometheus\n";
    text(StatusCode::BAD_REQUEST, told)
}

async fn answer_admitted(state: &Arc<State>, request: &Request<Incoming>) -> Answer {
    let Options { route_prefix, link_prefix, .. } = &state.options;
    let missing = || text(StatusCode::NOT_FOUND, format!("there is no such page: see {link_prefix}/\n"));
    let path = match request.uri().path() {
        "/" if !route_prefix.is_empty() => return home(link_prefix),
        path => match path.strip_prefix(route_prefix.as_str()) {
            Some("") if !route_prefix.is_empty() => return home(link_prefix),
            Some(path) if path.starts_with('/') => path,
            _ => return missing(),
        },
    };
    let allowed: &[Method] =
        if path == "/-/reload" { &[Method::POST, Method::PUT] } else { &[Method::GET, Method::HEAD] };
    if !allowed.contains(request.method()) {
        let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "this path does not take the method\n");
        let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        refusal
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("GET")));
        return refusal;
    }
    let query = Query::of(request.uri().query());
    let notation = notation(request);
    let spoken = Spoken::of(request.headers(), &query);
    match path {
        "/probe" => probe(state, request, &query, notation).await.unwrap_or_else(|refusal| refusal),
        "/metrics" => long(state, Page::Metrics(notation)).await,
        "/config" => text(StatusCode::OK, state.setups.current().loaded.text.clone()),
        "/-/healthy" => text(StatusCode::OK, "Healthy\n"),
        "/-/reload" => match reload(state).await {
            Ok(()) => text(StatusCode::OK, "the configuration was read again\n"),
            Err(problem) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{problem}\n")),
        },
        "/" => long(state, Page::Overview(spoken)).await,
        "/logs" => match pages::log(state, &query, spoken.language) {
            Some(Log::Text(log)) => in_languages(text(StatusCode::OK, log)),
            Some(Log::Html(log)) => page(log),
            None => text(StatusCode::NOT_FOUND, format!("there is no such probe any more: see {link_prefix}/\n")),
        },
        _ => missing(),
    }
}

/// Leads to the overview.
fn home(link_prefix: &str) -> Answer {
    let to = format!("{link_prefix}/");
    let mut answer = text(StatusCode::FOUND, format!("see {to}\n"));
    answer.headers_mut().extend(HeaderValue::from_str(&to).ok().map(|to| (LOCATION, to)));
    answer
}

/// Takes the probe that is asked for.
async fn probe(
    state: &Arc<State>,
    request: &Request<Incoming>,
    query: &Query,
    notation: Notation,
) -> Result<Answer, Answer> {
    let bad = |problem: String| text(StatusCode::BAD_REQUEST, format!("{problem}\n"));
    let Some(target) = query.get("target") else {
        return Err(bad("there is no target: give target=, such as a bucket's host".to_owned()));
    };
    let setup = state.setups.current();
    let name = query.get("module").unwrap_or(USUAL_MODULE);
    let Some(module) = setup.loaded.modules.get(name) else {
        state.counts.unknown_modules.add();
        let known: Vec<&str> = setup.loaded.modules.keys().map(String::as_str).collect();
        return Err(bad(format!("there is no module {name}: there are {}", known.join(", "))));
    };
    let question = Question {
        module: name.to_owned(),
        target: target.to_owned(),
        hostname: query.get("hostname").map(str::to_owned),
        region: query.get("region").map(str::to_owned),
    };
    let timeout = timeout(request, state.options.timeout_offset).map_err(bad)?.unwrap_or(module.timeout);
    let job = job(module, &question, timeout).map_err(|error| bad(error.to_string()))?;
    if let Some(refusal) = job.config.targets.iter().find_map(|target| guard::refusal(state, &setup, &question, target))
    {
        state.counts.refused_targets.add();
        return Err(text(StatusCode::FORBIDDEN, format!("{refusal}\n")));
    }
    if state.sharing.is_full_for(&question) {
        state.counts.refused_probes.add();
        let busy = "too many probes are under way: ask again, or less often\n";
        return Err(text(StatusCode::SERVICE_UNAVAILABLE, busy));
    }
    let probed = probed(state, &setup, question, job).await;
    let probed = probed.map_err(|error| text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")))?;
    let families = of_probe(&setup, &probed, Vec::new());
    if query.get("debug") == Some("true") {
        return Ok(text(StatusCode::OK, pages::debug(&setup, &probed, &families)));
    }
    Ok(metrics(&families, notation))
}

/// Everything that a probe says in numbers.
pub(super) fn of_probe(setup: &Setup, probed: &Probed, more: Labels) -> Vec<Family> {
    let mut labels: Labels =
        setup.loaded.labels.iter().map(|(name, value)| (name.clone().into(), value.clone())).collect();
    labels.extend(more);
    let module = setup.loaded.modules.get(&probed.question.module);
    let options = MetricOptions {
        fail_on: module.map_or(crate::diagnose::Severity::Error, |module| module.fail_on),
        labels: labels.clone(),
        with_target: false,
        success: Some(probed.success),
    };
    let mut families = families(&probed.report, &options);
    let mut timeout = Family::gauge("probe_timeout_seconds", "How long the probe might take at most");
    timeout.add(labels.clone(), probed.timeout.as_secs_f64());
    let mut maintenance =
        Family::gauge("cosprobe_maintenance", "Whether failures were expected at the time of the probe");
    maintenance.add(labels, f64::from(probed.maintenance.is_some()));
    families.extend([timeout, maintenance]);
    families
}

/// The time that the scraper leaves for the probe; `None`: it leaves none, or has not said.
fn timeout(request: &Request<Incoming>, offset: Duration) -> Result<Option<Duration>, String> {
    let Some(value) = request.headers().get(SCRAPE_TIMEOUT) else { return Ok(Some(LONGEST)) };
    let seconds = value.to_str().ok().and_then(|text| text.parse::<f64>().ok());
    let given = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match given {
        Some(given) => Ok(given.checked_sub(offset).filter(|left| !left.is_zero())),
        None => Err(format!("{SCRAPE_TIMEOUT} should be a number of seconds, such as 10")),
    }
}

/// `OpenMetrics` for those who ask for it, the text format for everybody else.
fn notation(request: &Request<Incoming>) -> Notation {
    let accepts = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let wants = { accepts }.flat_map(|value| value.split(',')).any(|wanted| {
        wanted.trim().starts_with("application/openmetrics-text") && !wanted.replace(' ', "").ends_with(";q=0")
    });
    if wants { Notation::OpenMetrics } else { Notation::Text }
}

fn metrics(families: &[Family], notation: Notation) -> Answer {
    with_type(StatusCode::OK, notation.media_type(), render(families, notation))
}

/// A page that grows with the targets.
async fn long(state: &Arc<State>, wanted: Page) -> Answer {
    match (rendered(state, wanted).await, wanted) {
        (Err(error), _) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        (Ok(body), Page::Overview(_)) => page(body),
        (Ok(body), Page::Metrics(notation)) => with_type(StatusCode::OK, notation.media_type(), body),
    }
}

fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    with_type(status, "text/plain; charset=utf-8", Into::<String>::into(body))
}

fn page(body: impl Into<Bytes>) -> Answer {
    let mut answer = with_type(StatusCode::OK, "text/html; charset=utf-8", body);
    // The page needs nothing from anywhere; what a target or a server wrote into it must not either.
    let policy = HeaderValue::from_static(POLICY);
    answer.headers_mut().insert(hyper::header::CONTENT_SECURITY_POLICY, policy);
    in_languages(answer)
}

/// Says that the answer would be another one in another language.
fn in_languages(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Language"));
    answer
}

fn with_type(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(hyper::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
