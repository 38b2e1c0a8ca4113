//! Which targets may be asked for: an exporter that connects anywhere is a scanner for whoever reaches it, and a way to services that
//! trust this machine, such as the one that gives it keys.

use super::State;
use super::probing::{Question, address};
use super::setup::Setup;
use crate::target::Target;

/// Why a target may not be asked for; `None`: it may.
pub(super) fn refusal(state: &State, setup: &Setup, question: &Question, target: &Target) -> Option<String> {
    if state.options.allow_any_target || is_configured(setup, &target.host, target) {
        return None;
    }
    // A name beside an address says who is meant; it is the address that is connected to.
    let asked = match (&question.hostname, address(&question.target)) {
        (Some(_), Some((ip, _))) if is_configured(setup, &ip.to_string(), target) => return None,
        (Some(_), _) => &question.target,
        (None, _) if target.role.is_cos_host() => return None,
        (None, _) => &target.host,
    };
    Some(format!(
        "{asked} is no host of COS and no target of the configuration, so it is not probed: put it into [[targets]], \
         or start with --allow-any-target"
    ))
}

/// Whether the file names a host, with all the ports that are asked for.
fn is_configured(setup: &Setup, host: &str, target: &Target) -> bool {
    let names = |(known, ports): &(String, Vec<u16>)| {
        known == host && target.services.iter().all(|service| ports.contains(&service.port))
    };
    setup.hosts.iter().any(names)
}
