//! Stand-ins for host names, buckets and what stands in certificates.
//!
//! A label has one stand-in wherever it stands, so that a name below another is below it afterwards, and a wildcard covers what it
//! covered. What names a service of Tencent's or of a big CDN stays, with the labels that COS gives a meaning.

use std::net::IpAddr;

use super::text::is_telling;
use super::{Redactor, keyed};
use crate::evidence::reverse_name;
use crate::region::{ALIASES, has_region_shape};
use crate::target::{COS_SUFFIXES, HostForm, check_bucket};

/// Hosts that are the same for everybody.
const WELL_KNOWN: &[&str] = &[
    "localhost",
    "metadata.tencentyun.com",
    "doh.pub",
    "dot.pub",
    "dns.pub",
    "dns.google",
    "one.one.one.one",
    "dns.alidns.com",
    "console.cloud.tencent.com",
];

/// Domains of providers: what stands before is replaced. Those of COS are in `target`.
const PROVIDERS: &[&str] = &[
    "tencentyun.com",
    "tencentcloudapi.com",
    "tencent-cloud.com",
    "tencent-cloud.net",
    "qcloud.com",
    "qcloudcdn.com",
    "tencent.com",
    "cdn.dnsv1.com",
    "cdn.dnsv1.com.cn",
    "dsa.dnsv1.com",
    "dnsv1.com",
    "dnsv1.com.cn",
    "tdnsv5.com",
    "cdntip.com",
    "eo.dnse1.com",
    "dnse1.com",
    "cloudfront.net",
    "akamaiedge.net",
    "akamai.net",
    "edgekey.net",
    "edgesuite.net",
    "cloudflare.net",
    "fastly.net",
    "azureedge.net",
    "kunlunca.com",
    "alikunlun.com",
    "wscdns.com",
    "wsdvs.com",
    "bdydns.com",
];

/// Labels of COS hosts that say what kind of endpoint it is.
const OF_COS: &[&str] = &[
    "*",
    "cos",
    "cos-internal",
    "cos-website",
    "cos-website-internal",
    "cos-dualstack",
    "cos-cdc",
    "accelerate",
    "ci",
    "pic",
    "picgz",
    "file",
    "service",
];

/// Makers of certificates whose roots are in every system, by the beginning of an attribute of the name.
const AUTHORITIES: &[&str] = &[
    "DigiCert",
    "GlobalSign",
    "Let's Encrypt",
    "ISRG",
    "Internet Security Research Group",
    "Sectigo",
    "COMODO",
    "USERTRUST",
    "The USERTRUST",
    "USERTrust",
    "TrustAsia",
    "WoTrus",
    "CFCA",
    "China Financial Certification",
    "GeoTrust",
    "Entrust",
    "GoDaddy",
    "Go Daddy",
    "Starfield",
    "Google Trust Services",
    "GTS ",
    "Amazon",
    "Microsoft",
    "VeriSign",
    "Symantec",
    "Thawte",
    "thawte",
    "RapidSSL",
    "Certum",
    "Unizeto",
    "Asseco",
    "Actalis",
    "Buypass",
    "SSL Corporation",
    "SSL.com",
    "ZeroSSL",
    "IdenTrust",
    "QuoVadis",
    "Baltimore",
    "AffirmTrust",
    "iTrusChina",
    "Secure Site",
    "Encryption Everywhere",
];

/// Account numbers have ten digits; shorter ones are replaced wherever they stand from this length on.
const SHORTEST_ACCOUNT: usize = 6;

/// What cosprobe's own lab writes into its certificates.
const OF_LAB: &str = "cosprobe lab";

/// Whether a host is the same for everybody.
pub(super) fn is_well_known(host: &str) -> bool {
    WELL_KNOWN.contains(&host)
}

impl Redactor {
    /// The stand-in of a host, of an address where it is one, of a name below which others stand.
    pub(super) fn host(&mut self, host: &str) -> String {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return self.addresses.address(ip).to_string();
        }
        let lead = ["*.", "."].into_iter().find(|lead| host.starts_with(lead)).unwrap_or_default();
        let bare = &host[lead.len()..];
        let dots = bare.len() - bare.trim_end_matches('.').len();
        let (name, end) = bare.split_at(bare.len() - dots);
        let lower = name.to_ascii_lowercase();
        let new = match reversed(&lower) {
            _ if lower.is_empty() || lower == "*" || is_well_known(&lower) => name.to_owned(),
            Some(ip) => reverse_name(self.addresses.address(ip)),
            None => self.name(&lower),
        };
        format!("{lead}{new}{end}")
    }

    fn name(&mut self, name: &str) -> String {
        let below =
            |suffix: &&&str| name == **suffix || name.strip_suffix(**suffix).is_some_and(|rest| rest.ends_with('.'));
        if let Some(suffix) = COS_SUFFIXES.iter().find(below) {
            return self.below(name, suffix, Self::cos_label);
        }
        if let Some(suffix) = PROVIDERS.iter().filter(below).max_by_key(|suffix| suffix.len()) {
            return self.below(name, suffix, |redactor, label, _| redactor.label(label));
        }
        match name.rsplit_once('.') {
            Some((rest, top)) => {
                let labels: Vec<String> = rest.split('.').map(|label| self.label(label)).collect();
                format!("{}.{}", labels.join("."), self.top_label(top))
            }
            // The end of a name that is kept stands for all names below it.
            None if matches!(name, "com" | "cn" | "net") => {
                self.top_labels.insert(name.to_owned(), name.to_owned());
                name.to_owned()
            }
            None => self.words.get(name).cloned().unwrap_or_else(|| self.label(name)),
        }
    }

    /// The labels before a suffix that stays.
    fn below(
        &mut self,
        name: &str,
        suffix: &str,
        stand_in: impl Fn(&mut Self, &str, Option<&HostForm>) -> String,
    ) -> String {
        let form = HostForm::read(name).ok().flatten();
        let Some(rest) = name.strip_suffix(suffix).and_then(|rest| rest.strip_suffix('.')) else {
            return suffix.to_owned();
        };
        let labels: Vec<String> = rest.split('.').map(|label| stand_in(self, label, form.as_ref())).collect();
        format!("{}.{suffix}", labels.join("."))
    }

    fn cos_label(&mut self, label: &str, form: Option<&HostForm>) -> String {
        let is_bucket = form.and_then(|form| form.bucket.as_deref()) == Some(label);
        let is_region =
            has_region_shape(label) || ALIASES.iter().any(|(alias, region)| *alias == label || *region == label);
        let is_told = form.is_some_and(|form| form.region.as_deref() == Some(label));
        match () {
            () if is_bucket => self.bucket(label),
            () if OF_COS.contains(&label) || is_region || is_told => label.to_owned(),
            () if check_bucket(label).is_ok() => self.bucket(label),
            () => self.label(label),
        }
    }

    /// The stand-in of one label.
    fn label(&mut self, label: &str) -> String {
        if label.is_empty() || label == "*" {
            return label.to_owned();
        }
        if check_bucket(label).is_ok() && self.words.contains_key(label) {
            return self.bucket(label);
        }
        if let Some(known) = self.labels.get(label) {
            return known.clone();
        }
        let new = self.next("host");
        self.labels.insert(label.to_owned(), new.clone());
        new
    }

    /// The stand-in of the last label: a domain that nobody can have (RFC 2606).
    fn top_label(&mut self, label: &str) -> String {
        if let Some(known) = self.top_labels.get(label) {
            return known.clone();
        }
        let new = match self.next("example").as_str() {
            "example-1" => "example".to_owned(),
            further => further.to_owned(),
        };
        self.top_labels.insert(label.to_owned(), new.clone());
        new
    }

    /// The stand-in of a bucket with its APPID, which is a bucket too.
    pub(super) fn bucket(&mut self, bucket: &str) -> String {
        if let Some(known) = self.words.get(bucket) {
            return known.clone();
        }
        let Some((name, appid)) = bucket.rsplit_once('-').filter(|_| check_bucket(bucket).is_ok()) else {
            return self.word(bucket, "bucket");
        };
        let key = format!("{name}-");
        let stand_in = self.labels.get(&key).cloned();
        let stand_in = stand_in.unwrap_or_else(|| self.next("bucket"));
        self.labels.insert(key, stand_in.clone());
        if is_telling(name) {
            self.words.insert(name.to_owned(), stand_in.clone());
        }
        let appid = self.account(appid);
        let new = format!("{stand_in}-{appid}");
        self.words.insert(bucket.to_owned(), new.clone());
        new
    }

    /// Another number of the same length. It begins with 0, as no account's does.
    fn account(&mut self, appid: &str) -> String {
        // A short number may be any number.
        let is_telling = appid.len() >= SHORTEST_ACCOUNT;
        let map = if is_telling { &self.words } else { &self.common };
        if let Some(known) = map.get(appid) {
            return known.clone();
        }
        let number = |salt: u32| {
            let digits = keyed(self.seed, "account", &[appid.as_bytes(), &salt.to_be_bytes()].concat());
            let digits: String =
                digits.iter().cycle().take(appid.len() - 1).map(|byte| char::from(b'0' + byte % 10)).collect();
            format!("0{digits}")
        };
        let is_free = |number: &String| number != appid && !map.values().any(|known| known == number);
        let new = (0..100).map(number).find(is_free).unwrap_or_else(|| number(0));
        let map = if is_telling { &mut self.words } else { &mut self.common };
        map.insert(appid.to_owned(), new.clone());
        new
    }

    /// A distinguished name, attribute by attribute. Makers of public certificates stay.
    pub(super) fn distinguished(&mut self, name: &str) -> String {
        let parts =
            attributes(name).into_iter().flat_map(|(lead, value)| [lead.to_owned(), self.attribute(lead, value)]);
        parts.collect()
    }

    fn attribute(&mut self, lead: &str, value: &str) -> String {
        let is_public = AUTHORITIES.iter().any(|authority| value.starts_with(authority));
        let is_country = lead.trim_start_matches(", ").starts_with("C=") && value.len() == 2;
        if is_public || is_country || value.starts_with(OF_LAB) || value.starts_with("Tencent") || value.is_empty() {
            return value.to_owned();
        }
        let is_host = value.contains('.') && !value.contains([' ', ',']);
        if is_host { self.host(value) } else { self.word(value, "name") }
    }
}

/// The attributes of a distinguished name: what stands before the value, and the value.
fn attributes(name: &str) -> Vec<(&str, &str)> {
    let is_type = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    let begins = |at: usize| name[at..].split_once('=').is_some_and(|(kind, _)| is_type(kind));
    let starts: Vec<usize> =
        std::iter::once(0).chain(name.match_indices(", ").map(|(at, _)| at).filter(|at| begins(at + 2))).collect();
    let ends = starts.iter().skip(1).copied().chain([name.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let part = &name[start..end];
            part.find('=').map_or(("", part), |at| part.split_at(at + 1))
        })
        .collect()
}

/// The address whose names are asked for under a name (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn reversed(name: &str) -> Option<IpAddr> {
    if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        return labels.rsplit('.').collect::<Vec<_>>().join(".").parse().ok();
    }
    let digits: Vec<&str> = name.strip_suffix(".ip6.arpa")?.rsplit('.').collect();
    let groups: Vec<String> = digits.chunks(4).map(<[&str]>::concat).collect();
    groups.join(":").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Redaction, Redactor};
    use super::*;

    #[test]
    fn a_host_keeps_what_the_rules_read() {
        let mut redactor = Redactor::new(Redaction::Default, 1);
        let bucket = redactor.bucket("files-1250000000");
        assert!(
            check_bucket(&bucket).is_ok() && bucket.starts_with("bucket-1-0") && bucket.len() == "bucket-1-".len() + 10
        );
        for host in HostForm::all_of("files-1250000000") {
            let new = redactor.host(&host);
            let (before, after) = (HostForm::read(&host).unwrap(), HostForm::read(&new).unwrap());
            assert_eq!(new, host.replace("files-1250000000", &bucket));
            assert_eq!(before.map(|form| (form.role, form.region)), after.map(|form| (form.role, form.region)));
        }
    }

    #[test]
    fn names_keep_their_places_in_each_other() {
        let mut redactor = Redactor::new(Redaction::Default, 1);
        let mut host = |text: &str| redactor.host(text);
        for (text, expected) in [
            ("files.corp.com", "host-1.host-2.example"),
            ("*.corp.com", "*.host-2.example"),
            (".corp.com", ".host-2.example"),
            ("Files.CORP.com.", "host-1.host-2.example."),
            ("files.corp.org", "host-1.host-2.example-2"),
            ("proxy", "host-3"),
            ("localhost", "localhost"),
            ("metadata.tencentyun.com", "metadata.tencentyun.com"),
            ("files.corp.com.cdn.dnsv1.com", "host-1.host-2.host-4.cdn.dnsv1.com"),
            ("gz.file.myqcloud.com", "gz.file.myqcloud.com"),
            ("*.cos.ap-guangzhou.myqcloud.com", "*.cos.ap-guangzhou.myqcloud.com"),
            ("myqcloud.com", "myqcloud.com"),
            ("notmyqcloud.com", "host-5.example"),
            ("cos.ap-guangzhou.tencentcos.cn", "cos.ap-guangzhou.tencentcos.cn"),
            ("secret.ap-guangzhou.myqcloud.com", "host-6.ap-guangzhou.myqcloud.com"),
            ("1.0.0.127.in-addr.arpa", "1.0.0.127.in-addr.arpa"),
        ] {
            assert_eq!(host(text), expected, "{text}");
        }
        let (forward, backward) = (redactor.host("192.0.2.7"), redactor.host("7.2.0.192.in-addr.arpa"));
        assert_eq!(backward, reverse_name(forward.parse().unwrap()));
        let (forward, backward) =
            (redactor.host("2001:db8::7"), redactor.host(&reverse_name("2001:db8::7".parse().unwrap())));
        assert_eq!(backward, reverse_name(forward.parse().unwrap()));
    }

    #[test]
    fn makers_of_public_certificates_stay() {
        let mut redactor = Redactor::new(Redaction::Default, 1);
        for (name, expected) in [
            ("C=US, O=DigiCert Inc, CN=DigiCert Global Root G2", "C=US, O=DigiCert Inc, CN=DigiCert Global Root G2"),
            ("C=DE, L=Ulm, O=Acme, Inc., CN=Acme Root", "C=DE, L=name-1, O=name-2, CN=name-3"),
            ("CN=*.corp.com", "CN=*.host-1.example"),
            ("CN=Acme Root", "CN=name-3"),
            ("", ""),
        ] {
            assert_eq!(redactor.distinguished(name), expected);
        }
    }
}
