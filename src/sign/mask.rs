//! Hiding secrets in text that somebody else sent: as they are, and as the usual ways of encoding spell them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use super::{encode, lower_hex};

/// What stands in the place of a secret.
pub const MASK: &str = "****";
/// Fewer characters of a secret than these give nothing away.
const SHORTEST_PART: usize = 4;
/// Shorter base64 could be a part of anything.
const SHORTEST_BASE64: usize = 8;

/// The shortest secret id of which a part is shown. Those of Tencent have 36 characters (COS documentation, "Creating a Request").
const SHORTEST_ID: usize = 16;

/// A secret id with its middle left out, fit to be shown. It tells keys apart and is of no use to others.
pub fn masked_id(secret_id: &str) -> String {
    let characters: Vec<char> = secret_id.chars().collect();
    if characters.len() < SHORTEST_ID {
        return MASK.to_owned();
    }
    let (head, tail) = (&characters[..4], &characters[characters.len() - 4..]);
    format!("{}{MASK}{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
}

/// Secrets to hide. They are wiped when it is dropped.
#[derive(Default)]
pub struct Mask(Vec<SecretString>);

impl Mask {
    /// Hides one more secret from now on.
    pub fn add(&mut self, secret: &str) {
        for spelling in spellings(secret) {
            if !spelling.is_empty() && !self.spellings().any(|known| known == spelling) {
                self.0.push(SecretString::from(spelling));
            }
        }
    }

    /// Replaces the secrets in a text, also one that a cut has left the beginning of, before `…`.
    pub fn hide(&self, text: &mut String) {
        for secret in self.spellings() {
            if text.contains(secret) {
                *text = text.replace(secret, MASK);
            }
            if text.contains('…') {
                *text = text.split('\n').map(|line| without_cut_secret(line, secret)).collect::<Vec<_>>().join("\n");
            }
        }
    }

    /// Whether a text that was put into lower case holds a secret.
    pub fn is_in_lower_case(&self, text: &str) -> bool {
        self.spellings().any(|secret| text.contains(&secret.to_ascii_lowercase()))
    }

    fn spellings(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(ExposeSecret::expose_secret)
    }
}

/// A line that was cut short may end within a secret.
fn without_cut_secret<'a>(line: &'a str, secret: &str) -> Cow<'a, str> {
    let Some(kept) = line.strip_suffix('…') else { return line.into() };
    let cuts = (SHORTEST_PART..secret.len()).rev().filter_map(|length| secret.get(..length));
    let cut = cuts.into_iter().find(|part| kept.ends_with(part));
    cut.map_or(line.into(), |part| format!("{}{MASK}…", &kept[..kept.len() - part.len()]).into())
}

/// A secret as it is, and as the ways of encoding spell it.
fn spellings(secret: &str) -> Vec<String> {
    let strict = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let encoded = encode(secret);
    let mut all = vec![secret.to_owned(), lower_hex(&encoded), lower_hex(&strict), encoded, strict];
    all.extend((0..3).flat_map(|before| in_base64(secret, before)));
    all
}

/// What base64 makes of a secret behind some number of other bytes, less the characters that its neighbours change (RFC 4648,
/// section 4: a character for six bits).
fn in_base64(secret: &str, before: usize) -> impl Iterator<Item = String> {
    let bytes = [&[0; 2][..before], secret.as_bytes()].concat();
    let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    let spelled = [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)];
    let inner = spelled.into_iter().filter_map(move |text| text.get(first..end).map(str::to_owned));
    inner.filter(|text| text.len() >= SHORTEST_BASE64)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn of_an_id_both_ends_are_shown_and_of_a_short_one_nothing() {
        assert_eq!(masked_id("AKIDfakeFAKEfake0001"), "AKID****0001");
        assert_eq!(masked_id("AKIDfakeFAKE001"), "****");
        assert_eq!(masked_id(""), "****");
    }

    #[test]
    fn a_secret_that_was_cut_short_is_masked_too() {
        assert_eq!(without_cut_secret("token=t0k+e…", "t0k+en=="), "token=****…");
        assert_eq!(without_cut_secret("token=t0k…", "t0k+en=="), "token=t0k…");
        assert_eq!(without_cut_secret("token=t0k+e", "t0k+en=="), "token=t0k+e");
    }

    #[test]
    fn an_empty_secret_hides_nothing() {
        let mut mask = Mask::default();
        mask.add("");
        let mut text = "a text".to_owned();
        mask.hide(&mut text);
        assert_eq!(text, "a text");
    }

    proptest::proptest! {
        #[test]
        fn a_secret_is_hidden_in_base64_wherever_it_stands(
            before in "[ -~]{0,7}", secret in "[ -~]{9,40}", after in "[ -~]{0,7}",
        ) {
            let mut mask = Mask::default();
            mask.add(&secret);
            let mut text = STANDARD.encode(format!("{before}{secret}{after}"));
            let length = text.len();
            mask.hide(&mut text);
            // What is left around the mask are the neighbours and at most one character of each end.
            let hidden = text.find(MASK).zip(text.rfind(MASK)).map(|(first, last)| length - first - (text.len() - last - MASK.len()));
            proptest::prop_assert!(hidden.is_some_and(|hidden| hidden * 6 + 18 >= secret.len() * 8), "{text}");
        }
    }
}
