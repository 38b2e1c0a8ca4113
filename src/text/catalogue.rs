//! The catalogues: JSON objects from English templates to those of another language; and the pages of the findings.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::from_str;

/// From English to another language, or from the code of a finding to its title.
type Catalogue = LazyLock<BTreeMap<String, String>>;

static CHINESE: Catalogue = LazyLock::new(|| from_str(include_str!("zh.json")).unwrap_or_default());
static CHINESE_TITLES: Catalogue =
    LazyLock::new(|| from_str(include_str!("../../docs/explain/zh/titles.json")).unwrap_or_default());

/// A template in Chinese; `None` where the catalogue has none.
pub(super) fn chinese(english: &str) -> Option<&'static str> {
    CHINESE.get(english).map(String::as_str)
}

/// The title of a finding in Chinese.
pub(super) fn chinese_title(code: &str) -> Option<&'static str> {
    CHINESE_TITLES.get(code).map(String::as_str)
}

/// The page of a finding in Chinese.
pub(super) fn chinese_page(code: &str) -> Option<&'static str> {
    CHINESE_PAGES.iter().find(|(known, _)| *known == code).map(|(_, page)| *page)
}

macro_rules! pages {
    ($($code:literal),+ $(,)?) => {
        &[$(($code, include_str!(concat!("../../docs/explain/zh/", $code, ".md")))),+]
    };
}

/// Codes with their pages. A test holds them to the files.
const CHINESE_PAGES: &[(&str, &str)] = pages![
    "AUT001", "AUT002", "AUT003", "AUT004", "AUT005", "AUT006", "AUT007", "AUT008", "AUT009", "BKT001", "BKT002",
    "BKT003", "BKT004", "BKT005", "BKT006", "BKT007", "BKT008", "BKT009", "BKT010", "DNS001", "DNS002", "DNS003",
    "DNS004", "DNS005", "DNS006", "DNS007", "DNS008", "DNS009", "DNS010", "HST001", "HST002", "HST003", "HST004",
    "HST005", "HST006", "HST007", "HTP001", "HTP002", "HTP003", "HTP004", "HTP005", "HTP006", "HTP008", "PTH001",
    "PTH002", "PTH003", "PTH004", "RTE001", "RTE002", "RTE003", "RTE004", "RTE005", "RTE006", "RTE007", "RTE008",
    "TCP001", "TCP002", "TCP003", "TCP004", "TCP005", "TCP006", "TCP007", "TCP008", "TCP009", "TCP010", "TCP011",
    "TLS001", "TLS002", "TLS003", "TLS004", "TLS005", "TLS006", "TLS007", "TLS008"
];
