//! How this machine looks names up, and what machine it is, in a few lines.

use std::net::SocketAddr;

use super::page::Page;
use crate::evidence::{
    Evidence, Metadata, NotRunReason, Outcome, ResolverConfiguration, Routes, SkippedLine, Stage, Stub,
};
use crate::text;
use crate::text::Text;

/// Skipped lines that are shown of one file.
const MOST_SKIPPED: usize = 3;

/// Shows what the host stage found out.
pub(super) fn show(page: &mut Page, evidence: &Evidence) {
    page.tell(&text!("this machine"));
    let of_host = || evidence.of_stage(Stage::Host);
    for observation in of_host() {
        let not_wanted = Outcome::NotRun { because: NotRunReason::NotWanted };
        if let Some(metadata) = observation.detail.metadata().filter(|_| observation.outcome != not_wanted) {
            page.field(&text!("VM"), &metadata_line(metadata, &observation.outcome));
        }
        if let Some(container) = observation.detail.machine().and_then(|machine| machine.container.as_ref()) {
            page.field(&text!("container"), &Text::literal(container));
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

pub(super) fn metadata_line(metadata: &Metadata, outcome: &Outcome) -> Text {
    match outcome {
        Outcome::Succeeded => {
            let address = match (metadata.public_ipv4, metadata.has_no_public_ipv4) {
                (Some(ip), _) => text!("public address {ip}", ip),
                (None, true) => text!("no public address"),
                (None, false) => text!("public address not told"),
            };
            let known = [&metadata.instance_id, &metadata.zone, &metadata.vpc_id];
            Text::list(known.into_iter().flatten().map(Text::literal).chain([address]))
        }
        Outcome::NotRun { because: NotRunReason::NotTencentMachine } => {
            text!("nothing shows that this is a Tencent VM (`--metadata always` asks anyway)")
        }
        Outcome::NotRun { because } => text!("not asked: {because}", because = Text::word(because)),
        Outcome::Failed { kind, .. } => {
            text!("no answer from the metadata service: {kind}", kind = Text::word(kind))
        }
        Outcome::Unknown => text!("unknown"),
    }
}

/// What sends packets elsewhere than the default route does.
fn routing_lines(page: &mut Page, routes: &Routes) {
    for tunnel in routes.interfaces.iter().filter(|interface| interface.is_tunnel && interface.is_up) {
        let addresses = tunnel.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        page.field(&text!("tunnel"), &Text::literal(format!("{} {addresses}", tunnel.name)));
    }
    for rule in &routes.rules {
        page.field(&text!("routing rule"), &Text::literal(format!("{}: {}", rule.priority, rule.text)));
    }
    for route in &routes.link_local {
        let way = [("via", route.gateway.map(|ip| ip.to_string())), ("dev", route.interface.clone())];
        let way = way.into_iter().filter_map(|(word, value)| Some(format!(" {word} {}", value?))).collect::<String>();
        page.field(&text!("route"), &Text::literal(format!("{} {}{way}", route.destination, route.kind.as_str())));
    }
}

fn resolver_lines(page: &mut Page, configuration: &ResolverConfiguration) {
    if !configuration.sources.is_empty() {
        page.field(&text!("order"), &Text::literal(configuration.sources.join(" ")));
    }
    let servers = match configuration.servers.as_slice() {
        [] => text!("no name server"),
        servers => Text::literal(addresses(servers)),
    };
    page.field(&text!("name servers"), &text!("{servers} ({path})", servers, path = &configuration.path));
    if !configuration.search.is_empty() {
        let ndots = configuration.ndots.unwrap_or(1);
        let search = configuration.search.join(" ");
        let told = text!("{search}; tried first for names with fewer than {ndots} dots", search, ndots);
        page.field(&text!("search list"), &told);
    }
    if let Some(stub) = configuration.stub {
        let behind = addresses(&configuration.behind_stub);
        let behind = (!behind.is_empty()).then(|| text!(", which asks {behind}", behind));
        page.field(&text!("in between"), &text!("{stub}{behind}", stub = stub_word(stub), behind));
    }
    if configuration.has_nscd {
        page.field(&text!("cache"), &Text::literal("nscd"));
    }
    skipped_lines(page, &configuration.path, &configuration.skipped);
}

/// Addresses without their ports, with blanks between them.
fn addresses(servers: &[SocketAddr]) -> String {
    servers.iter().map(|server| server.ip().to_string()).collect::<Vec<_>>().join(" ")
}

const fn stub_word(stub: Stub) -> Text {
    match stub {
        Stub::SystemdResolved => text!("systemd-resolved"),
        Stub::Docker => text!("Docker's name server"),
        Stub::NodeLocalDns => text!("NodeLocal DNSCache"),
        Stub::ClusterDns => text!("the cluster's name server"),
        Stub::Loopback => text!("a name server on this machine"),
        Stub::Unknown => text!("something unknown"),
    }
}

fn skipped_lines(page: &mut Page, path: &str, skipped: &[SkippedLine]) {
    for line in skipped.iter().take(MOST_SKIPPED) {
        let (number, problem) = (line.line, Text::phrase(&line.problem));
        page.field(&text!("skipped"), &text!("{path}, line {number}: {problem}", path, number, problem));
    }
    let more = skipped.len().saturating_sub(MOST_SKIPPED);
    if more > 0 {
        page.field(&text!("skipped"), &text!("{path}: {more} or more further lines", path, more));
    }
}
