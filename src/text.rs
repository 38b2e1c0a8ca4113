//! Sentences that can be said in several languages: an English template with named parts, and a catalogue for each other
//! language that translates templates.
//!
//! Rules and renderings make a [`Text`] with [`text!`](macro@crate::text); only a renderer says it in a language. The English
//! sentence is the key: what no catalogue has is said in English, and a test holds every template of the source to the
//! catalogues. To add a language: a variant of [`Language`], a catalogue beside `text/zh.json`, and the pages below
//! `docs/explain`.

mod catalogue;

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Makes a [`Text`]: the template, then its parts, each by its name or as `name = value`.
#[macro_export]
macro_rules! text {
    ($template:literal $(,)?) => { $crate::text::Text::plain($template) };
    ($template:literal $(, $name:ident $(= $value:expr)?)+ $(,)?) => {
        $crate::text::Text::new(
            $template,
            vec![$((stringify!($name), $crate::text::Part::from($crate::text!(@part $name $(, $value)?)))),+],
        )
    };
    (@part $name:ident) => { $name };
    (@part $name:ident, $value:expr) => { $value };
}

/// A language that texts can be said in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// English, which everything is written in.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// The language of a locale's name, such as `zh_CN.UTF-8` (POSIX, 8.2); English for all that are not known.
    pub fn of_locale(name: &str) -> Self {
        let language = name.split(['_', '.', '@', '-']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("zh") { Self::Chinese } else { Self::English }
    }

    /// The tag of the language (BCP 47), as HTML names it.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// A template, or a text without parts, in this language.
    pub fn say(self, english: &str) -> Cow<'_, str> {
        match self {
            Self::English => None,
            Self::Chinese => catalogue::chinese(english),
        }
        .map_or(Cow::Borrowed(english), Cow::Borrowed)
    }
}

/// How parts are put together.
impl Language {
    /// Puts more behind a text. In Chinese a blank stands between a Chinese and a Latin letter, and none between two Chinese ones.
    fn join(self, said: &mut String, more: &str) {
        let is_chinese = |c: char| ('\u{2e80}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ff60}').contains(&c);
        let is_letter = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        let (before, next) = (said.trim_end().chars().next_back(), more.trim_start().chars().next());
        if let (Self::Chinese, Some(before), Some(next)) = (self, before, next) {
            let has_blank = said.ends_with(' ') || more.starts_with(' ');
            if has_blank && is_chinese(before) && is_chinese(next) {
                said.truncate(said.trim_end().len());
                said.push_str(more.trim_start());
                return;
            }
            let is_beside_latin =
                is_letter(before) && next.is_ascii_alphanumeric() || before.is_ascii_alphanumeric() && is_letter(next);
            if !has_blank && is_beside_latin {
                said.push(' ');
            }
        }
        said.push_str(more);
    }
}

/// What stands in pages of its own.
impl Language {
    /// The title of a finding; `None` where the English one is to be shown.
    pub fn title(self, code: &str) -> Option<&'static str> {
        match self {
            Self::English => None,
            Self::Chinese => catalogue::chinese_title(code),
        }
    }

    /// The page of a finding; `None` where the English one is to be shown.
    pub fn page(self, code: &str) -> Option<&'static str> {
        match self {
            Self::English => None,
            Self::Chinese => catalogue::chinese_page(code),
        }
    }
}

/// A sentence, or a part of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    template: Cow<'static, str>,
    parts: Vec<(&'static str, Part)>,
}

/// What stands for a name in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The same in every language: addresses, numbers, words of protocols.
    Literal(String),
    /// A part that is translated as well.
    Text(Text),
}

impl Text {
    /// A text by its template, in which each part stands as `{name}`.
    pub fn new(template: &'static str, parts: Vec<(&'static str, Part)>) -> Self {
        Self { template: Cow::Borrowed(template), parts }
    }

    /// A text without parts.
    pub const fn plain(template: &'static str) -> Self {
        Self { template: Cow::Borrowed(template), parts: Vec::new() }
    }

    /// Nothing.
    pub const fn empty() -> Self {
        Self::plain("")
    }

    /// A word of a table, as people write it: `connect_timeout` is “connect timeout”.
    pub fn word(word: impl fmt::Display) -> Self {
        Self::phrase(word.to_string().replace('_', " "))
    }

    /// What somebody else says in English, which a catalogue may know.
    pub fn phrase(phrase: impl Into<String>) -> Self {
        Self { template: Cow::Owned(phrase.into()), parts: Vec::new() }
    }

    /// Several texts with commas between them.
    pub fn list(texts: impl IntoIterator<Item = Self>) -> Self {
        texts.into_iter().reduce(|list, item| text!("{list}, {item}", list, item)).unwrap_or_default()
    }

    /// Several sentences with semicolons between them.
    pub fn sentences(texts: impl IntoIterator<Item = Self>) -> Self {
        texts.into_iter().reduce(|before, next| text!("{before}; {next}", before, next)).unwrap_or_default()
    }

    /// What nobody translates: words of others.
    pub fn literal(text: impl Into<String>) -> Self {
        Self { template: Cow::Borrowed("{text}"), parts: vec![("text", Part::Literal(text.into()))] }
    }

    /// The text in a language.
    pub fn say(&self, language: Language) -> String {
        let template = language.say(&self.template);
        let mut said = String::with_capacity(template.len());
        let mut rest = template.as_ref();
        while let Some((before, behind)) = rest.split_once('{') {
            language.join(&mut said, before);
            let Some((name, after)) = behind.split_once('}') else {
                said.push('{');
                rest = behind;
                continue;
            };
            match self.parts.iter().find(|(known, _)| *known == name) {
                Some((_, Part::Literal(text))) => language.join(&mut said, text),
                Some((_, Part::Text(text))) => language.join(&mut said, &text.say(language)),
                // Braces that are no part are themselves.
                None => said.extend(["{", name, "}"]),
            }
            rest = after;
        }
        language.join(&mut said, rest);
        said
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.template.is_empty()
    }
}

/// In English.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Language::English))
    }
}

/// In English: documents are for programs.
impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::literal)
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

impl From<Text> for Part {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<&Text> for Part {
    fn from(text: &Text) -> Self {
        Self::Text(text.clone())
    }
}

/// Nothing stands where there is none.
impl From<Option<Text>> for Part {
    fn from(text: Option<Text>) -> Self {
        Self::Text(text.unwrap_or_default())
    }
}

/// Values that are the same in every language.
macro_rules! literals {
    ($($type:ty),+ $(,)?) => {
        $(impl From<$type> for Part {
            fn from(value: $type) -> Self {
                Self::Literal(value.to_string())
            }
        })+
    };
}

literals! {
    String, &String, &str, char, u8, &u8, u16, u32, u64, &u64, usize, i32, i64, std::net::IpAddr, &std::net::IpAddr,
    std::net::Ipv4Addr, std::net::SocketAddr, &std::net::SocketAddr, ipnet::IpNet, &ipnet::IpNet,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_where_the_template_has_them() {
        let (host, count) = ("x.example", 3_u32);
        let by = text!(", reported by {who}", who = "192.0.2.1");
        let said = text!("{host} fails {count} times{by}", host, count, by);
        assert_eq!(said.to_string(), "x.example fails 3 times, reported by 192.0.2.1");
        assert_eq!(text!("{host}{nothing}", host, nothing = Text::empty()).to_string(), "x.example");
        assert_eq!(text!("`awk '{print $1}'` and {").to_string(), "`awk '{print $1}'` and {");
        assert_eq!(Text::literal("{host}").to_string(), "{host}");
    }

    #[test]
    fn chinese_has_a_blank_beside_latin_and_no_other() {
        let said = |who: Part| Text::new("受信任的是 {who}的证书", vec![("who", who)]).say(Language::Chinese);
        assert_eq!(said("x.example".into()), "受信任的是 x.example 的证书");
        assert_eq!(said("系统".into()), "受信任的是系统的证书");
        let operator = Text::new("{who} 的运维方", vec![("who", "网络".into())]);
        assert_eq!(operator.say(Language::Chinese), "网络的运维方");
        let english = Text::new("is {who}x", vec![("who", "系统".into())]);
        assert_eq!(english.to_string(), "is 系统x");
    }

    #[test]
    fn a_text_is_a_string_in_a_document() {
        let text = text!("{n} of 5", n = 4_u8);
        assert_eq!(serde_json::to_value(&text).unwrap(), "4 of 5");
        assert_eq!(serde_json::from_str::<Text>("\"{n} of 5\"").unwrap().to_string(), "{n} of 5");
    }

    #[test]
    fn locales_have_a_language() {
        for name in ["zh_CN.UTF-8", "zh", "zh-Hans", "ZH_SG"] {
            assert_eq!(Language::of_locale(name), Language::Chinese, "{name}");
        }
        for name in ["", "C.UTF-8", "POSIX", "en_US.UTF-8", "zhu"] {
            assert_eq!(Language::of_locale(name), Language::English, "{name}");
        }
    }
}
