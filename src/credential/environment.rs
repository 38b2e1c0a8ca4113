//! Two families of variables. Sources: COS SDK samples; Tencent Cloud CLI and Terraform provider.

use super::chain::{Found, State};
use super::parts::{Part, Parts};
use super::{Regions, Surroundings};

/// One family of environment variables.
struct Family {
    id: &'static str,
    key: &'static str,
    tokens: &'static [&'static str],
    region: Option<&'static str>,
}

const COS: Family = Family { id: "COS_SECRET_ID", key: "COS_SECRET_KEY", tokens: &["COS_SESSION_TOKEN"], region: None };
const TENCENTCLOUD: Family = Family {
    id: "TENCENTCLOUD_SECRET_ID",
    key: "TENCENTCLOUD_SECRET_KEY",
    tokens: &["TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN", "TENCENTCLOUD_SESSION_TOKEN"],
    region: Some("TENCENTCLOUD_REGION"),
};

/// `COS_SECRET_ID` and its family.
pub(super) fn cos(around: &dyn Surroundings) -> Found {
    read(&COS, around)
}

/// `TENCENTCLOUD_SECRET_ID` and its family.
pub(super) fn tencentcloud(around: &dyn Surroundings) -> Found {
    read(&TENCENTCLOUD, around)
}

fn read(family: &Family, around: &dyn Surroundings) -> Found {
    let part = |name: &str| Part::new(name, around.variable(name));
    let set = family.tokens.iter().find(|name| around.variable(name).is_some_and(|value| !value.is_empty()));
    let parts = Parts {
        id: part(family.id),
        key: part(family.key),
        token: part(set.unwrap_or(&family.tokens[0])),
        expiry: Part::default(),
    };
    let source = format!("the environment ({} and {})", family.id, family.key);
    Found {
        place: family.id.to_owned(),
        state: match parts.credential(source, around.now()) {
            Ok(key) => State::of(key, "not set"),
            Err(error) => State::Faulty(error),
        },
        regions: Regions::only(family.region.and_then(|name| around.variable(name))),
        warnings: Vec::new(),
    }
}
