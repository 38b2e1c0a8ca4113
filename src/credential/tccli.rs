//! `~/.tccli/<profile>.credential`, as tccli writes it. Source: tencentcloud-cli `tccli/configure.py`.

use secrecy::ExposeSecret;
use serde_json::Value;

use super::chain::{Found, State, in_home};
use super::{Regions, Surroundings, json, tencentcloud};

/// Looks at the profile of `TCCLI_PROFILE`, or `default`.
pub(super) fn look(around: &dyn Surroundings) -> Found {
    let name = around.variable("TCCLI_PROFILE").filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "default".to_owned());
    match tencentcloud::check_profile(&name) {
        Ok(()) => profile(around, &name),
        Err(error) => Found::plain("TCCLI_PROFILE", State::Faulty(error)),
    }
}

/// Looks at one profile.
pub(super) fn profile(around: &dyn Surroundings, name: &str) -> Found {
    in_home(around, &format!(".tccli/{name}.credential"), "tccli's credential", |text, path| {
        let parts = json::parts(text, path)?;
        let key = parts.credential(format!("{} (tccli)", path.display()), around.now())?;
        Ok((State::of(key, "no key in it"), Regions::only(region(around, name))))
    })
}

/// The region of `<profile>.configure`. It is a convenience: a file that cannot be read gives none.
fn region(around: &dyn Surroundings, name: &str) -> Option<String> {
    let path = around.home()?.join(format!(".tccli/{name}.configure"));
    let value: Value = serde_json::from_str(around.file(&path).ok()?.text.expose_secret()).ok()?;
    value.pointer("/_sys_param/region")?.as_str().map(str::to_owned)
}

/// The names of the profiles, for a message.
pub(super) fn profiles(around: &dyn Surroundings) -> Vec<String> {
    let names = around.home().map(|home| around.names_in(&home.join(".tccli"))).unwrap_or_default();
    names.iter().filter_map(|name| name.strip_suffix(".credential")).map(str::to_owned).collect()
}
