//! The key that signed requests are made with, and where it comes from.
//!
//! Secrets live in [`SecretString`], which cannot be printed or serialised. Sources are read once, before anything is
//! sent; a source that is half set is an error and not a silent fall-through.

use secrecy::SecretString;

use crate::error::{Error, usage};

/// A key with which requests are signed.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The key's public half.
    pub secret_id: String,
    /// The key's secret half.
    pub secret_key: SecretString,
    /// The token of a temporary key.
    pub token: Option<SecretString>,
    /// Where it was found, in words.
    pub source: String,
}

/// One family of environment variables.
struct Family {
    id: &'static str,
    key: &'static str,
    tokens: &'static [&'static str],
}

/// In the order in which they are asked. Sources: COS SDK samples; Tencent Cloud CLI and Terraform provider.
const FAMILIES: &[Family] = &[
    Family { id: "COS_SECRET_ID", key: "COS_SECRET_KEY", tokens: &["COS_SESSION_TOKEN"] },
    Family {
        id: "TENCENTCLOUD_SECRET_ID",
        key: "TENCENTCLOUD_SECRET_KEY",
        tokens: &["TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN", "TENCENTCLOUD_SESSION_TOKEN"],
    },
];

/// Where keys are looked for, for messages to people.
pub const SOURCES: &str = "COS_SECRET_ID and COS_SECRET_KEY, or TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY";

impl Credential {
    /// The first complete family of environment variables; `None` when none is set.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the missing half, or the variable with blanks around its value. Values are never shown.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Error> {
        for family in FAMILIES {
            if let Some(credential) = from_family(family, &variable)? {
                return Ok(Some(credential));
            }
        }
        Ok(None)
    }

    /// The secret id with its middle left out, fit to be shown.
    pub fn masked_id(&self) -> String {
        let characters: Vec<char> = self.secret_id.chars().collect();
        match characters.len() {
            0..=8 => "****".to_owned(),
            length => {
                let (head, tail) = (&characters[..4], &characters[length - 4..]);
                format!("{}****{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
            }
        }
    }

    /// The token as text, for the request that carries it.
    pub fn token_text(&self) -> Option<&str> {
        self.token.as_ref().map(secrecy::ExposeSecret::expose_secret)
    }
}

fn from_family(family: &Family, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Credential>, Error> {
    let read = |name: &str| variable(name).filter(|value| !value.is_empty());
    let (secret_id, secret_key) = match (read(family.id), read(family.key)) {
        (Some(id), Some(key)) => (checked(family.id, id)?, checked(family.key, key)?),
        (None, None) => return Ok(None),
        (Some(_), None) => return usage(half_set(family.id, family.key)),
        (None, Some(_)) => return usage(half_set(family.key, family.id)),
    };
    let token = match family.tokens.iter().find_map(|name| read(name).map(|value| (name, value))) {
        Some((name, value)) => Some(SecretString::from(checked(name, value)?)),
        None => None,
    };
    let source = format!("environment ({} and {})", family.id, family.key);
    Ok(Some(Credential { secret_id, secret_key: SecretString::from(secret_key), token, source }))
}

fn half_set(present: &str, missing: &str) -> String {
    format!("{present} is set and {missing} is not: set both, or unset both to send anonymous requests only")
}

/// Blanks and line ends come along when keys are copied, and make every signature wrong.
fn checked(name: &str, value: String) -> Result<String, Error> {
    if value.trim() != value {
        return usage(format!("{name} has blanks or a line end around its value: remove them"));
    }
    if !value.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return usage(format!("{name} contains a blank or a character that no key has: copy the key again"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Option<Credential>, String> {
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Credential::from_environment(find).map_err(|error| error.to_string())
    }

    const ID: (&str, &str) = ("COS_SECRET_ID", "AKIDfakeFAKEfakeFAKE");
    const KEY: (&str, &str) = ("COS_SECRET_KEY", "fakeSecretKey");

    #[test]
    fn the_first_complete_family_wins() {
        assert!(from(&[]).unwrap().is_none());
        let both = [("TENCENTCLOUD_SECRET_ID", "other"), ("TENCENTCLOUD_SECRET_KEY", "other"), ID, KEY];
        let credential = from(&both).unwrap().unwrap();
        assert_eq!(credential.secret_id, ID.1);
        assert!(credential.token.is_none());
        let token = from(&[ID, KEY, ("COS_SESSION_TOKEN", "t0ken")]).unwrap().unwrap();
        assert_eq!(token.token_text(), Some("t0ken"));
    }

    #[test]
    fn a_half_set_family_is_an_error_that_names_the_missing_half() {
        assert!(from(&[ID]).unwrap_err().contains("COS_SECRET_KEY is not"));
        assert!(from(&[KEY]).unwrap_err().contains("COS_SECRET_ID is not"));
        assert!(from(&[ID, ("COS_SECRET_KEY", "")]).unwrap_err().contains("COS_SECRET_KEY is not"));
    }

    #[test]
    fn blanks_are_refused_without_showing_the_value() {
        for value in ["fakeSecretKey ", "\nfakeSecretKey", "fake SecretKey", "fakeSecretKey\r"] {
            let problem = from(&[ID, ("COS_SECRET_KEY", value)]).unwrap_err();
            assert!(problem.starts_with("COS_SECRET_KEY") && !problem.contains("fake"), "{problem}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let credential = from(&[ID, KEY, ("COS_SESSION_TOKEN", "t0ken")]).unwrap().unwrap();
        let shown = format!("{credential:?} {}", credential.masked_id());
        assert!(!shown.contains("fakeSecretKey") && !shown.contains("t0ken"), "{shown}");
        assert_eq!(credential.masked_id(), "AKID****FAKE");
        assert_eq!(Credential { secret_id: "short".into(), ..credential }.masked_id(), "****");
    }
}
