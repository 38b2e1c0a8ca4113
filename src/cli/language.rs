//! Which language people are spoken to in.

use clap::{Args, ValueEnum};

use crate::text::Language;

/// The variables of the locale that decide about messages; the first that is set and not empty does (POSIX, 8.2).
const LOCALE: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

/// Which language people are spoken to in.
#[derive(Debug, Clone, Copy, Args)]
pub struct LanguageArgs {
    /// Language of what is for people; without it that of the locale (`LC_ALL`, `LC_MESSAGES` or `LANG`). JSON is English
    #[arg(long, value_name = "LANGUAGE", env = "COSPROBE_LANG")]
    lang: Option<Lang>,
}

/// What `--lang` takes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Lang {
    /// English
    En,
    /// Simplified Chinese
    Zh,
}

impl LanguageArgs {
    /// The language that is asked for, or that of the locale.
    pub fn language(self) -> Language {
        match self.lang {
            Some(Lang::En) => Language::English,
            Some(Lang::Zh) => Language::Chinese,
            None => of_locale(|name| std::env::var(name).ok()),
        }
    }
}

fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Language {
    let locale = LOCALE.iter().filter_map(|name| variable(name)).find(|locale| !locale.is_empty());
    locale.map_or(Language::English, |locale| Language::of_locale(&locale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_not_empty_decides() {
        let of = |set: &[(&str, &str)]| {
            of_locale(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(of(&[]), Language::English);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Language::Chinese);
        assert_eq!(of(&[("LC_ALL", ""), ("LC_MESSAGES", "zh_CN"), ("LANG", "C")]), Language::Chinese);
        assert_eq!(of(&[("LC_ALL", "C"), ("LC_MESSAGES", "zh_CN"), ("LANG", "zh_CN")]), Language::English);
    }
}
