//! Names, addresses and connects as metrics.

use std::net::IpAddr;

use super::{Of, seconds};
use crate::diagnose::{AddressView, PortView};
use crate::evidence::{Observation, Stage};
use crate::exposition::Family;

impl Of<'_> {
    pub(super) fn network(&self, families: &mut Vec<Family>) {
        families.push(self.one_known(
            "probe_dns_lookup_time_seconds",
            "How long the look-up of the name took, as programs on this machine do it",
            self.lookup_us().map(seconds),
        ));
        let ip = self.used_address();
        let version = ip.map(|ip| if ip.is_ipv4() { 4.0 } else { 6.0 });
        families.push(self.one_known(
            "probe_ip_protocol",
            "IP version of the first address that was connected to",
            version,
        ));
        families.push(self.one_known(
            "probe_ip_addr_hash",
            "Hash of that address, to see that it changes",
            ip.map(|ip| f64::from(fnv_1a(ip))),
        ));
        families.push(self.scopes());
        families.extend(self.connects());
        families.push(self.failure());
    }

    fn addresses(&self) -> impl Iterator<Item = &AddressView> {
        self.report.addresses.iter().filter(|view| view.endpoint == self.target.host)
    }

    fn ports(&self) -> impl Iterator<Item = (IpAddr, &PortView)> {
        self.addresses().flat_map(|view| view.ports.iter().map(|port| (view.ip, port)))
    }

    /// How long the look-up took that a program would have waited for: the system's own, or else the first that was answered.
    fn lookup_us(&self) -> Option<u64> {
        let lookups = || self.observations(Stage::Resolve).filter(|o| o.outcome.is_success());
        let by_system = lookups().find(|o| o.detail.system_lookup().is_some());
        let by_server = || lookups().find(|o| o.detail.dns().is_some_and(|dns| !dns.comparison));
        by_system.or_else(by_server).and_then(Observation::result_us)
    }

    /// The first address that was connected to, or else the first that is known.
    fn used_address(&self) -> Option<IpAddr> {
        let connected = self.ports().find(|(_, port)| port.connected > 0).map(|(ip, _)| ip);
        connected.or_else(|| self.addresses().next().map(|view| view.ip))
    }

    fn scopes(&self) -> Family {
        let mut family = Family::gauge("cosprobe_addresses", "Addresses of the target by the network that they are in");
        let mut counts = std::collections::BTreeMap::<&str, u32>::new();
        for view in self.addresses() {
            *counts.entry(view.scope.as_str()).or_default() += 1;
        }
        for (scope, count) in counts {
            family.add(self.with([("scope", scope.to_owned())]), f64::from(count));
        }
        family
    }

    /// What the connects to each address and port came to.
    fn connects(&self) -> [Family; 5] {
        let mut time =
            Family::gauge("probe_tcp_connect_seconds", "Median time of the connects by the process's own clock");
        let mut rtt = Family::gauge("probe_tcp_kernel_rtt_seconds", "Median time from SYN to SYN-ACK by the kernel");
        let mut retransmits = Family::gauge("probe_tcp_syn_retransmits", "Connects whose SYN had to be sent again");
        let mut attempts = Family::gauge("probe_tcp_connects", "Connects that were begun and ended");
        let mut failed = Family::gauge("probe_tcp_connects_failed", "Connects that failed");
        for (ip, port) in self.ports() {
            let labels = self.with([("ip", ip.to_string()), ("port", port.port.to_string())]);
            time.add_known(&labels, port.connect_us.as_ref().map(|spread| seconds(spread.median)));
            rtt.add_known(&labels, port.kernel_rtt_us.as_ref().map(|spread| seconds(spread.median)));
            retransmits.add(labels.clone(), f64::from(port.with_syn_retransmits));
            attempts.add(labels.clone(), f64::from(port.attempts));
            failed.add(labels, f64::from(port.attempts.saturating_sub(port.connected)));
        }
        [time, rtt, retransmits, attempts, failed]
    }

    /// The first thing that failed, in one word each for where and why.
    fn failure(&self) -> Family {
        let mut family = Family::gauge("probe_failure_info", "The first step that failed: its stage, and the reason");
        let is_own = |o: &&Observation| o.endpoint.as_ref() == Some(&self.target.host);
        let is_compared = |o: &&Observation| o.detail.dns().is_some_and(|dns| dns.comparison);
        // A name with addresses of one family only is no failure.
        let is_resolved = self.addresses().next().is_some();
        let is_excused = |o: &&Observation| o.stage == Stage::Resolve && is_resolved;
        let mut own = self.report.evidence.iter().filter(is_own).filter(|o| !is_compared(o) && !is_excused(o));
        if let Some((stage, reason)) = own.find_map(|o| Some((o.stage, o.outcome.failure()?))) {
            family.add(self.with([("stage", stage.as_str().to_owned()), ("reason", reason.as_str().to_owned())]), 1.0);
        }
        family
    }
}

/// FNV-1a of the bytes of an address, 32 bits: what `blackbox_exporter` writes under the same name.
fn fnv_1a(ip: IpAddr) -> u32 {
    let bytes = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    bytes.into_iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hashed_with_fnv_1a() {
        // By hand: the offset basis, then xor and multiplication for each byte.
        assert_eq!(fnv_1a("0.0.0.0".parse().unwrap()), 0x4b95_f515);
        assert_ne!(fnv_1a("127.0.0.1".parse().unwrap()), fnv_1a("::1".parse().unwrap()));
    }
}
