//! The sources in their order, and what each of them holds.

use std::path::Path;

use secrecy::ExposeSecret;

use super::{
    Credential, Grant, Regions, Surroundings, coscli, coscmd, environment, profile, role, tccli, tencentcloud,
};
use crate::error::Error;

/// Why a file that is missing gives no key.
pub(super) const NO_FILE: &str = "no such file";

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// `--profile`.
    pub profile: Option<String>,
    /// Whether the metadata service may be asked.
    pub metadata: Metadata,
}

/// Whether the metadata service may be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metadata {
    /// It is a Tencent machine, or the user says so.
    Allowed,
    /// This does not look like a Tencent machine.
    #[default]
    NotTencent,
    /// The user does not want it.
    Never,
}

impl Metadata {
    /// The grant of a role, or why it is not asked for.
    pub(super) fn role(self, name: Option<String>) -> State {
        match self {
            Self::Allowed => State::Obtainable(Grant::Role { name }),
            Self::NotTencent => State::Absent("not asked: not a Tencent machine".to_owned()),
            Self::Never => State::Absent("not asked: --metadata never".to_owned()),
        }
    }
}

/// What a source holds.
#[derive(Debug)]
pub enum State {
    /// Nothing, and why.
    Absent(String),
    /// A complete key.
    Ready(Credential),
    /// A key that has to be asked for over the network.
    Obtainable(Grant),
    /// Something that is wrong.
    Faulty(Error),
}

impl State {
    /// A key, or the reason why there is none.
    pub(super) fn of(key: Option<Credential>, absent: &str) -> Self {
        key.map_or_else(|| Self::Absent(absent.to_owned()), Self::Ready)
    }
}

/// What was found in one source.
pub(super) struct Found {
    /// The file or variable.
    pub(super) place: String,
    pub(super) state: State,
    pub(super) regions: Regions,
    pub(super) warnings: Vec<String>,
}

impl Found {
    /// A source without regions and warnings.
    pub(super) fn plain(place: impl Into<String>, state: State) -> Self {
        Self { place: place.into(), state, regions: Regions::default(), warnings: Vec::new() }
    }
}

/// Reads a file. `read` makes of its text what it holds, and the regions it names.
pub(super) fn in_file(
    around: &dyn Surroundings,
    path: &Path,
    what: &'static str,
    read: impl FnOnce(&str, &Path) -> Result<(State, Regions), Error>,
) -> Found {
    let place = path.display().to_string();
    let file = match around.file(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Found::plain(place, State::Absent(NO_FILE.to_owned()));
        }
        Err(source) => {
            return Found::plain(place, State::Faulty(Error::Read { what, path: path.to_owned(), source }));
        }
    };
    match read(file.text.expose_secret(), path) {
        Ok((state, regions)) => {
            let warnings = file.mode_warning(path).filter(|_| !matches!(state, State::Absent(_))).into_iter().collect();
            Found { place, state, regions, warnings }
        }
        Err(error) => Found::plain(place, State::Faulty(error)),
    }
}

/// Reads a file below the home directory.
pub(super) fn in_home(
    around: &dyn Surroundings,
    name: &str,
    what: &'static str,
    read: impl FnOnce(&str, &Path) -> Result<(State, Regions), Error>,
) -> Found {
    match around.home() {
        Some(home) => in_file(around, &home.join(name), what, read),
        None => Found::plain(format!("~/{name}"), State::Absent("HOME is not set".to_owned())),
    }
}

/// One source and what it holds.
#[derive(Debug)]
pub struct Entry {
    /// The source's word.
    pub source: &'static str,
    /// The file or variable where it is.
    pub place: String,
    /// What it holds.
    pub state: State,
    /// The regions it names.
    pub regions: Regions,
    /// What is not as it should be, though it works.
    pub warnings: Vec<String>,
}

/// A place where a key was looked for, and why there was none, or that there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The source's word.
    pub source: &'static str,
    /// The file or variable where it is.
    pub place: String,
    /// What was there, such as `not set` or `no such file`.
    pub outcome: String,
}

type Look = fn(&dyn Surroundings, &Wishes) -> Found;

/// In the order in which they are asked.
const SOURCES: &[(&str, Look)] = &[
    ("cos_env", |around, _| environment::cos(around)),
    ("tencentcloud_env", |around, _| environment::tencentcloud(around)),
    ("profile", profile::look),
    ("coscli", coscli::look),
    ("coscmd", |around, _| coscmd::look(around)),
    ("tccli", |around, _| tccli::look(around)),
    ("tencentcloud", |around, _| tencentcloud::look(around)),
    ("tke_web_identity", |around, _| role::look_for_web_identity(around)),
    ("cvm_role", |_, wishes| role::look_for_role(wishes)),
];

/// Looks at one source after the other. A source is read when its turn comes, and not before.
pub fn look<'a>(around: &'a dyn Surroundings, wishes: &'a Wishes) -> impl Iterator<Item = Entry> + 'a {
    SOURCES.iter().map(|(source, look)| {
        let Found { place, state, regions, warnings } = look(around, wishes);
        Entry { source, place, state, regions, warnings }
    })
}
