//! Which region is near: the regions in the order of what was measured to their service hosts.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::view::{self, AddressView, PortView};
use crate::addr::AddressScope;
use crate::evidence::{Evidence, NotRunReason, Outcome, Stage};
use crate::latency::Spread;

/// What was measured to one region's service host.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RegionView {
    /// The region, as the target names it.
    #[serde(skip)]
    pub region: String,
    /// How the connects ended, or why there were none.
    pub outcome: Outcome,
    /// The nearest address that could be reached, or the first one.
    pub ip: Option<IpAddr>,
    /// The network it belongs to.
    pub scope: Option<AddressScope>,
    /// Connects that were begun and ended.
    pub attempts: u32,
    /// Connects that succeeded.
    pub connected: u32,
    /// Connects whose SYN had to be sent again.
    pub with_syn_retransmits: u32,
    /// SYN to SYN-ACK by the kernel, over the connects where it is valid.
    pub kernel_rtt_us: Option<Spread>,
    /// Time of the successful connects by the process's own clock, those with lost SYNs left out.
    pub connect_us: Option<Spread>,
}

impl RegionView {
    /// The figure that regions are compared by: the kernel's, and where it has none the process's.
    pub fn rtt_us(&self) -> Option<Spread> {
        self.kernel_rtt_us.or(self.connect_us)
    }
}

/// One row for each target of the evidence: the nearest region first, those that could not be reached last.
pub fn rank(evidence: &Evidence) -> Vec<RegionView> {
    let addresses = view::addresses(evidence);
    let of_target = |target: &crate::target::Target| {
        let region = target.region.clone().unwrap_or_default();
        let ports = addresses.iter().filter(|view| view.endpoint == target.host);
        let ports = ports.flat_map(|view| view.ports.iter().map(move |port| (view, port)));
        match ports.min_by_key(|(_, port)| distance(port.connected, port.kernel_rtt_us.or(port.connect_us))) {
            Some((address, port)) => RegionView::new(region, address, port),
            None => RegionView::without_address(region, why_no_address(evidence, &target.host)),
        }
    };
    let mut rows: Vec<RegionView> = evidence.targets.iter().map(of_target).collect();
    rows.sort_by_key(|row| distance(row.connected, row.rtt_us()));
    rows
}

/// Reached before not reached; among those reached, what has a figure by its median.
fn distance(connected: u32, rtt: Option<Spread>) -> (bool, u64) {
    (connected == 0, rtt.map_or(u64::MAX, |rtt| rtt.median))
}

/// The first look-up that failed, or that was not made.
fn why_no_address(evidence: &Evidence, host: &str) -> Outcome {
    let unsuccessful = evidence.own_lookups(host).map(|observation| &observation.outcome);
    let skipped = evidence.of_endpoint(Stage::Connect, host).map(|observation| &observation.outcome);
    let first = unsuccessful.chain(skipped).find(|outcome| !outcome.is_success());
    first.cloned().unwrap_or(Outcome::NotRun { because: NotRunReason::NoAddress })
}

impl RegionView {
    fn new(region: String, address: &AddressView, port: &PortView) -> Self {
        Self {
            region,
            outcome: port.outcome.clone(),
            ip: Some(address.ip),
            scope: Some(address.scope),
            attempts: port.attempts,
            connected: port.connected,
            with_syn_retransmits: port.with_syn_retransmits,
            kernel_rtt_us: port.kernel_rtt_us,
            connect_us: port.connect_us,
        }
    }

    const fn without_address(region: String, outcome: Outcome) -> Self {
        Self {
            region,
            outcome,
            ip: None,
            scope: None,
            attempts: 0,
            connected: 0,
            with_syn_retransmits: 0,
            kernel_rtt_us: None,
            connect_us: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn connect(host: &str, ip: &str, rtts_us: &[u64]) -> Value {
        let samples: Vec<Value> = match rtts_us {
            [] => vec![json!({"outcome": {"status": "failed", "kind": "connect_timeout"}})],
            rtts => rtts
                .iter()
                .map(|rtt| json!({"outcome": {"status": "succeeded"}, "elapsed_us": rtt + 50, "kernel_rtt_us": rtt}))
                .collect(),
        };
        json!({"stage": "connect", "endpoint": host, "peer": format!("{ip}:443"),
            "outcome": samples[0]["outcome"], "detail": {"type": "tcp", "samples": samples}})
    }

    fn evidence(regions: &[&str], observations: Vec<Value>) -> Evidence {
        let host = |region: &str| format!("cos.{region}.myqcloud.com");
        let targets: Vec<Value> =
            regions.iter().map(|region| json!({"host": host(region), "region": region})).collect();
        let numbered = observations.into_iter().enumerate().map(|(index, mut observation)| {
            observation["id"] = json!(index + 1);
            observation
        });
        let numbered: Vec<Value> = numbered.collect();
        serde_json::from_value(json!({"targets": targets, "evidence": numbered})).unwrap()
    }

    #[test]
    fn the_nearest_comes_first_by_its_median_and_failures_last() {
        let [far, near, dead, unknown] = ["eu-frankfurt", "ap-tokyo", "ap-seoul", "eu-moscow"];
        let host = |region: &str| format!("cos.{region}.myqcloud.com");
        let no_name = json!({"stage": "resolve", "endpoint": host(unknown),
            "outcome": {"status": "failed", "kind": "name_not_found"},
            "detail": {"type": "dns", "name": host(unknown), "record_type": "A", "transport": "udp"}});
        let evidence = evidence(
            &[unknown, dead, far, near],
            vec![
                no_name,
                connect(&host(dead), "203.0.113.1", &[]),
                connect(&host(far), "203.0.113.2", &[500, 200_000, 201_000]),
                connect(&host(near), "203.0.113.3", &[]),
                connect(&host(near), "203.0.113.4", &[40_000, 90_000, 41_000]),
                connect(&host(near), "169.254.0.47", &[1_000, 900, 300_000]),
            ],
        );
        let rows = rank(&evidence);
        let order: Vec<&str> = rows.iter().map(|row| row.region.as_str()).collect();
        assert_eq!(order, [near, far, unknown, dead]);
        assert_eq!(rows[0].ip, Some([169, 254, 0, 47].into()), "the nearest address counts");
        assert_eq!((rows[0].scope, rows[0].connected), (Some(AddressScope::Private), 3));
        assert_eq!(rows[0].rtt_us().map(|rtt| (rtt.min, rtt.median, rtt.max)), Some((900, 1_000, 300_000)));
        assert_eq!(rows[2].outcome, Outcome::failed(crate::evidence::FailureKind::NameNotFound));
        assert_eq!((rows[3].attempts, rows[3].connected, rows[3].rtt_us()), (1, 0, None));
    }
}
