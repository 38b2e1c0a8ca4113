//! How buckets become endpoints: the flags of everything that takes a target.

use clap::Args;

use super::values;
use crate::target::{COS_SUFFIXES, ROLES, TargetDefaults};

/// How buckets become endpoints.
#[derive(Debug, Args)]
pub(super) struct EndpointArgs {
    /// Region of the buckets, such as ap-guangzhou
    #[arg(long, env = "COSPROBE_REGION", value_parser = values::region)]
    region: Option<String>,
    /// Kind of endpoint to build for the buckets
    #[arg(long, value_name = "KIND", env = "COSPROBE_ENDPOINT", value_parser = role_parser())]
    endpoint: Option<String>,
    /// Domain suffix of the endpoints that are built
    #[arg(long, env = "COSPROBE_SUFFIX", default_value = COS_SUFFIXES[0], value_parser = COS_SUFFIXES.to_vec())]
    suffix: String,
}

fn role_parser() -> Vec<&'static str> {
    ROLES.iter().map(|(_, word)| *word).collect()
}

impl EndpointArgs {
    /// What a target that does not say it is taken to be, with some ports.
    pub(super) fn defaults(&self, ports: &[u16]) -> TargetDefaults {
        TargetDefaults {
            region: self.region.clone(),
            role: self.endpoint.as_ref().and_then(|word| ROLES.iter().find(|(_, w)| w == word)).map(|(role, _)| *role),
            suffix: self.suffix.clone(),
            ports: ports.to_vec(),
        }
    }
}
