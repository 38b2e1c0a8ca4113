//! What the texts of each field are, and so what stands for them.

use serde_json::Value;

use super::Redactor;

/// Fields whose texts are words of this format, versions, times, or places of Tencent's: they tell about nobody.
const KEPT: &[&str] = &[
    "status",
    "kind",
    "type",
    "because",
    "stage",
    "role",
    "protocol",
    "method",
    "authentication",
    "purpose",
    "hypothesis",
    "record_type",
    "transport",
    "origin",
    "rcode",
    "stub",
    "result",
    "version",
    "cipher",
    "started_at",
    "answered_at",
    "local_time",
    "not_before",
    "not_after",
    "expires_at",
    "key_time",
    "server_time",
    "architecture",
    "vendor",
    "zone",
    "region",
    "sources",
    "answer",
    "stop",
];

/// Headers that tell what an object's content is.
const FINGERPRINTS: &[&str] = &["etag", "x-cos-hash-crc64ecma", "x-cos-version-id", "x-cos-content-sha1"];

/// Exchanges every text of a record. `within` is the name of what holds it: a list, or the kind of an observation's detail.
pub(super) fn walk(redactor: &mut Redactor, value: &mut Value, within: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| walk(redactor, item, within)),
        Value::Object(members) => {
            let named = members.get("name").and_then(Value::as_str).map(str::to_owned);
            let kind = members.get("type").and_then(Value::as_str).map(str::to_owned);
            let within = if within == "detail" { kind.as_deref().unwrap_or(within) } else { within };
            // The region and the bucket of a host are known by the host; buckets go first, so that they are found in what follows.
            if let Some(Value::String(bucket)) = members.get_mut("bucket") {
                *bucket = redactor.bucket(bucket);
            }
            for (name, member) in members.iter_mut().filter(|(name, _)| *name != "bucket") {
                match member {
                    Value::String(text) => *text = field(redactor, within, name, named.as_deref(), text),
                    Value::Array(items) if items.iter().all(Value::is_string) => {
                        for item in items {
                            if let Value::String(text) = item {
                                *text = field(redactor, within, name, None, text);
                            }
                        }
                    }
                    member => walk(redactor, member, name),
                }
            }
        }
        _ => {}
    }
}

/// What stands for one text. `named` is the member `name` beside it.
fn field(redactor: &mut Redactor, within: &str, name: &str, named: Option<&str>, text: &str) -> String {
    match (within, name) {
        ("labels", _) if redactor.is_strict() => redactor.word(text, "label"),
        ("headers", "value") => redactor.header(named.unwrap_or_default(), text),
        ("variables", "value") => redactor.proxy(text),
        ("machine", "kernel") if redactor.is_strict() => redactor.text(&short_release(text)),
        ("interfaces", "name") | (_, "interface") => redactor.interface(text),
        ("dns" | "system_lookup", "name") | ("dns" | "chain", "names") | ("cname_chain", "target") => {
            redactor.host(text)
        }
        (_, "host" | "endpoint" | "of" | "server_name" | "search") => redactor.host(text),
        ("chain", "subject" | "issuer") => redactor.distinguished(text),
        ("targets" | "target" | "http", "path") => redactor.object_path(text),
        (_, "path") if text.starts_with('/') => redactor.file(text),
        (_, "input" | "resource") => redactor.input(text),
        (_, "url") => redactor.url(text),
        (_, "instance_id") => redactor.word(text, "instance"),
        (_, "vpc_id") => redactor.word(text, "vpc"),
        (_, "subnet_id") => redactor.word(text, "subnet"),
        (_, "request_id") if redactor.is_strict() => redactor.request_id(text),
        (_, "trace_id") if redactor.is_strict() => redactor.opaque(text),
        (_, "format_string") => redactor.format_string(text),
        (_, "string_to_sign") => redactor.string_to_sign(text),
        (_, "problem") => redactor.text(&without_quoted(text)),
        ("headers" | "variables", "name") => text.to_owned(),
        (_, "request_id" | "trace_id") if is_id(text) => text.to_owned(),
        ("error", "code") if text.bytes().all(|b| b.is_ascii_alphanumeric()) => text.to_owned(),
        // A word stays, and a sentence where a word should be does not.
        _ if KEPT.contains(&name) && !text.contains(['.', ':']) => text.to_owned(),
        _ => redactor.text(text),
    }
}

impl Redactor {
    /// The value of a header of an answer.
    fn header(&mut self, name: &str, value: &str) -> String {
        match name {
            "x-cos-request-id" | "x-ci-request-id" if self.is_strict() => self.request_id(value),
            "x-cos-trace-id" if self.is_strict() => self.opaque(value),
            "x-cos-request-id" | "x-ci-request-id" | "x-cos-trace-id" | "x-cos-bucket-region" if is_id(value) => {
                value.to_owned()
            }
            "location" => self.url(value),
            "via" => self.passed_on_by(value),
            name if FINGERPRINTS.contains(&name) => self.fingerprint(value),
            _ => self.text(value),
        }
    }

    /// `Via`: protocol and host, between commas (RFC 9110, section 7.6.3).
    fn passed_on_by(&mut self, value: &str) -> String {
        let one = |entry: &str| {
            let named = entry.split(' ').enumerate().filter(|(_, word)| !word.is_empty()).nth(1).map(|(at, _)| at);
            let word = |(at, word): (usize, &str)| if Some(at) == named { self.listed(word) } else { self.text(word) };
            let words: Vec<String> = entry.split(' ').enumerate().map(word).collect();
            words.join(" ")
        };
        value.split(',').map(one).collect::<Vec<_>>().join(",")
    }

    fn fingerprint(&self, value: &str) -> String {
        let bare = value.trim_matches('"');
        value.replace(bare, &self.digits(bare))
    }

    /// A proxy variable: a URL, or a list of hosts, addresses and networks.
    fn proxy(&mut self, value: &str) -> String {
        if value.contains("://") {
            return self.url(value);
        }
        let mut result = String::new();
        for part in value.split_inclusive([',', ' ', '\t']) {
            let entry = part.trim_end_matches([',', ' ', '\t']);
            result.push_str(&self.listed(entry));
            result.push_str(&part[entry.len()..]);
        }
        result
    }

    /// One host or network, perhaps with a port.
    fn listed(&mut self, entry: &str) -> String {
        let begins_address = entry.trim_start_matches('[').split([':', '/']).next().unwrap_or_default();
        if begins_address.parse::<std::net::Ipv4Addr>().is_ok() || entry.matches(':').count() > 1 {
            return self.text(entry);
        }
        let (name, rest) = entry.split_at(entry.find([':', '/', '…']).unwrap_or(entry.len()));
        if name.is_empty() { entry.to_owned() } else { format!("{}{rest}", self.host(name)) }
    }

    /// The name of an interface, where somebody gave it, or the kernel by its hardware address.
    fn interface(&mut self, name: &str) -> String {
        let is_named = if self.is_strict() { !is_usual_interface(name) } else { name.starts_with("enx") };
        if is_named { self.word(name, "interface") } else { self.text(name) }
    }
}

/// Whether the kernel or a usual program named an interface.
fn is_usual_interface(name: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "lo", "eth", "ens", "eno", "enp", "em", "wlan", "wlp", "wlo", "ppp", "tun", "tap", "utun", "wg", "bond", "br",
        "docker", "virbr", "veth", "cni", "flannel", "cali", "tunl", "sit", "gre", "gretap", "erspan", "ip6tnl",
        "ip6gre", "ip_vti", "ip6_vti", "dummy", "ifb", "team", "vlan", "usb",
    ];
    let is_number = |rest: &str| rest.bytes().all(|b| b.is_ascii_digit() || b"abcdefnpsu.@-".contains(&b));
    BEGINNINGS.iter().any(|begin| name.strip_prefix(begin).is_some_and(is_number))
}

/// Whether a text has nothing but what ids are made of.
fn is_id(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b))
}

/// A kernel's name and the first two numbers of its release, which is what its behaviour goes by.
fn short_release(kernel: &str) -> String {
    let (name, release) = kernel.split_once(' ').unwrap_or((kernel, ""));
    let numbers: Vec<&str> =
        release.split(['.', '-']).take(2).filter(|n| n.bytes().all(|b| b.is_ascii_digit())).collect();
    format!("{name} {}", numbers.join(".")).trim().to_owned()
}

/// A text without what it quotes of a file.
fn without_quoted(text: &str) -> String {
    match (text.find('\''), text.rfind('\'')) {
        (Some(first), Some(last)) if first < last => format!("{}…{}", &text[..=first], &text[last..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Redaction, Redactor};
    use super::*;

    fn redacted(level: Redaction, mut value: Value) -> Value {
        walk(&mut Redactor::new(level, 1), &mut value, "");
        value
    }

    #[test]
    fn fields_are_what_they_are_called() {
        let headers = json!([
            {"name": "via", "value": "1.1 proxy01 (squid/4.10), 1.0 192.0.2.1:80"},
            {"name": "etag", "value": "\"5f2a\""},
            {"name": "server", "value": "nginx/1.18.0"},
            {"name": "x-cos-request-id", "value": "NmIwNDk0NDdfNTAwMjAwYzBfNjhhZl8w"},
        ]);
        let variables = json!([
            {"name": "https_proxy", "value": "http://proxy:3128"},
            {"name": "no_proxy", "value": "localhost, .corp.com,myqcloud.com:443 10.0.0.0/8,*"},
        ]);
        let record = json!({"evidence": [
            {"endpoint": "www.corp.com", "detail": {"type": "http", "headers": headers, "path": "/k"}},
            {"detail": {"type": "proxy_environment", "variables": variables}},
            {"detail": {"type": "routes", "interfaces": [{"name": "eth0"}, {"name": "vpn-acme"}, {"name": "enx001122334455"}]}},
            {"detail": {"type": "resolver_configuration", "path": "/etc/resolv.conf", "search": ["corp.com", "acme"],
                "skipped": [{"line": 1, "problem": "'nameserver intranet' is not an address"}]}},
            {"detail": {"type": "machine", "kernel": "Linux 5.14.0-427.el9.acme.x86_64"}},
            {"detail": {"type": "metadata", "url": "http://metadata.tencentyun.com/latest/meta-data/", "zone": "ap-guangzhou-3",
                "instance_id": "ins-1a2b", "vpc_id": "vpc-1a2b", "subnet_id": "subnet-1a2b"}},
        ], "labels": {"ticket": "4711"}});
        let new = redacted(Redaction::Default, record.clone());
        let text = new.to_string();
        let at = |pointer: &str| new.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let values = "/evidence/1/detail/variables";
        assert_eq!(at(&format!("{values}/0/value")), "http://host-4:3128");
        assert_eq!(at(&format!("{values}/1/value")), "localhost, .host-3.example,myqcloud.com:443 10.0.0.0/8,*");
        assert!(at("/evidence/0/detail/headers/0/value").starts_with("1.1 host-"), "{text}");
        assert_eq!(at("/evidence/0/detail/headers/2/value"), "nginx/1.18.0");
        assert_eq!(at("/evidence/3/detail/skipped/0/problem"), "'…' is not an address");
        assert_eq!(at("/evidence/5/detail/url"), "http://metadata.tencentyun.com/latest/meta-data/");
        for gone in ["proxy01", "192.0.2.1", "5f2a", "corp", "001122334455", "intranet", "\"acme\"", "1a2b", "\"/k\""] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        for kept in ["NmIwNDk0NDdfNTAwMjAwYzBfNjhhZl8w", "eth0", "vpn-acme", "4711", "ap-guangzhou-3", "el9"] {
            assert!(text.contains(kept), "{kept} in {text}");
        }
        let text = redacted(Redaction::Strict, record).to_string();
        for gone in ["NmIwNDk0NDdfNTAwMjAwYzBfNjhhZl8w", "vpn-acme", "4711", "el9"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        assert!(text.contains("Linux 5.14\"") && text.contains("eth0"), "{text}");
    }
}
