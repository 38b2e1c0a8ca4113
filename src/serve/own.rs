//! What the service tells of itself.

use std::sync::atomic::{AtomicU64, Ordering};

use super::State;
use crate::exposition::{Family, Kind, count_value};

/// A count since the service began.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn value(&self) -> f64 {
        count_value(self.0.load(Ordering::Relaxed))
    }
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    succeeded: Count,
    failed: Count,
    pub(super) unknown_modules: Count,
    pub(super) refused_targets: Count,
    pub(super) refused_probes: Count,
    pub(super) refused_connections: Count,
    pub(super) refused_passwords: Count,
    pub(super) failed_handshakes: Count,
}

impl Counts {
    pub(super) fn probed(&self, success: bool) {
        if success { self.succeeded.add() } else { self.failed.add() }
    }
}

/// The metrics of the service itself.
pub(super) fn families(state: &State) -> Vec<Family> {
    let reload = state.setups.last_reload();
    let since = reload.succeeded_at.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64();
    let mut build = Family::gauge("cosprobe_build_info", "The version of this program");
    build.add(vec![("version".into(), env!("CARGO_PKG_VERSION").to_owned())], 1.0);
    let mut taken = Family::new("cosprobe_probes", "Probes that were taken, by whether they succeeded", Kind::Counter);
    for (success, count) in [("true", &state.counts.succeeded), ("false", &state.counts.failed)] {
        taken.add(vec![("success".into(), success.to_owned())], count.value());
    }
    let counted = |name, help, count: &Count| {
        let mut family = Family::new(name, help, Kind::Counter);
        family.add(Vec::new(), count.value());
        family
    };
    let gauge = |name, help, value| {
        let mut family = Family::gauge(name, help);
        family.add(Vec::new(), value);
        family
    };
    let mut families = vec![
        build,
        gauge(
            "cosprobe_config_last_reload_successful",
            "Whether the last reading of the configuration was successful",
            f64::from(reload.was_successful),
        ),
        gauge(
            "cosprobe_config_last_reload_success_timestamp_seconds",
            "When the configuration in use was read, in Unix time",
            since,
        ),
        taken,
        gauge(
            "cosprobe_probes_under_way",
            "Probes that are being taken",
            count_value(state.sharing.under_way() as u64),
        ),
        counted("cosprobe_unknown_modules", "Requests for a module that does not exist", &state.counts.unknown_modules),
        counted(
            "cosprobe_refused_targets",
            "Requests for a target that may not be asked for",
            &state.counts.refused_targets,
        ),
        counted(
            "cosprobe_refused_probes",
            "Requests that were refused because too many probes were under way",
            &state.counts.refused_probes,
        ),
        counted(
            "cosprobe_refused_connections",
            "Connections that were closed because there were too many",
            &state.counts.refused_connections,
        ),
        counted(
            "cosprobe_refused_passwords",
            "Requests without a name and password that are right",
            &state.counts.refused_passwords,
        ),
        counted(
            "cosprobe_failed_handshakes",
            "TLS handshakes with clients that failed",
            &state.counts.failed_handshakes,
        ),
    ];
    families.extend(state.webs.was_successful().map(|was_successful| {
        gauge(
            "cosprobe_web_config_last_reload_successful",
            "Whether the last reading of the web configuration and its files was successful",
            f64::from(was_successful),
        )
    }));
    families.extend(process(gauge));
    families
}

/// What Linux tells of this process, under the names that client libraries use; what it does not tell is left out.
fn process(gauge: impl Fn(&'static str, &'static str, f64) -> Family) -> Vec<Family> {
    let mut families = Vec::new();
    if let Some(bytes) = resident_bytes() {
        families.push(gauge("process_resident_memory_bytes", "Memory that is resident", bytes));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // The descriptor of the listing itself is one of them.
        families.push(gauge(
            "process_open_fds",
            "Open file descriptors",
            count_value(open.count().saturating_sub(1) as u64),
        ));
    }
    families
}

fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib * 1024.0)
}
