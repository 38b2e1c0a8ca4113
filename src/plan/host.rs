//! What is found out about this machine, once, and about each endpoint's name in its files.

use super::{Action, Step, names};
use crate::config::{Config, When};
use crate::evidence::{Detail, Evidence, Metadata, NotRunReason, Observation, Stage};

/// The steps about the machine, those about names, and then what shows to be worth asking.
pub(super) fn steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let mut steps = Vec::new();
    if evidence.of_stage(Stage::Host).next().is_none() {
        steps.extend(machine_steps());
    } else {
        steps.extend(metadata_step(config, evidence));
    }
    let is_new = |host: &str| evidence.of_endpoint(Stage::Host, host).next().is_none();
    steps.extend(names(config).filter(|target| is_new(&target.host)).map(|target| {
        let action = Action::ReadHostsFile { name: target.host.clone() };
        Step { parent: None, stage: Stage::Host, endpoint: Some(target.host.clone()), peer: None, action }
    }));
    steps
}

fn of_machine(action: Action) -> Step {
    Step { parent: None, stage: Stage::Host, endpoint: None, peer: None, action }
}

fn machine_steps() -> impl Iterator<Item = Step> {
    [
        Action::ReadClock,
        Action::InspectMachine,
        Action::InspectRoutes,
        Action::InspectProxyEnvironment,
        Action::ReadResolverConfiguration,
        Action::RecordKey,
    ]
    .into_iter()
    .map(of_machine)
}

/// The metadata service is asked where something shows that it is there: elsewhere its address is anybody's.
fn metadata_step(config: &Config, evidence: &Evidence) -> Option<Step> {
    let of_host = || evidence.of_stage(Stage::Host);
    if of_host().any(|observation| observation.detail.metadata().is_some()) {
        return None;
    }
    let skip = |because| of_machine(Action::Skip { because, detail: Detail::Metadata(Metadata::default()) });
    let step = Step { peer: Some(config.metadata.address), ..of_machine(Action::AskMetadata) };
    Some(match config.metadata.when {
        When::Always => step,
        When::Auto if of_host().any(|observation| looks_like_tencent(observation, config)) => step,
        When::Auto => skip(NotRunReason::NotTencentMachine),
        When::Never => skip(NotRunReason::NotWanted),
    })
}

/// Whether DMI says so, or a route leads to the link-local network where the metadata service is.
fn looks_like_tencent(observation: &Observation, config: &Config) -> bool {
    let by_maker = observation.detail.machine().is_some_and(|machine| machine.is_tencent_vm == Some(true));
    let leads_there = |routes: &crate::evidence::Routes| {
        routes.link_local.iter().any(|route| route.destination.contains(&config.metadata.address.ip()))
    };
    by_maker || observation.detail.routes().is_some_and(leads_there)
}
