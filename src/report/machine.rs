//! How this machine looks names up, and what machine it is, in a few lines.

use super::page::Page;
use crate::evidence::{
    Evidence, Metadata, NotRunReason, Outcome, ResolverConfiguration, Routes, SkippedLine, Stage, Stub,
};

/// Skipped lines that are shown of one file.
const MOST_SKIPPED: usize = 3;

/// Shows what the host stage found out.
pub(super) fn show(page: &mut Page, evidence: &Evidence) {
    page.raw("this machine");
    let of_host = || evidence.of_stage(Stage::Host);
    for observation in of_host() {
        let not_wanted = Outcome::NotRun { because: NotRunReason::NotWanted };
        if let Some(metadata) = observation.detail.metadata().filter(|_| observation.outcome != not_wanted) {
            page.line("  VM           ", &metadata_line(metadata, &observation.outcome));
        }
        if let Some(container) = observation.detail.machine().and_then(|machine| machine.container.as_ref()) {
            page.line("  container    ", container);
        }
    }
    for routes in of_host().filter_map(|observation| observation.detail.routes()) {
        routing_lines(page, routes);
    }
    // Without a look-up that goes by it, the configuration tells nothing.
    let goes_by_it = evidence.of_stage(Stage::Resolve).any(|o| o.detail.system_lookup().is_some());
    let configurations = of_host().filter_map(|observation| observation.detail.resolver_configuration());
    for configuration in configurations.filter(|_| goes_by_it) {
        resolver_lines(page, configuration);
    }
    let mut shown = Vec::new();
    for file in of_host().filter_map(|observation| observation.detail.hosts_file()) {
        if !shown.contains(&&file.path) {
            skipped_lines(page, &file.path, &file.skipped);
            shown.push(&file.path);
        }
    }
    page.blank();
}

fn metadata_line(metadata: &Metadata, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded => {
            let address = match (metadata.public_ipv4, metadata.has_no_public_ipv4) {
                (Some(ip), _) => format!("public address {ip}"),
                (None, true) => "no public address".to_owned(),
                (None, false) => "public address not told".to_owned(),
            };
            let known = [&metadata.instance_id, &metadata.zone, &metadata.vpc_id];
            let known = known.into_iter().flatten().map(String::as_str);
            known.chain([address.as_str()]).collect::<Vec<_>>().join(", ")
        }
        Outcome::NotRun { because: NotRunReason::NotTencentMachine } => {
            "nothing shows that this is a Tencent VM (`--metadata always` asks anyway)".to_owned()
        }
        Outcome::NotRun { because } => format!("not asked: {}", super::page::words(because)),
        Outcome::Failed { kind, .. } => format!("no answer from the metadata service: {}", super::page::words(kind)),
        Outcome::Unknown => "unknown".to_owned(),
    }
}

/// What sends packets elsewhere than the default route does.
fn routing_lines(page: &mut Page, routes: &Routes) {
    for tunnel in routes.interfaces.iter().filter(|interface| interface.is_tunnel && interface.is_up) {
        let addresses = tunnel.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        page.line("  tunnel       ", &format!("{} {addresses}", tunnel.name));
    }
    for rule in &routes.rules {
        page.line("  routing rule ", &format!("{}: {}", rule.priority, rule.text));
    }
    for route in &routes.link_local {
        let way = [("via", route.gateway.map(|ip| ip.to_string())), ("dev", route.interface.clone())];
        let way = way.into_iter().filter_map(|(word, value)| Some(format!(" {word} {}", value?))).collect::<String>();
        page.line("  route        ", &format!("{} {}{way}", route.destination, route.kind.as_str()));
    }
}

fn resolver_lines(page: &mut Page, configuration: &ResolverConfiguration) {
    if !configuration.sources.is_empty() {
        page.line("  order        ", &configuration.sources.join(" "));
    }
    let servers = match configuration.servers.as_slice() {
        [] => "no name server".to_owned(),
        servers => servers.iter().map(|server| server.ip().to_string()).collect::<Vec<_>>().join(" "),
    };
    page.line("  name servers ", &format!("{servers} ({})", configuration.path));
    if !configuration.search.is_empty() {
        let ndots = configuration.ndots.unwrap_or(1);
        let search = configuration.search.join(" ");
        page.line("  search list  ", &format!("{search}; tried first for names with fewer than {ndots} dots"));
    }
    if let Some(stub) = configuration.stub {
        let behind = configuration.behind_stub.iter().map(|server| server.ip().to_string()).collect::<Vec<_>>();
        let behind = if behind.is_empty() { String::new() } else { format!(", which asks {}", behind.join(" ")) };
        page.line("  in between   ", &format!("{}{behind}", stub_word(stub)));
    }
    if configuration.has_nscd {
        page.line("  cache        ", "nscd");
    }
    skipped_lines(page, &configuration.path, &configuration.skipped);
}

const fn stub_word(stub: Stub) -> &'static str {
    match stub {
        Stub::SystemdResolved => "systemd-resolved",
        Stub::Docker => "Docker's name server",
        Stub::NodeLocalDns => "NodeLocal DNSCache",
        Stub::ClusterDns => "the cluster's name server",
        Stub::Loopback => "a name server on this machine",
        Stub::Unknown => "something unknown",
    }
}

fn skipped_lines(page: &mut Page, path: &str, skipped: &[SkippedLine]) {
    for line in skipped.iter().take(MOST_SKIPPED) {
        page.line("  skipped      ", &format!("{path}, line {}: {}", line.line, line.problem));
    }
    let more = skipped.len().saturating_sub(MOST_SKIPPED);
    if more > 0 {
        page.line("  skipped      ", &format!("{path}: {more} or more further lines"));
    }
}
