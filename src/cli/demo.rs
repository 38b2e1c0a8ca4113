//! `demo`: a check of the embedded lab, through the seams that users have.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::check::Job;
use super::key::signing;
use crate::config::{
    Canary, CanaryMethod, Config, Family, Limits, MetadataService, NameServer, NameServers, Policy, Questions,
    SystemFiles, Trust, When,
};
use crate::credential::Credential;
use crate::error::{Error, usage};
use crate::evidence::{DnsTransport, ServerOrigin, Stage};
use crate::lab::{self, Lab, SCENARIOS, Scenario};
use crate::sys::Egress;
use crate::target::{Target, TargetDefaults};

/// The list of scenarios.
pub fn demo_list() -> String {
    let shown = || SCENARIOS.iter().filter(|scenario| !scenario.hidden);
    let widest = shown().map(|scenario| scenario.name.len()).max().unwrap_or_default();
    let lines: Vec<String> = shown().map(|row| format!("{:widest$}  {}", row.name, row.summary)).collect();
    lines.join("\n") + "\n"
}

/// The scenario with a name.
///
/// # Errors
/// When there is none; names that look alike are told.
pub fn demo_scenario(name: &str) -> Result<&'static Scenario, Error> {
    if let Some(scenario) = lab::find(name) {
        return Ok(scenario);
    }
    let distance = |scenario: &&Scenario| strsim::damerau_levenshtein(name, scenario.name);
    let near = SCENARIOS.iter().filter(|scenario| !scenario.hidden).min_by_key(distance).filter(|s| distance(s) <= 4);
    let hint = near.map_or_else(String::new, |scenario| format!("; did you mean {}?", scenario.name));
    usage(format!("there is no scenario '{name}'{hint} `cosprobe demo --list` shows all"))
}

/// The check of a running lab.
///
/// # Errors
/// When the lab's own target is refused, which is a defect.
pub fn demo_job(scenario: &Scenario, lab: &Lab) -> Result<Job, Error> {
    let credential = lab.key().map(|key| Credential {
        secret_id: key.secret_id.to_owned(),
        secret_key: SecretString::from(key.secret_key.to_owned()),
        token: key.token.map(|token| SecretString::from(token.to_owned())),
        expires_at: None,
        source: "the demo's fake key".to_owned(),
    });
    let resolver = NameServer::plain(lab.resolver(), DnsTransport::Udp, ServerOrigin::Given);
    let others = lab.other_resolvers().map(|(other, address)| {
        let origin = if other.is_vpc { ServerOrigin::TencentVpc } else { ServerOrigin::Dnspod };
        NameServer::plain(address, DnsTransport::Udp, origin)
    });
    let config = Config {
        targets: vec![Target::parse(lab.target(), &TargetDefaults::default())?],
        limits: Limits::default(),
        family: Family::Both,
        name_servers: NameServers { extra: vec![resolver], comparison: others.collect(), ..NameServers::default() },
        questions: Questions::default(),
        files: SystemFiles { hosts: lab.hosts_file().to_owned(), ..SystemFiles::default() },
        metadata: match lab.metadata() {
            None => MetadataService { when: When::Never, ..MetadataService::default() },
            Some((address, path)) => {
                let (host, path) = (address.to_string(), path.to_owned());
                MetadataService { when: When::Always, address, host, path }
            }
        },
        control: When::Auto,
        egress: Egress::default(),
        connect_to: lab.connect_to().to_vec(),
        trust: Trust { ca_file: Some(lab.ca_file().to_owned()) },
        signing: signing(credential.as_ref(), &[]),
        search_regions: true,
        canary: scenario.canary.map(|key| Canary { key: key.to_owned(), by: CanaryMethod::Put }),
        trace: None,
        trace_in_check: When::Auto,
        retry_ports: true,
        stages: &Stage::ALL,
        policy: Policy::default(),
    };
    let labels = BTreeMap::from([("demo".to_owned(), scenario.name.to_owned())]);
    Ok(Job { config, credential, searched: Vec::new(), notes: Vec::new(), labels })
}
