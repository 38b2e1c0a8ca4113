//! What a manager wants to know about each endpoint: which network it is reached over and why, and how far a fault reaches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Finding;
use super::answers::{AnswerView, answers};
use super::resolvers::{can_be_private, cause, metadata};
use super::verdict::{Verdict, is_answered, is_broken_off, verdict_on};
use super::view::{addresses_of_endpoint, cos_answered, listed, route_of};
use crate::addr;
use crate::config::Route;
use crate::evidence::{Control, ControlKind, Evidence, NotRunReason, Observation, Outcome, Stage};
use crate::target::Target;
use crate::text;
use crate::text::Text;

/// One endpoint as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointView {
    /// Its host.
    pub endpoint: String,
    /// What it comes to for this endpoint alone, by the findings about it and about this machine.
    pub verdict: Verdict,
    /// The network that it is reached over.
    pub route: Route,
    /// Why, in one sentence, and what changes it if anything does.
    pub route_reason: Text,
    /// How far a fault reaches, by the control group; null where there was none.
    pub extent: Option<Extent>,
    /// The same in one sentence.
    pub extent_reason: Option<Text>,
    /// The answers of name servers, and how they go together.
    pub answers: Vec<AnswerView>,
}

/// How far a fault reaches, by what works beside the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// The endpoint answers as well.
    Nothing,
    /// Other endpoints of the region and suffix answer.
    Bucket,
    /// The region answers under the other suffix only.
    Suffix,
    /// The region answers under its private-only host.
    PublicNames,
    /// Another region answers.
    Region,
    /// No endpoint of COS answers.
    Everything,
    /// It cannot be told, or a word of a later version.
    #[serde(other)]
    Unknown,
}

impl Extent {
    /// The extent in a sentence, with the endpoint that answers.
    fn reason(self, host: &str) -> Text {
        match self {
            Self::Bucket => text!("only this endpoint: {host} answers, in the same region under the same suffix", host),
            Self::Suffix => text!("only this suffix: {host} answers, in the same region", host),
            Self::PublicNames => text!("only the public names: {host} answers, in the same region", host),
            Self::Region => text!("only this region: {host} answers", host),
            Self::Nothing | Self::Everything | Self::Unknown => text!("{host} answers", host),
        }
    }
}

/// Every endpoint, in order.
pub fn endpoints(evidence: &Evidence, findings: &[Finding]) -> Vec<EndpointView> {
    let view = |target: &Target| {
        let route = route_of(evidence, &target.host);
        let (extent, extent_reason) = extent(evidence, target).unzip();
        EndpointView {
            endpoint: target.host.clone(),
            verdict: verdict_on(evidence, findings, target),
            route,
            route_reason: route_reason(evidence, findings, target, route),
            extent,
            extent_reason,
            answers: answers(evidence, &target.host),
        }
    };
    evidence.targets.iter().map(view).collect()
}

fn route_reason(evidence: &Evidence, findings: &[Finding], target: &Target, route: Route) -> Text {
    let found = |code: &str| findings.iter().any(|finding| finding.code == code && finding.subject == target.host);
    match route {
        Route::Private if found("RTE002") => {
            text!("private by its address, which cannot be reached from here; fix: see RTE002")
        }
        Route::Private | Route::Public if found("RTE004") && !found("DNS004") => {
            text!(
                "{route} this time: name servers answer with private and with public addresses; fix: see RTE004",
                route = Text::word(route.as_str())
            )
        }
        Route::Private if is_doubtful(evidence, target) => {
            text!("private by its address, as far as its range tells: see RTE006")
        }
        Route::Private => text!("private: traffic stays on Tencent's network and is free of traffic fees"),
        Route::Public => public_reason(evidence, target, &found),
        Route::Mixed => text!("mixed: some addresses are private and some public; fix: see what the findings say"),
        Route::Unknown => text!("unknown: no address tells which network it is in"),
    }
}

/// Whether the range of an address leaves its network in doubt.
fn is_doubtful(evidence: &Evidence, target: &Target) -> bool {
    let views = addresses_of_endpoint(evidence, &target.host);
    views.iter().any(|view| addr::range_of(view.ip).is_some_and(|range| range.doubt.is_some()))
}

fn public_reason(evidence: &Evidence, target: &Target, found: &impl Fn(&str) -> bool) -> Text {
    let vm = metadata(evidence).map(|(_, vm)| vm);
    let place = |region: Option<&str>| region.map_or(text!("another region"), Text::literal);
    let here = place(vm.and_then(|vm| vm.region.as_deref()));
    let there = place(target.region.as_deref());
    if let Some(cause) = cause(evidence, target).filter(|_| found("DNS004")) {
        return text!("public, because {cause}; fix: {fix}", cause = cause.phrase(), fix = cause.fix());
    }
    if found("HST003") {
        return text!("public, because the hosts file says so; fix: remove the endpoint's line from it");
    }
    if found("RTE008") {
        return text!(
            "public, because this machine is in {here}, the endpoint in {there}, and one of them is a finance zone; fix: a bucket of the same zone",
            here,
            there
        );
    }
    if found("RTE001") {
        return text!(
            "public, because this machine is in {here} and the endpoint in {there}; fix: a bucket in {here}, or the private acceleration endpoint",
            here,
            there
        );
    }
    if found("RTE007") {
        return text!(
            "public, because a {role} always is; fix: the default or the private-only endpoint, from the same region",
            role = Text::phrase(target.role.describe())
        );
    }
    if !can_be_private(target) {
        return text!("public");
    }
    match vm {
        Some(vm) if vm.region.is_some() && vm.region == target.region => text!(
            "public, although this machine is in the endpoint's region; fix: look whether Tencent's name servers 183.60.83.19 and 183.60.82.98 answer (`cosprobe dns`), and ask Tencent support"
        ),
        None if is_outside(evidence) => {
            text!("public, as it should be outside Tencent's network: nothing shows that this machine is a Tencent VM")
        }
        _ => text!("public; whether this machine is a Tencent VM of the endpoint's region is not known"),
    }
}

/// Whether it was looked for signs of a Tencent VM, and there are none.
fn is_outside(evidence: &Evidence) -> bool {
    let not_tencent = Outcome::NotRun { because: NotRunReason::NotTencentMachine };
    evidence
        .of_stage(Stage::Host)
        .any(|observation| observation.detail.metadata().is_some() && observation.outcome == not_tencent)
}

/// The members of the control group, closest first, with what it means that one answers and those before it do not.
const CLOSEST: [(ControlKind, Extent); 4] = [
    (ControlKind::ServiceHost, Extent::Bucket),
    (ControlKind::OtherSuffix, Extent::Suffix),
    (ControlKind::Internal, Extent::PublicNames),
    (ControlKind::OtherRegion, Extent::Region),
];

/// How far a fault reaches; `None` without a control group.
fn extent(evidence: &Evidence, target: &Target) -> Option<(Extent, Text)> {
    let controls: Vec<&Control> = evidence.controls.iter().filter(|control| control.of == target.host).collect();
    if controls.is_empty() {
        return None;
    }
    if is_answered(evidence, target) {
        let host = &target.host;
        let reason = if cos_answered(evidence, host) {
            text!("COS answers for {host} itself", host)
        } else {
            text!("somebody answers at {host} itself", host)
        };
        return Some((Extent::Nothing, reason));
    }
    let names = listed(controls.iter().map(|control| control.target.host.as_str()));
    for (kind, extent) in CLOSEST {
        let Some(control) = controls.iter().find(|control| control.kind == kind) else { continue };
        if is_answered(evidence, &control.target) {
            return Some((extent, extent.reason(&control.target.host)));
        }
        if !was_tried(evidence, &control.target.host) {
            return Some((Extent::Unknown, text!("the control group was not tried to its end ({names})", names)));
        }
    }
    let has_other_region = controls.iter().any(|control| control.kind == ControlKind::OtherRegion);
    Some(if has_other_region {
        (Extent::Everything, text!("everything of COS: no answer from {names} either", names))
    } else {
        (Extent::Unknown, text!("no answer from {names} either, and no other region was tried", names))
    })
}

/// Whether an endpoint was tried to the end: what was broken off tells nothing.
fn was_tried(evidence: &Evidence, host: &str) -> bool {
    let own = || evidence.observations.iter().filter(|observation| observation.endpoint.as_deref() == Some(host));
    own().any(Observation::was_run) && !own().any(is_broken_off)
}
