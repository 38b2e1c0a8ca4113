//! `--profile NAME`: a section of `~/.tencentcloud/credentials`, then a profile of tccli.

use super::chain::{Found, State, Wishes};
use super::{Surroundings, tccli, tencentcloud};
use crate::error::Error;

/// Profiles that a message names.
const MOST: usize = 20;

/// Looks for the profile that the user named. One that does not exist is an error.
pub(super) fn look(around: &dyn Surroundings, wishes: &Wishes) -> Found {
    let Some(name) = &wishes.profile else {
        return Found::plain("--profile", State::Absent("not asked for".to_owned()));
    };
    let place = format!("--profile {name}");
    if let Err(error) = tencentcloud::check_profile(name) {
        return Found::plain(place, State::Faulty(error));
    }
    let places: [fn(&dyn Surroundings, &str) -> Found; 2] = [tencentcloud::section, tccli::profile];
    for look in places {
        let found = look(around, name);
        if !matches!(found.state, State::Absent(_)) {
            return found;
        }
    }
    let mut known = tencentcloud::sections(around);
    known.extend(tccli::profiles(around));
    known.retain(|name| !name.chars().any(char::is_control));
    known.sort();
    known.dedup();
    known.truncate(MOST);
    let known = if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
    let problem = format!("there is no key of a profile '{name}' in ~/.tencentcloud/credentials or ~/.tccli; {known}");
    Found::plain(place, State::Faulty(Error::Usage(problem)))
}
