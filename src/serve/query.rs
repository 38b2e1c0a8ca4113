//! The query of a request.

use percent_encoding::percent_decode_str;

/// The parameters, decoded, in their order.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `name=value&…`, where a plus is a blank (WHATWG URL, `application/x-www-form-urlencoded`).
    pub(super) fn of(text: Option<&str>) -> Self {
        let decoded = |text: &str| {
            if !text.contains(['%', '+']) {
                return text.to_owned();
            }
            percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
        };
        let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    /// The first value of a parameter that is not blank.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}
