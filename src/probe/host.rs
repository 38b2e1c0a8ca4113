//! What this machine's own configuration says: files and variables, the kernel's tables, and where there is one the metadata
//! service.

mod counters;
mod files;
mod lookup;
mod metadata;
mod routing;

use std::fs;
use std::path::Path;

use jiff::Timestamp;

use crate::evidence::{Clock, Detail, Machine, Outcome, ProxyEnvironment, Variable, clean};
use crate::sys;

pub(super) use counters::tcp_counters;
pub(super) use files::{hosts_file, resolver_configuration};
pub(super) use lookup::{address_of, look_up};
pub(super) use metadata::metadata;
pub(super) use routing::{route_to, routes};

/// Characters of a proxy variable that are recorded. The lists of clusters are long, and their last entry counts like the first.
const LONGEST_VARIABLE: usize = 4096;

/// The time of day, how long the machine has been up (proc(5)), and whether something keeps the clock in step.
pub(super) fn clock() -> (Outcome, Detail) {
    let uptime = fs::read_to_string("/proc/uptime").ok();
    let state = sys::clock_state().ok();
    let clock = Clock {
        local_time: Some(Timestamp::now()),
        uptime_seconds: uptime.and_then(|text| text.split(['.', ' ']).next()?.parse().ok()),
        ntp_synchronized: state.map(|state| state.synchronized),
        ntp_estimated_error_us: state.filter(|state| state.synchronized).map(|state| state.estimated_error_us),
    };
    (Outcome::Succeeded, Detail::Clock(clock))
}

/// Vendor and kernel. Tencent's machines say `Tencent Cloud` in DMI.
pub(super) fn machine() -> (Outcome, Detail) {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| clean(&text, 100)).filter(|text| !text.is_empty());
    let vendor = sys::machine_vendor().map(|text| clean(&text, 100)).filter(|text| !text.is_empty());
    let machine = Machine {
        kernel: read("/proc/sys/kernel/osrelease").map(|release| format!("Linux {release}")),
        architecture: Some(std::env::consts::ARCH.to_owned()),
        is_tencent_vm: vendor.as_deref().map(sys::is_tencent),
        vendor,
        container: container(),
        is_pod: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
    };
    (Outcome::Succeeded, Detail::Machine(machine))
}

/// What shows that this is a container: the runtimes' own marks, and the names of control groups.
fn container() -> Option<String> {
    const MARKS: [(&str, &str); 2] = [("/.dockerenv", "Docker"), ("/run/.containerenv", "Podman")];
    const GROUPS: [(&str, &str); 4] =
        [("kubepods", "Kubernetes"), ("docker", "Docker"), ("containerd", "containerd"), ("lxc", "LXC")];
    let mark = MARKS.iter().find(|(path, _)| Path::new(path).exists());
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = || GROUPS.iter().find(|(word, _)| groups.contains(word));
    mark.or_else(group).map(|(_, name)| (*name).to_owned())
}

/// The variables that HTTP libraries read. Passwords inside them are left out.
pub(super) fn proxy_environment() -> (Outcome, Detail) {
    let mut variables: Vec<Variable> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, value)| {
            let name = name.to_ascii_lowercase();
            matches!(name.as_str(), "http_proxy" | "https_proxy" | "all_proxy" | "no_proxy") && !value.is_empty()
        })
        .map(|(name, value)| Variable { name, value: clean(&without_user_info(&value), LONGEST_VARIABLE) })
        .collect();
    variables.sort_by(|a, b| a.name.cmp(&b.name));
    (Outcome::Succeeded, Detail::ProxyEnvironment(ProxyEnvironment { variables }))
}

fn without_user_info(value: &str) -> String {
    let (scheme, rest) = value.split_once("://").map_or(("", value), |(scheme, rest)| (scheme, rest));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_proxy_variables_are_left_out() {
        assert_eq!(without_user_info("http://user:secret@proxy.example:3128"), "http://proxy.example:3128");
        assert_eq!(without_user_info("user:secret@proxy.example:3128"), "proxy.example:3128");
        assert_eq!(without_user_info("localhost,.example"), "localhost,.example");
    }
}
