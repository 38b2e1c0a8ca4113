//! Keys that only the network can give: TKE web identity and the role of a CVM.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::chain::{Found, State, Wishes};
use super::parts::checked;
use super::{Grant, Regions, Surroundings, WebIdentity};
use crate::error::{Error, usage};

/// The variables that TKE sets in a pod. Source: tencentcloud-sdk-python `common/credential.py`.
const PROVIDER: &str = "TKE_PROVIDER_ID";
const ROLE: &str = "TKE_ROLE_ARN";
const TOKEN_FILE: &str = "TKE_WEB_IDENTITY_TOKEN_FILE";
const REGION: &str = "TKE_REGION";

/// What a TKE cluster tells this pod; `None` when this is none.
///
/// # Errors
/// When a variable is missing, or the file with the token cannot be read.
pub fn web_identity(around: &dyn Surroundings) -> Result<Option<WebIdentity>, Error> {
    let read = |name: &str| around.variable(name).filter(|value| !value.is_empty());
    let values = [PROVIDER, ROLE, TOKEN_FILE].map(read);
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    let [Some(provider_id), Some(role_arn), Some(file)] = values else {
        let unset: Vec<&str> = [PROVIDER, ROLE, TOKEN_FILE].into_iter().filter(|name| read(name).is_none()).collect();
        return usage(format!(
            "the web identity of TKE is half set, {} is not: set it or unset all",
            unset.join(" and ")
        ));
    };
    let path = PathBuf::from(file);
    let read_failed = |source| Error::Read { what: "the web identity token", path: path.clone(), source };
    let text = around.file(&path).map_err(read_failed)?.text;
    // Kubernetes writes the token without a line end, people and other tools with one.
    let token = checked(&format!("the token in {}", path.display()), text.expose_secret().trim().to_owned())?;
    if token.is_empty() {
        return usage(format!(
            "the web identity token {} is empty: TKE writes it anew, wait or restart the pod",
            path.display()
        ));
    }
    let token = SecretString::from(token);
    Ok(Some(WebIdentity { provider_id, role_arn, token, region: read(REGION) }))
}

/// Looks for the variables of TKE.
pub(super) fn look_for_web_identity(around: &dyn Surroundings) -> Found {
    match web_identity(around) {
        Ok(Some(identity)) => Found {
            place: ROLE.to_owned(),
            regions: Regions::only(identity.region.clone()),
            state: State::Obtainable(Grant::WebIdentity(identity)),
            warnings: Vec::new(),
        },
        Ok(None) => Found::plain(ROLE, State::Absent("not set".to_owned())),
        Err(error) => Found::plain(ROLE, State::Faulty(error)),
    }
}

/// The role of this machine, where the metadata service may be asked.
pub(super) fn look_for_role(wishes: &Wishes) -> Found {
    Found::plain("metadata service", wishes.metadata.role(None))
}
