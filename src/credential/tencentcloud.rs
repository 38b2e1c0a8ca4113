//! `~/.tencentcloud/credentials`, as Tencent's API SDKs read it. Source: tencentcloud-sdk-python `common/credential.py`.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::chain::{Found, NO_FILE, State, in_file};
use super::ini::IniFile;
use super::parts::Parts;
use super::{Regions, Surroundings};
use crate::error::{Error, usage};

const FILE_VARIABLE: &str = "TENCENTCLOUD_CREDENTIALS_FILE";

/// Looks at the section `default`.
pub(super) fn look(around: &dyn Surroundings) -> Found {
    section(around, "default")
}

/// The files to look at, in order.
fn files(around: &dyn Surroundings) -> Vec<PathBuf> {
    match around.variable(FILE_VARIABLE).filter(|value| !value.is_empty()) {
        Some(path) => vec![path.into()],
        None => around
            .home()
            .map(|home| home.join(".tencentcloud/credentials"))
            .into_iter()
            .chain([PathBuf::from("/etc/tencentcloud/credentials")])
            .collect(),
    }
}

/// Looks at one section of the first file that has it.
pub(super) fn section(around: &dyn Surroundings, section: &str) -> Found {
    let mut found: Vec<Found> = Vec::new();
    for path in files(around) {
        found.push(section_of(around, section, &path));
        if found.last().is_some_and(|last| !matches!(last.state, State::Absent(_))) {
            return found.swap_remove(found.len() - 1);
        }
    }
    // What is said of the user's own file is worth more than that the machine's is missing.
    let first = found.swap_remove(0);
    if around.variable(FILE_VARIABLE).is_some() && matches!(&first.state, State::Absent(why) if why == NO_FILE) {
        let problem = format!("{FILE_VARIABLE} names {}, and there is no such file: correct or unset it", first.place);
        return Found::plain(first.place, State::Faulty(Error::Usage(problem)));
    }
    first
}

fn section_of(around: &dyn Surroundings, section: &str, path: &Path) -> Found {
    in_file(around, path, "the credentials of Tencent's SDKs", |text, path| {
        let ini = IniFile::read(text, path)?;
        let parts = Parts {
            id: ini.part(section, &["secret_id"]),
            key: ini.part(section, &["secret_key"]),
            token: ini.part(section, &["token", "session_token", "security_token"]),
            expiry: ini.part(section, &["expired_time", "expiration", "expires_at"]),
        };
        let key = parts.credential(format!("{} (section {section})", path.display()), around.now())?;
        let absent = if ini.has(section) { "no key in the section" } else { "no such section" };
        Ok((State::of(key, &format!("{absent} [{section}]")), Regions::only(ini.plain(section, "region"))))
    })
}

/// The sections of all files, for a message.
pub(super) fn sections(around: &dyn Surroundings) -> Vec<String> {
    let mut names = Vec::new();
    for path in files(around) {
        if let Ok(file) = around.file(&path)
            && let Ok(ini) = IniFile::read(file.text.expose_secret(), &path)
        {
            names.extend(ini.sections());
        }
    }
    names
}

/// A profile is a plain word: it becomes part of a path.
pub(super) fn check_profile(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0', '\n', ']']) {
        return usage(format!("'{name}' is not a profile: it should be a word such as default"));
    }
    Ok(())
}
