//! Stand-ins in running text: what is found by its form, and words that are known from elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Redactor;

/// Words of COS's messages, of protocols and of cosprobe that are nobody's, also where somebody's bucket or object is called so.
const NOBODYS: &[&str] = &[
    "accelerate",
    "access",
    "accessdenied",
    "actionacceleratenotsupported",
    "arrears",
    "bucket",
    "bucketacceleratenotenabled",
    "canary",
    "condition",
    "cosprobe",
    "denied",
    "does",
    "expired",
    "expiredtoken",
    "has",
    "header",
    "index",
    "invalidaccesskeyid",
    "invalidsecuritytoken",
    "invalidtoken",
    "localhost",
    "match",
    "message",
    "missing",
    "nosuchbucket",
    "nosuchkey",
    "nosuchwebsiteconfiguration",
    "object",
    "pathstyledomainforbidden",
    "paymentrequired",
    "policy",
    "referer",
    "request",
    "requesttimetooskewed",
    "rule",
    "server",
    "signature",
    "signaturedoesnotmatch",
    "slowdown",
    "strict",
    "tencent-cos",
    "test",
    "token",
    "unavailableforlegalreasons",
    "usercnameinvalid",
    "with",
    "your",
];

/// Directories of the system, whose files are called the same everywhere.
const OF_SYSTEM: &[&str] = &["/etc/", "/proc/", "/sys/", "/dev/", "/run/", "/.dockerenv"];

/// The last label of a host has so many letters at least, which an abbreviation such as `e.g` has not.
const SHORTEST_END: usize = 2;

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Whether a word may be replaced wherever it stands.
pub(super) fn is_telling(word: &str) -> bool {
    word.chars().count() >= 4
        && !NOBODYS.contains(&word.to_ascii_lowercase().as_str())
        && word.chars().any(char::is_alphabetic)
}

/// Whether a word looks like the name of a host: labels between dots, of which the last has letters only.
fn is_host_like(word: &str) -> bool {
    let mut labels = word.rsplit('.');
    let is_end = |label: &str| label.len() >= SHORTEST_END && label.bytes().all(|b| b.is_ascii_alphabetic());
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    labels.next().is_some_and(is_end) && word.contains('.') && labels.all(is_label)
}

impl Redactor {
    /// A text with stand-ins for every address, host, URL, path of a file and known word in it.
    pub(super) fn text(&mut self, text: &str) -> String {
        // Names of several words first, the longest before those that they contain. No stand-in is one of them.
        let mut phrases: Vec<(&String, &String)> = self.words.iter().filter(|(word, _)| word.contains(' ')).collect();
        phrases.sort_by_key(|(phrase, _)| std::cmp::Reverse(phrase.len()));
        let whole = phrases.iter().fold(text.to_owned(), |text, (phrase, new)| text.replace(phrase.as_str(), new));
        let mut result = String::with_capacity(whole.len());
        let mut rest = whole.as_str();
        while let Some(first) = rest.chars().next() {
            let before = result.chars().next_back();
            let (taken, new) = self.token(before, first, rest);
            result.push_str(&new);
            rest = &rest[taken..];
        }
        result
    }

    /// The next token of a text, as its length and what stands for it.
    fn token(&mut self, before: Option<char>, first: char, rest: &str) -> (usize, String) {
        let is_inside = before.is_some_and(is_of_word);
        if first == '/' && !is_inside && before.is_none_or(|c| c != '/' && c != '~') {
            let end = rest.find([' ', '"', '\'', '`', ')', '(', ',', ';', '…']).unwrap_or(rest.len());
            return (end, self.place(&rest[..end]));
        }
        if let Some((length, ip)) = ipv6(rest).filter(|_| !is_inside) {
            return self.address_in(rest, length, ip);
        }
        if !is_of_word(first) {
            return (first.len_utf8(), first.to_string());
        }
        let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
        let word = rest[..end].trim_end_matches(['.', '-']);
        if word.is_empty() {
            return (end, rest[..end].to_owned());
        }
        let after = &rest[word.len()..];
        if after.starts_with("://") {
            let end = rest.find([' ', '"', '\'', '`', ')', '>', '<', ',', '…']).unwrap_or(rest.len());
            return (end, self.url(&rest[..end]));
        }
        if let Ok(ip) = word.parse::<Ipv4Addr>() {
            return self.address_in(rest, word.len(), ip.into());
        }
        let new = if after.starts_with('@') { self.word(word, "user") } else { self.single(word) };
        (word.len(), new)
    }

    /// A word of a text.
    fn single(&mut self, word: &str) -> String {
        let dots = word.len() - word.trim_start_matches('.').len();
        let (dots, bare) = word.split_at(dots);
        if let Some(known) = self.words.get(bare) {
            return format!("{dots}{known}");
        }
        if bare.len() > 8 && bare.starts_with("AKID") {
            return format!("{dots}{}", self.word(bare, "secret-id"));
        }
        if is_host_like(bare) { format!("{dots}{}", self.host(bare)) } else { word.to_owned() }
    }

    /// An address at the beginning of a text, perhaps with the length of its network behind it.
    fn address_in(&mut self, rest: &str, length: usize, ip: IpAddr) -> (usize, String) {
        let digits = rest[length..].strip_prefix('/').map(|after| {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            &after[..end]
        });
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(bits) => (length, self.addresses.network(ip, bits).to_string()),
            None => (length, self.addresses.address(ip).to_string()),
        }
    }

    /// An absolute path in a text: of an object where it is known as that, else of a file.
    fn place(&mut self, path: &str) -> String {
        let is_object =
            path.trim_matches('/').split('/').any(|part| self.keys.contains_key(part) || self.words.contains_key(part));
        if is_object { self.object_path(path) } else { self.file(path) }
    }

    /// The path of a file.
    pub(super) fn file(&mut self, path: &str) -> String {
        if OF_SYSTEM.iter().any(|begin| path.starts_with(begin))
            || !path.trim_start_matches('/').contains(char::is_alphanumeric)
        {
            return path.to_owned();
        }
        let home = path.strip_prefix("/home/").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
        let (begin, inner) = match home {
            Some((user, inner)) => (format!("/home/{}", self.word(user, "user")), inner),
            None => (String::new(), path.trim_start_matches('/')),
        };
        if !self.is_strict() {
            return if home.is_some() && !inner.is_empty() {
                format!("{begin}/{inner}")
            } else if home.is_some() {
                begin
            } else {
                path.to_owned()
            };
        }
        if inner.is_empty() {
            return begin;
        }
        let known = self.files.get(path).cloned();
        let file = known.unwrap_or_else(|| self.next("file"));
        self.files.insert(path.to_owned(), file.clone());
        format!("{begin}/{file}")
    }
}

/// An IPv6 address at the beginning of a text, with its length there.
fn ipv6(text: &str) -> Option<(usize, IpAddr)> {
    let end = text.find(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '.').unwrap_or(text.len());
    let run = text[..end].trim_end_matches('.');
    if run.matches(':').count() < 2 || text[run.len()..].starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let bare = run.strip_suffix(':').filter(|bare| !bare.ends_with(':')).unwrap_or(run);
    bare.parse::<Ipv6Addr>().ok().map(|ip| (bare.len(), ip.into()))
}

#[cfg(test)]
mod tests {
    use super::super::{Redaction, Redactor};

    #[test]
    fn what_is_found_in_texts() {
        let mut redactor = Redactor::new(Redaction::Default, 1);
        redactor.words.insert("ins-abc".to_owned(), "instance-1".to_owned());
        for (text, expected) in [
            ("", ""),
            ("no names here, e.g. none (12:30:45).", "no names here, e.g. none (12:30:45)."),
            ("at db.corp.example: refused.", "at host-1.host-2.example: refused."),
            ("user@db.corp.example", "user-1@host-1.host-2.example"),
            ("https://db.corp.example:8443/login?next=/a", "https://host-1.host-2.example:8443/key-1?next=/key-2"),
            ("ins-abc and ins-abcd", "instance-1 and ins-abcd"),
            ("AKIDexampleexample is unknown", "secret-id-1 is unknown"),
            ("/home/ann/.cos.yaml (coscli)", "/home/user-2/.cos.yaml (coscli)"),
            ("/etc/resolv.conf", "/etc/resolv.conf"),
            ("nginx/1.18.0 (Ubuntu)", "nginx/1.18.0 (Ubuntu)"),
            ("[::1]:443 127.0.0.1:80 from all to 169.254.0.0/16", "[::1]:443 127.0.0.1:80 from all to 169.254.0.0/16"),
            ("https://console.cloud.tencent.com/cos", "https://console.cloud.tencent.com/cos"),
            ("grüße/ö ✓ …", "grüße/ö ✓ …"),
        ] {
            assert_eq!(redactor.text(text), expected);
        }
    }

    #[test]
    fn addresses_are_found_with_whatever_stands_around_them() {
        let mut redactor = Redactor::new(Redaction::Default, 1);
        let (v4, v6) = (redactor.text("203.0.113.10"), redactor.text("2001:db8::10"));
        assert!(v4 != "203.0.113.10" && v6 != "2001:db8::10");
        for frame in [
            "{4}:443",
            "({4}, [{6}]:443)",
            "'{6}'",
            "ends with {4}.",
            "{4}/32",
            "fe80 {6}/128",
            "via {4}: no",
            "x={4};y={6}",
        ] {
            let of = |v4: &str, v6: &str| frame.replace("{4}", v4).replace("{6}", v6);
            assert_eq!(redactor.text(&of("203.0.113.10", "2001:db8::10")), of(&v4, &v6));
        }
    }

    #[test]
    fn the_strict_level_hides_files_outside_etc() {
        let mut redactor = Redactor::new(Redaction::Strict, 1);
        for (text, expected) in [
            ("/srv/acme/ca.pem", "/file-1"),
            ("/home/ann/keys.yaml and /srv/acme/ca.pem", "/home/user-1/file-2 and /file-1"),
            ("/etc/hosts", "/etc/hosts"),
            ("a / b", "a / b"),
        ] {
            assert_eq!(redactor.text(text), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_no_panic_and_gives_the_same_again(text in "\\PC{0,60}", dotted in "[0-9a-f:./@-]{0,40}") {
            let mut redactor = Redactor::new(Redaction::Strict, 3);
            for text in [text, dotted] {
                // The first time, names may be learnt behind where they stand.
                let _ = redactor.text(&text);
                let second = redactor.text(&text);
                proptest::prop_assert_eq!(redactor.text(&text), second);
            }
        }
    }
}
