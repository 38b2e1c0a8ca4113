//! What the tests of planning share: a configuration with a key, and evidence written as it stands in reports.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Action, RequestPlan, Step};
use crate::config::{
    Config, Family, Limits, MetadataService, NameServers, Policy, Questions, Signing, SystemFiles, Trust, When,
};
use crate::evidence::{Detail, Evidence, Http, Observation, Stage};

pub(super) const HOST: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";
pub(super) const PEER: &str = "203.0.113.10:443";

/// A run so far.
pub(super) struct Case {
    pub(super) config: Config,
    pub(super) evidence: Evidence,
}

impl Case {
    /// A run against one bucket with a key, of which nothing has been observed yet.
    pub(super) fn new() -> Self {
        Self::of(json!({}))
    }

    /// The same with some fields of the target set otherwise.
    pub(super) fn of(target: Value) -> Self {
        Self::of_targets(vec![target])
    }

    pub(super) fn of_targets(targets: Vec<Value>) -> Self {
        let usual = json!({"host": HOST, "bucket": "examplebucket-1250000000", "region": "ap-guangzhou"});
        let read = |target| serde_json::from_value(merged(usual.clone(), target)).unwrap();
        let targets: Vec<_> = targets.into_iter().map(read).collect();
        let config = Config {
            targets: targets.clone(),
            limits: Limits::default(),
            family: Family::Both,
            name_servers: NameServers::default(),
            questions: Questions::default(),
            files: SystemFiles::default(),
            metadata: MetadataService::default(),
            control: When::Auto,
            egress: crate::sys::Egress::default(),
            connect_to: Vec::new(),
            trust: Trust::default(),
            signing: Signing { has_credential: true, ..Signing::default() },
            search_regions: false,
            canary: None,
            trace: None,
            trace_in_check: When::Auto,
            retry_ports: true,
            stages: &Stage::ALL,
            policy: Policy::default(),
        };
        Self { config, evidence: Evidence::new(targets) }
    }

    /// An answer of COS to a signed HEAD over HTTPS, with some fields of the detail set otherwise.
    pub(super) fn answered(self, detail: Value) -> Self {
        let usual = json!({"type": "http", "authentication": "signed", "status": 403,
            "headers": [{"name": "server", "value": "tencent-cos"}]});
        self.observed("http_round_trip", &merged(usual, detail))
    }

    /// The answer to the GET that asked for the reason.
    pub(super) fn reason(self, code: &str, message: &str) -> Self {
        self.answered(json!({"method": "GET", "purpose": "reason", "error": {"code": code, "message": message}}))
    }

    pub(super) fn observed(mut self, stage: &str, detail: &Value) -> Self {
        let id = self.evidence.observations.len() + 1;
        let observation = json!({"id": id, "stage": stage, "endpoint": HOST, "peer": PEER,
            "outcome": {"status": "succeeded"}, "detail": detail});
        self.evidence.observations.push(serde_json::from_value(observation).unwrap());
        self
    }

    /// Sets some fields of the last observation otherwise.
    pub(super) fn but(mut self, fields: Value) -> Self {
        let last: Observation = self.evidence.observations.pop().unwrap();
        let changed = merged(serde_json::to_value(last).unwrap(), fields);
        self.evidence.observations.push(serde_json::from_value(changed).unwrap());
        self
    }

    /// Says that the last request went out and was not answered.
    pub(super) fn unanswered(self) -> Self {
        let failed = json!({"status": "failed", "kind": "response_timeout"});
        let case = self.but(json!({"outcome": failed}));
        case.http(|http| (http.send_us, http.status, http.headers) = (Some(100), None, Vec::new()))
    }

    /// Changes what is recorded of the last request.
    pub(super) fn http(mut self, change: impl FnOnce(&mut Http)) -> Self {
        match self.evidence.observations.last_mut().map(|observation| &mut observation.detail) {
            Some(Detail::Http(http)) => change(http),
            other => panic!("{other:?} is no request"),
        }
        self
    }

    /// Says that the last request was not sent.
    pub(super) fn not_run(self, because: &str) -> Self {
        let mut case = self.but(json!({"outcome": {"status": "not_run", "because": because}}));
        if let Some(Detail::Http(http)) = case.evidence.observations.last_mut().map(|o| &mut o.detail) {
            (http.send_us, http.status, http.headers) = (None, None, Vec::new());
        }
        case
    }
}

/// The fields of both; those of the second go before.
fn merged(usual: Value, further: Value) -> Value {
    let (Value::Object(mut all), Value::Object(further)) = (usual, further) else { panic!("these are no objects") };
    all.extend(further);
    Value::Object(all)
}

/// The request of a step, and that it stands where it should.
pub(super) fn request(step: &Step) -> &RequestPlan {
    assert_eq!((step.stage, step.endpoint.as_deref()), (Stage::HttpRoundTrip, Some(HOST)));
    assert_eq!(step.peer, Some(PEER.parse::<SocketAddr>().unwrap()));
    match &step.action {
        Action::Request(request) => request,
        other => panic!("this is no request: {other:?}"),
    }
}

/// The one step that there is.
pub(super) fn only(steps: Vec<Step>) -> Step {
    let [step] = <[Step; 1]>::try_from(steps).unwrap();
    step
}

#[test]
fn what_follows_is_asked_for_in_one_round_and_the_reason_before_the_doctor() {
    let case = Case::new().answered(json!({}));
    let step = only(super::steps(Stage::HttpRoundTrip, &case.config, &case.evidence));
    assert_eq!(request(&step).purpose, crate::evidence::Purpose::Reason);
    let case = case.reason("SignatureDoesNotMatch", "");
    let step = only(super::steps(Stage::HttpRoundTrip, &case.config, &case.evidence));
    assert_eq!(request(&step).purpose, crate::evidence::Purpose::Hypothesis);
}
