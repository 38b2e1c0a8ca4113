//! `~/.cos.conf`, as coscmd writes it. Source: coscmd `cos_cmd.py`.

use super::chain::{Found, State, in_home};
use super::ini::IniFile;
use super::parts::{Part, Parts};
use super::{Regions, Surroundings};

const SECTION: &str = "common";

/// Looks at coscmd's file.
pub(super) fn look(around: &dyn Surroundings) -> Found {
    in_home(around, ".cos.conf", "coscmd's configuration", |text, path| {
        let ini = IniFile::read(text, path)?;
        let parts = Parts {
            // The name that coscmd used at first.
            id: ini.part(SECTION, &["secret_id", "access_id"]),
            key: ini.part(SECTION, &["secret_key"]),
            token: ini.part(SECTION, &["token"]),
            expiry: Part::default(),
        };
        let key = parts.credential(format!("{} (coscmd)", path.display()), around.now())?;
        let of_endpoint = || ini.plain(SECTION, "endpoint").and_then(|host| region_of_endpoint(&host));
        let region = ini.plain(SECTION, "region").or_else(of_endpoint);
        Ok((State::of(key, "no key in [common]"), Regions::only(region)))
    })
}

/// `cos.ap-guangzhou.myqcloud.com` names its region.
pub(super) fn region_of_endpoint(host: &str) -> Option<String> {
    let labels: Vec<&str> = host.split("//").last()?.split(['.', ':', '/']).collect();
    let at = labels.iter().position(|label| label.starts_with("cos"))?;
    labels.get(at + 1).filter(|label| label.contains('-')).map(|label| (*label).to_owned())
}
