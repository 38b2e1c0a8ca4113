//! The table of COS regions and of their short aliases.
//!
//! An identifier that is not in the table is not wrong for that: regions open and the table ages. Callers warn and let
//! DNS decide. To add a region, add a row.

/// How well a region is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionState {
    /// Listed by Tencent's regions page or seen answering in 2026.
    Open,
    /// Sold out or retired; existing buckets may live on.
    Closed,
}

/// One region.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    /// The identifier as it stands in host names.
    pub id: &'static str,
    /// City or state.
    pub place: &'static str,
    /// Country or area.
    pub country: &'static str,
    /// Whether new buckets can be made there, as far as known.
    pub state: RegionState,
}

impl Region {
    /// Finance zones and public zones have separate private networks.
    pub fn is_finance(&self) -> bool {
        is_finance(self.id)
    }
}

const fn open(id: &'static str, place: &'static str, country: &'static str) -> Region {
    Region { id, place, country, state: RegionState::Open }
}

const fn closed(id: &'static str, place: &'static str, country: &'static str) -> Region {
    Region { id, place, country, state: RegionState::Closed }
}

/// Sources: Tencent COS "Regions and Access Endpoints" (December 2024) and a third-party list checked over HTTPS in July 2026.
pub const REGIONS: &[Region] = &[
    open("ap-beijing", "Beijing", "China"),
    closed("ap-beijing-1", "Beijing zone 1", "China"),
    open("ap-nanjing", "Nanjing", "China"),
    open("ap-shanghai", "Shanghai", "China"),
    open("ap-guangzhou", "Guangzhou", "China"),
    open("ap-chengdu", "Chengdu", "China"),
    open("ap-chongqing", "Chongqing", "China"),
    open("ap-shenzhen-fsi", "Shenzhen (finance)", "China"),
    open("ap-shanghai-fsi", "Shanghai (finance)", "China"),
    open("ap-beijing-fsi", "Beijing (finance)", "China"),
    open("ap-hongkong", "Hong Kong", "China"),
    open("ap-singapore", "Singapore", "Singapore"),
    open("ap-jakarta", "Jakarta", "Indonesia"),
    open("ap-seoul", "Seoul", "South Korea"),
    open("ap-bangkok", "Bangkok", "Thailand"),
    open("ap-tokyo", "Tokyo", "Japan"),
    open("ap-osaka", "Osaka", "Japan"),
    closed("ap-mumbai", "Mumbai", "India"),
    open("me-saudi-arabia", "Riyadh", "Saudi Arabia"),
    open("na-siliconvalley", "Silicon Valley", "USA"),
    open("na-ashburn", "Virginia", "USA"),
    closed("na-toronto", "Toronto", "Canada"),
    open("sa-saopaulo", "São Paulo", "Brazil"),
    open("eu-frankfurt", "Frankfurt", "Germany"),
    closed("eu-moscow", "Moscow", "Russia"),
];

/// Short names that Tencent's SDKs and coscmd map to regions.
pub const ALIASES: &[(&str, &str)] = &[
    ("cossh", "ap-shanghai"),
    ("cosgz", "ap-guangzhou"),
    ("cosbj", "ap-beijing"),
    ("costj", "ap-beijing-1"),
    ("coscd", "ap-chengdu"),
    ("cossgp", "ap-singapore"),
    ("coshk", "ap-hongkong"),
    ("cosca", "na-toronto"),
    ("cosger", "eu-frankfurt"),
    ("sh", "ap-shanghai"),
    ("gz", "ap-guangzhou"),
    ("bj", "ap-beijing"),
    ("tj", "ap-beijing-1"),
    ("cd", "ap-chengdu"),
    ("hk", "ap-hongkong"),
    ("sgp", "ap-singapore"),
    ("cn-north", "ap-beijing-1"),
    ("cn-east", "ap-shanghai"),
    ("cn-south", "ap-guangzhou"),
    ("cn-southwest", "ap-chengdu"),
    ("sg", "ap-singapore"),
];

/// The row of a region.
pub fn find(id: &str) -> Option<&'static Region> {
    REGIONS.iter().find(|region| region.id == id)
}

/// The identifier behind a short alias, or the text itself.
pub fn expand_alias(text: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == text).map_or(text, |(_, id)| id)
}

/// Finance zones and public zones have separate private networks.
pub fn is_finance(id: &str) -> bool {
    id.ends_with("-fsi")
}

/// Whether a text has the shape of a region identifier: two to four dash-separated words of lower-case letters, the first
/// of two letters, the last perhaps a number (`ap-beijing-1`).
pub fn has_region_shape(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let letters = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let Some((last, rest)) = words.split_last() else { return false };
    (2..=4).contains(&words.len())
        && words[0].len() == 2
        && rest.iter().all(|word| letters(word))
        && (letters(last) || (words.len() > 2 && last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit())))
}

/// Up to three known identifiers that look like `text`, nearest first.
pub fn near(text: &str) -> Vec<&'static str> {
    let text = text.to_ascii_lowercase();
    let mut scored: Vec<(usize, &'static str)> = REGIONS
        .iter()
        .map(|region| {
            let city = region.id.split_once('-').map_or(region.id, |(_, city)| city);
            let distance = strsim::damerau_levenshtein(&text, region.id).min(strsim::damerau_levenshtein(&text, city));
            (distance, region.id)
        })
        .filter(|(distance, _)| *distance <= 3)
        .collect();
    scored.sort_unstable();
    scored.into_iter().take(3).map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_consistent() {
        for region in REGIONS {
            assert!(has_region_shape(region.id), "{}", region.id);
            assert_eq!(REGIONS.iter().filter(|other| other.id == region.id).count(), 1);
            assert!(!region.place.is_empty() && !region.country.is_empty());
        }
        for (alias, id) in ALIASES {
            assert!(find(id).is_some(), "alias {alias} names no region");
        }
    }

    #[test]
    fn shapes() {
        for text in ["ap-guangzhou", "ap-beijing-1", "me-saudi-arabia", "ap-nowhere"] {
            assert!(has_region_shape(text), "{text}");
        }
        for text in
            ["guangzhou", "ap", "AP-guangzhou", "ap-guangzhou-", "ap--x", "apx-beijing", "examplebucket-1250000000"]
        {
            assert!(!has_region_shape(text), "{text}");
        }
    }

    #[test]
    fn suggestions() {
        assert_eq!(near("ap-guangzou").first(), Some(&"ap-guangzhou"));
        assert_eq!(near("guangzhou").first(), Some(&"ap-guangzhou"));
        assert_eq!(near("ap-shangai").first(), Some(&"ap-shanghai"));
        assert!(near("completely-different").is_empty());
    }

    #[test]
    fn finance_zones_are_known_by_their_name() {
        assert!(find("ap-shanghai-fsi").unwrap().is_finance());
        assert!(!find("ap-shanghai").unwrap().is_finance());
    }
}
