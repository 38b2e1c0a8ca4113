//! Which language a page is in: that of the parameter `lang`, else the one that the browser prefers of those that there are.

use hyper::HeaderMap;
use hyper::header::ACCEPT_LANGUAGE;

use super::query::Query;
use crate::text::Language;

/// The language of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spoken {
    pub(super) language: Language,
    /// What links have behind their parameters, so that a language that was asked for stays.
    pub(super) parameter: &'static str,
}

impl Spoken {
    pub(super) fn of(headers: &HeaderMap, query: &Query) -> Self {
        match query.get("lang").and_then(known) {
            Some(language @ Language::English) => Self { language, parameter: "&lang=en" },
            Some(language @ Language::Chinese) => Self { language, parameter: "&lang=zh" },
            None => {
                let accepted = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
                Self { language: preferred(accepted.flat_map(|value| value.split(','))), parameter: "" }
            }
        }
    }
}

/// The language of a tag, such as `zh-CN`; `None`: there is nothing in it here.
fn known(tag: &str) -> Option<Language> {
    let is_english = tag.split('-').next().is_some_and(|first| first.eq_ignore_ascii_case("en"));
    Some(Language::of_locale(tag)).filter(|language| is_english || *language != Language::English)
}

/// The first of the languages with the greatest weight (RFC 9110, 12.5.4); English where none of them is known.
fn preferred<'a>(accepted: impl Iterator<Item = &'a str>) -> Language {
    let mut best = (0.0, Language::English);
    for range in accepted {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f64>().ok()).unwrap_or(0.0);
        if let Some(language) = known(tag.trim()).filter(|_| weight > best.0) {
            best = (weight, language);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_parameter_goes_before_what_the_browser_prefers() {
        for (accepted, query, wanted, parameter) in [
            ("", "", Language::English, ""),
            ("zh", "", Language::Chinese, ""),
            ("zh-CN,zh;q=0.9,en;q=0.8", "", Language::Chinese, ""),
            ("en-US,en;q=0.9,zh;q=0.8", "", Language::English, ""),
            ("en;q=0.5, ZH-hans;q=0.7", "", Language::Chinese, ""),
            ("de,fr;q=0.9,zh;q=0.1", "", Language::Chinese, ""),
            ("de,zh;q=0", "", Language::English, ""),
            ("zhu,*", "", Language::English, ""),
            ("zh;q=x,;,q=1", "", Language::English, ""),
            ("zh", "lang=en", Language::English, "&lang=en"),
            ("en", "lang=zh-CN", Language::Chinese, "&lang=zh"),
            ("zh", "lang=fr", Language::Chinese, ""),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
            let spoken = Spoken::of(&headers, &Query::of(Some(query)));
            assert_eq!(spoken, Spoken { language: wanted, parameter }, "{accepted} {query}");
        }
    }
}
