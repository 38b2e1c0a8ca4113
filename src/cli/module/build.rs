//! From what a file says to modules and targets.

use std::collections::BTreeMap;
use std::path::Path;

use super::flags::{Arguments, arguments, command_line, is_given, is_of};
use super::key::Keys;
use super::{Module, Scheduled};
use crate::cli::values;
use crate::config::{Config, Policy, When};
use crate::diagnose::Severity;
use crate::error::Error;
use crate::evidence::Stage;
use crate::settings::{FlagValue, Mistake, ModuleSettings, ProbeKind, Settings, Spot, TargetSettings, hidden, read};

/// The modules that are there without a file.
pub(super) const BUILT_IN: &str = include_str!("built_in.toml");
/// What is observed for a connect. The flags that make a small probe of it are in `flags.rs`.
const CONNECT: [Stage; 4] = [Stage::Host, Stage::Resolve, Stage::Route, Stage::Connect];
/// What is observed for requests.
const HEAD: [Stage; 6] =
    [Stage::Host, Stage::Resolve, Stage::Route, Stage::Connect, Stage::TlsHandshake, Stage::HttpRoundTrip];
/// The same for a target that is an address: no name is looked up, and what this machine says of names and routes is not read for each of
/// thousands of probes.
const CONNECT_TO_ADDRESS: [Stage; 1] = [Stage::Connect];
const HEAD_OF_ADDRESS: [Stage; 3] = [Stage::Connect, Stage::TlsHandshake, Stage::HttpRoundTrip];
/// A region for a target whose own is to come from a key that was not looked for yet.
const STAND_IN: &str = "ap-guangzhou";

/// Modules that were not asked to look for a key yet.
pub(super) struct Built {
    pub(super) modules: BTreeMap<String, Module>,
    pub(super) settings: Settings,
    pub(super) keys: Keys,
}

/// The modules of a file beside those that are built in.
///
/// # Errors
/// Everything that is wrong with the file, in the order of its lines.
pub(super) fn built(text: &str) -> Result<Built, Vec<Mistake>> {
    let (mut settings, mut mistakes) = read(BUILT_IN, &command_line(Vec::new()));
    let built_in = settings.modules.keys().cloned().collect();
    let (own, wrong) = read(text, &command_line(built_in));
    mistakes.extend(wrong);
    settings.modules.extend(own.modules);
    let mut keys = Keys::default();
    let mut modules = BTreeMap::new();
    for (name, settings) in &settings.modules {
        let module = module(name, settings, &mut keys, &mut mistakes);
        modules.extend(module.map(|module| (name.clone(), module)));
    }
    let settings = Settings { labels: own.labels, targets: own.targets, ..settings };
    mistakes.extend(scheduled(&modules, &settings.targets, Some(STAND_IN)).1);
    mistakes.sort();
    if mistakes.is_empty() { Ok(Built { modules, settings, keys }) } else { Err(mistakes) }
}

/// One module; `None` when something is wrong with it, which is told.
fn module(name: &str, settings: &ModuleSettings, keys: &mut Keys, mistakes: &mut Vec<Mistake>) -> Option<Module> {
    let ca_file = readable_ca_file(settings).map_err(|mistake| mistakes.push(mistake));
    let arguments = arguments(settings, mistakes)?;
    let of_flag = |error: Error| {
        let problem = hidden(&error.to_string());
        let flag = settings.flags.iter().find(|flag| is_of(&problem, flag));
        Mistake { spot: flag.map_or(&settings.spot, |flag| &flag.spot).clone(), problem, hint: None }
    };
    let template = template(&arguments, settings).map_err(|error| mistakes.push(of_flag(error))).ok()?;
    let key = match &arguments {
        Arguments::Check(arguments) => Some(keys.of(&arguments.key, ca_file.ok()?)),
        Arguments::Dns(_) => None,
    };
    let is_anonymous = template.signing.anonymous_only;
    Some(Module {
        name: name.to_owned(),
        kind: settings.kind,
        timeout: settings.timeout,
        fail_on: settings.policy.fail_on.unwrap_or(Severity::Error),
        valid_status_codes: settings.valid_status_codes.clone(),
        maintenance: settings.policy.maintenance.clone(),
        slo: settings.policy.slo,
        signed: settings.kind == ProbeKind::Head && !is_anonymous,
        arguments,
        template,
        key,
    })
}

/// The stages of a probe of an address, where they are fewer than the module's.
pub(super) fn stages_for_address(kind: ProbeKind) -> Option<&'static [Stage]> {
    match kind {
        ProbeKind::Connect => Some(&CONNECT_TO_ADDRESS),
        ProbeKind::Head => Some(&HEAD_OF_ADDRESS),
        ProbeKind::Check | ProbeKind::Dns => None,
    }
}

/// The configuration without targets and key.
fn template(arguments: &Arguments, settings: &ModuleSettings) -> Result<Config, Error> {
    let policy = settings.policy.over(&Policy::default());
    let mut config = match arguments {
        Arguments::Check(arguments) => arguments.template(&policy)?,
        Arguments::Dns(arguments) => arguments.template(&policy)?,
    };
    config.stages = match settings.kind {
        ProbeKind::Check | ProbeKind::Dns => return Ok(config),
        ProbeKind::Head => &HEAD,
        ProbeKind::Connect => &CONNECT,
    };
    // The flag would keep the key of the machine's role from being looked for as well.
    if !is_given(settings, "metadata") {
        config.metadata.when = When::Never;
    }
    Ok(config)
}

/// The file of `cacert`, which can be used.
fn readable_ca_file(settings: &ModuleSettings) -> Result<Option<&Path>, Mistake> {
    let Some(flag) = settings.flags.iter().find(|flag| flag.long == "cacert") else { return Ok(None) };
    let FlagValue::Values(values) = &flag.value else { return Ok(None) };
    let Some(path) = values.first().map(Path::new) else { return Ok(None) };
    let wrong = |error: Error| Mistake { spot: flag.spot.clone(), problem: hidden(&error.to_string()), hint: None };
    crate::probe::read_ca_file(path).map(|_| Some(path)).map_err(wrong)
}

/// The targets of a file with what is wrong with them. `otherwise` is the region where neither target nor module has one.
pub(super) fn scheduled(
    modules: &BTreeMap<String, Module>,
    targets: &[TargetSettings],
    otherwise: Option<&str>,
) -> (Vec<Scheduled>, Vec<Mistake>) {
    let (mut found, mut mistakes) = (Vec::new(), Vec::new());
    for settings in targets {
        let mut wrong = |spot: &Spot, problem: &str| {
            mistakes.push(Mistake { spot: spot.clone(), problem: hidden(problem), hint: None });
        };
        // What is wrong with the module was told.
        let Some(module) = modules.get(&settings.module) else { continue };
        let region = match settings.region.as_ref().map(|(text, spot)| (values::region(text), spot)) {
            None => None,
            Some((Ok(region), _)) => Some(region),
            Some((Err(problem), spot)) => {
                wrong(spot, &problem);
                continue;
            }
        };
        let given = region.clone().or_else(|| module.region().or(otherwise.map(str::to_owned)));
        let (target, spot) = &settings.target;
        // Where a key cannot be had, the regions that it would name are not known either; that is told elsewhere.
        match module.key().map(|mut key| module.target(target, given.as_deref(), &mut key)) {
            Ok(Err(error)) => wrong(spot, &error.to_string()),
            Ok(Ok(_)) | Err(_) => found.push(Scheduled {
                target: target.clone(),
                module: settings.module.clone(),
                interval: settings.interval,
                labels: settings.labels.clone(),
                region,
            }),
        }
    }
    (found, mistakes)
}
