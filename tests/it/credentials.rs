//! Keys: where they come from, temporary ones over the network, and that none is ever shown.

mod doubles;
mod metadata;
mod secrets;
mod sources;
mod sts;

use std::path::{Path, PathBuf};

use crate::support::Cosprobe;

const ID: &str = "AKIDfakeFAKEfakeFAKEfakeFAKEfake0001";
const KEY: &str = "fakeSecretKeyForTestVectors00001";
const TEMPORARY_ID: &str = "AKIDfakeFAKEfakeFAKEfakeFAKEfake0009";
const TEMPORARY_KEY: &str = "fakeTemporaryKeyForTests00000009=";
const TOKEN: &str = "fakeTokenOfATemporaryKey0001";
/// 2096: no key of these tests ends before.
const LATER: i64 = 3_999_999_999;

/// A home directory that goes away.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that only its owner can read.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// coscmd's file with the usual key.
    fn with_coscmd(self) -> Self {
        self.write(".cos.conf", &format!("[common]\nsecret_id = {ID}\nsecret_key = {KEY}\nregion = ap-guangzhou\n"));
        self
    }

    /// A command of a user who lives here.
    fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Cosprobe {
        Cosprobe::new(arguments).variable("HOME", self.path().to_str().unwrap())
    }
}

/// A command with a permanent key in its variables.
fn with_key<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Cosprobe {
    Cosprobe::new(arguments).variable("COS_SECRET_ID", ID).variable("COS_SECRET_KEY", KEY)
}
