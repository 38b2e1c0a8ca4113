//! The flags of `check` and `dns` as keys of a module. Which there are is read from clap, so that a new flag is a key at once.

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, Command, FromArgMatches};

use super::super::check::CheckArgs;
use super::super::dns::DnsArgs;
use super::super::values;
use crate::settings::{
    CommandLine, Flag, FlagShape, FlagValue, Mistake, ModuleSettings, ProbeKind, Spot, Takes, hidden,
};

/// Flags that a module cannot have, and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("targets-from", "give targets in [[targets]], or with each request"),
    ("label", "labels stand in [labels], or as labels of a target"),
    ("deadline", "the time of one probe is timeout"),
    ("fail-on", "it stands in the module's policy"),
    ("via-sts", TEMPORARY),
    ("role-arn", TEMPORARY),
    ("session-name", TEMPORARY),
    ("duration", TEMPORARY),
    ("watch-resolution", "a target is probed again on its interval"),
    ("for", "a target is probed again on its interval"),
    ("verbose", SHOWN),
    ("lang", SHOWN),
];
const TEMPORARY: &str = "temporary keys are made for known buckets: name a profile whose key may do no more than HEAD";
const SHOWN: &str = "it is about how a report is shown, and a probe shows none";
/// Keys that have another name than their flag, because a module has something else under that name; a flag without a key has none.
const OTHER_NAMES: &[(&str, Option<&str>)] = &[("timeout", Some("attempt_timeout")), ("policy", None)];

/// What a lean module has, where its keys do not say otherwise: little is sent.
const LEAN: &[(&str, &str)] = &[("count", "1"), ("control", "never"), ("trace", "never"), ("resolver", "system")];

/// The arguments of a module.
#[derive(Debug)]
pub(super) enum Arguments {
    Check(Box<CheckArgs>),
    Dns(Box<DnsArgs>),
}

/// What the command line tells the file.
pub(in crate::cli) fn command_line(modules: Vec<String>) -> CommandLine {
    let shapes = |command: &Command| command.get_arguments().filter_map(shape).collect();
    CommandLine {
        check: shapes(&command(ProbeKind::Check)),
        dns: shapes(&command(ProbeKind::Dns)),
        modules,
        duration: values::positive_duration,
    }
}

/// The command whose flags modules of a kind have. Variables are not read: they would change modules without a trace in the file.
pub(in crate::cli) fn command(kind: ProbeKind) -> Command {
    let bare = Command::new("module").no_binary_name(true).disable_help_flag(true).disable_version_flag(true);
    let command = match kind {
        ProbeKind::Check | ProbeKind::Head | ProbeKind::Connect => CheckArgs::augment_args(bare),
        ProbeKind::Dns => DnsArgs::augment_args(bare),
    };
    command.mut_args(|argument| argument.env(Resettable::Reset))
}

/// A flag as a key; `None` for one that is none, such as the targets.
pub(in crate::cli) fn shape(argument: &Arg) -> Option<FlagShape> {
    let long = argument.get_long()?;
    let is_of_output = argument.get_help_heading() == Some("Output");
    let refusal = REFUSED.iter().find(|(flag, _)| *flag == long).map(|(_, instead)| *instead);
    let refusal = refusal.or(is_of_output.then_some(SHOWN));
    let key = match OTHER_NAMES.iter().find(|(flag, _)| *flag == long) {
        Some((_, key)) => (*key)?.to_owned(),
        None => long.replace('-', "_"),
    };
    let takes = match argument.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse => Takes::Nothing,
        ArgAction::Append => Takes::Many,
        _ => Takes::One,
    };
    Some(FlagShape { key, long: long.to_owned(), takes, refusal })
}

/// Reads the flags of a module as the command line does; each refusal is told with the line of its key.
pub(super) fn arguments(settings: &ModuleSettings, mistakes: &mut Vec<Mistake>) -> Option<Arguments> {
    let alone = settings.flags.iter().flat_map(|flag| {
        let refused = |word: &String| command(settings.kind).try_get_matches_from([word]).err();
        let own = |error: &clap::Error| matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
        words(flag).iter().filter_map(refused).filter(own).map(|e| mistake(&flag.spot, &e)).collect::<Vec<_>>()
    });
    let refused: Vec<Mistake> = alone.collect();
    if !refused.is_empty() {
        mistakes.extend(refused);
        return None;
    }
    match together(settings) {
        Ok(arguments) => Some(arguments),
        Err(error) => {
            let named = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
            let flag = settings.flags.iter().find(|flag| is_of(&named, flag));
            mistakes.push(mistake(flag.map_or(&settings.spot, |flag| &flag.spot), &error));
            None
        }
    }
}

fn together(settings: &ModuleSettings) -> Result<Arguments, clap::Error> {
    let mut all = usual(settings);
    all.extend(settings.flags.iter().flat_map(words));
    let matches = command(settings.kind).try_get_matches_from(all)?;
    Ok(match settings.kind {
        ProbeKind::Check | ProbeKind::Head | ProbeKind::Connect => {
            Arguments::Check(Box::new(CheckArgs::from_arg_matches(&matches)?))
        }
        ProbeKind::Dns => Arguments::Dns(Box::new(DnsArgs::from_arg_matches(&matches)?)),
    })
}

/// The flags that a kind of module has of itself.
fn usual(settings: &ModuleSettings) -> Vec<String> {
    let is_given = |long: &str| is_given(settings, long);
    let lean = LEAN.iter().filter(|(long, _)| !is_given(long)).map(|(long, value)| format!("--{long}={value}"));
    match settings.kind {
        ProbeKind::Check | ProbeKind::Dns => Vec::new(),
        ProbeKind::Head => lean.collect(),
        ProbeKind::Connect => lean.chain((!is_given("anonymous")).then(|| "--anonymous".to_owned())).collect(),
    }
}

/// Whether the module itself has a flag.
pub(super) fn is_given(settings: &ModuleSettings, long: &str) -> bool {
    settings.flags.iter().any(|flag| flag.long == long)
}

fn words(flag: &Flag) -> Vec<String> {
    match &flag.value {
        FlagValue::Switch(on) => on.then(|| format!("--{}", flag.long)).into_iter().collect(),
        FlagValue::Values(values) => values.iter().map(|value| format!("--{}={value}", flag.long)).collect(),
    }
}

/// Whether a message names a flag, as in `--port <N>`.
pub(super) fn is_of(text: &str, flag: &Flag) -> bool {
    let rest = text.strip_prefix("--").and_then(|text| text.strip_prefix(flag.long.as_str()));
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
}

/// What clap refuses, without the value: it may be a secret.
fn mistake(spot: &Spot, error: &clap::Error) -> Mistake {
    let listed = |kind| match error.get(kind) {
        Some(ContextValue::Strings(words)) => words.join(", "),
        Some(ContextValue::String(word)) => word.clone(),
        _ => String::new(),
    };
    let near = listed(ContextKind::SuggestedValue);
    let problem = match (error.kind(), std::error::Error::source(error)) {
        (ErrorKind::ValueValidation, Some(source)) => source.to_string(),
        (ErrorKind::InvalidValue, _) if listed(ContextKind::ValidValue).is_empty() => "it has no value".to_owned(),
        (ErrorKind::InvalidValue, _) => format!("it should be one of {}", listed(ContextKind::ValidValue)),
        (ErrorKind::ArgumentConflict, _) => {
            format!(
                "it cannot stand beside {}",
                listed(ContextKind::PriorArg).trim_start_matches('-').replace('-', "_")
            )
        }
        (kind, _) => kind.to_string(),
    };
    let hint = (!near.is_empty()).then(|| format!("did you mean {near}?"));
    Mistake { spot: spot.clone(), problem: hidden(&problem), hint }
}
