//! Which programs on this machine would go to an endpoint over a proxy, by the variables that cosprobe found in its environment.
//!
//! No standard says how these variables are read. Two readings stand for most programs: curl's, and that of Go's `net/http`, which
//! coscli uses. Sources: "Everything curl", chapter on proxy environment variables, and curl's `lib/noproxy.c`;
//! `golang.org/x/net/http/httpproxy`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::codes::HST002;
use super::{Confidence, Finding};
use crate::config::Policy;
use crate::evidence::{Evidence, ProxyEnvironment, Stage, clean};
use crate::target::{COS_SUFFIXES, Protocol, Service, Target};

/// A way to read the variables: which ones, the first that is set counts.
struct Reader {
    /// Who reads so, in the plural.
    programs: Text,
    https: &'static [&'static str],
    /// A variable `HTTP_PROXY` can come from a request to a CGI script, so curl does not read it.
    http: &'static [&'static str],
    exempt: &'static [&'static str],
    exempts: fn(list: &str, host: &str, port: u16) -> bool,
}

static CURL: Reader = Reader {
    programs: text!("curl and programs that read the variables as it does"),
    https: &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
    http: &["http_proxy", "all_proxy", "ALL_PROXY"],
    exempt: &["no_proxy", "NO_PROXY"],
    exempts: curl_exempts,
};

static GO: Reader = Reader {
    programs: text!("programs in Go such as coscli"),
    https: &["HTTPS_PROXY", "https_proxy"],
    http: &["HTTP_PROXY", "http_proxy"],
    exempt: &["NO_PROXY", "no_proxy"],
    exempts: go_exempts,
};
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, _policy: &Policy) -> Vec<Finding> {
    evidence.targets.iter().filter_map(|target| proxy_bypassed(evidence, target)).collect()
}

fn proxy_bypassed(evidence: &Evidence, target: &Target) -> Option<Finding> {
    let (id, variables) = evidence
        .of_stage(Stage::Host)
        .find_map(|observation| Some((observation.id, observation.detail.proxy_environment()?)))?;
    let connects = evidence.of_endpoint(Stage::Connect, &target.host).filter(|observation| observation.was_run());
    let mut connects = connects.filter_map(|observation| observation.detail.tcp()).peekable();
    // With --connect-to the user has chosen another way already; and what was not tried did not bypass anything.
    if connects.peek().is_none() || connects.any(|tcp| tcp.redirected_to.is_some()) {
        return None;
    }
    // What stands for the endpoint is HTTPS, where it is spoken.
    let spoken = [Protocol::Https, Protocol::Http].into_iter();
    let mut services = spoken.flat_map(|protocol| target.services.iter().filter(move |s| s.protocol == protocol));
    services.find_map(|&service| {
        let of = |reader: &Reader| reader.proxy(variables, &target.host, service);
        let summary = summary(&target.host, service, of(&CURL), of(&GO))?;
        let finding = Finding::new(&HST002, &target.host, id, summary).confidence(Confidence::Medium);
        Some(helped(finding, variables, target))
    })
}

type Used<'a> = Option<(&'a str, &'a str)>;

fn summary(host: &str, service: Service, curl: Used<'_>, go: Used<'_>) -> Option<Text> {
    let scheme = if service.protocol == Protocol::Https { text!("HTTPS") } else { text!("plain HTTP") };
    let of = |(variable, proxy): (&str, &str)| text!("{proxy} ({variable})", proxy = clean(proxy, 100), variable);
    let over = |used| text!("use the proxy {proxy} for {scheme} to {host}", proxy = of(used), scheme = &scheme, host);
    let but = text!("cosprobe went there directly");
    match (curl, go) {
        (None, None) => None,
        (Some((_, one)), Some(used @ (_, other))) if one == other => {
            Some(text!("programs started in this environment {use_it}; {but}", use_it = over(used), but))
        }
        (Some(used), None) => Some(text!(
            "{curl} {use_it}, {go} do not; {but}",
            curl = &CURL.programs,
            use_it = over(used),
            go = &GO.programs,
            but
        )),
        (None, Some(used)) => {
            Some(text!("{go} {use_it}, curl does not; {but}", go = &GO.programs, use_it = over(used), but))
        }
        (Some(used), Some((variable, proxy))) => Some(text!(
            "{curl} {use_it}, {go} use {proxy} ({variable}); {but}",
            curl = &CURL.programs,
            use_it = over(used),
            go = &GO.programs,
            proxy,
            variable,
            but
        )),
    }
}

fn helped(finding: Finding, variables: &ProxyEnvironment, target: &Target) -> Finding {
    let host = &target.host;
    let suffix = COS_SUFFIXES.iter().find(|suffix| host.ends_with(&format!(".{suffix}")));
    let exempt = suffix.map_or(host.as_str(), |suffix| suffix);
    let lists = || CURL.exempt.iter().filter_map(|name| value(variables, name)).flat_map(|list| list.split(','));
    let mut finding = finding.help(text!("you: if COS is to be reached directly, add {exempt} to both no_proxy and NO_PROXY, without a dot or a star before it", exempt));
    let is_range = |entry: &&str| entry.trim().parse::<IpNet>().is_ok() || entry.trim().parse::<IpAddr>().is_ok();
    if let Some(range) = lists().find(|entry| is_range(entry) && target.address().is_none()) {
        finding = finding.help(text!("you: {range} in no_proxy does not help: it stands for addresses that are given as such, not for names that resolve to them", range = range.trim()));
    }
    finding.help(text!("you: if the proxy is meant, see what it makes of it: `curl -v https://{host}/`", host))
}

fn value<'a>(variables: &'a ProxyEnvironment, name: &str) -> Option<&'a str> {
    variables.variables.iter().find(|variable| variable.name == name).map(|variable| variable.value.as_str())
}

impl Reader {
    /// The variable and the proxy that are used for a service of a host.
    fn proxy<'a>(&self, variables: &'a ProxyEnvironment, host: &str, service: Service) -> Used<'a> {
        let first = |names: &'static [&'static str]| {
            names.iter().find_map(|name| Some((*name, value(variables, name)?)).filter(|(_, value)| !value.is_empty()))
        };
        let used = first(if service.protocol == Protocol::Https { self.https } else { self.http })?;
        // Of a list that was too long for the record, the rest may exempt the host.
        let exempt =
            first(self.exempt).is_some_and(|(_, list)| list.ends_with('…') || (self.exempts)(list, host, service.port));
        (!exempt).then_some(used)
    }
}

/// curl: entries between commas, and the list ends where a blank stands between two without a comma (to older ones, such as 7.88, a
/// blank is a comma); a dot before or behind an entry does not count; a star stands alone or for nothing.
fn curl_exempts(list: &str, host: &str, _port: u16) -> bool {
    let mut more = true;
    let mut entries = list.split(',').map_while(|text| {
        let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
        let entry = more.then(|| words.next().unwrap_or_default());
        more &= words.next().is_none();
        entry
    });
    list == "*"
        || entries.any(|entry| {
            let name = entry.strip_suffix('.').unwrap_or(entry);
            let name = name.strip_prefix('.').unwrap_or(name);
            host.parse().map_or_else(|_| is_within(host, name), |address| holds(entry, address))
        })
}

/// Go: entries between commas, perhaps with a port; a dot or `*.` before a name leaves the name itself out. Loopback is always direct.
fn go_exempts(list: &str, host: &str, port: u16) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    list.split(',').map(str::trim).any(|entry| {
        let (name, of_port) = match entry.rsplit_once(':') {
            Some((name, of_port)) if name.starts_with('[') && name.ends_with(']') => {
                (name.trim_start_matches('[').trim_end_matches(']'), of_port)
            }
            Some((name, of_port)) if !name.contains(':') => (name, of_port),
            _ => (entry, ""),
        };
        let is_named = match (address, name.strip_prefix("*.").or_else(|| name.strip_prefix('.'))) {
            (Some(address), _) => holds(name, address),
            (None, Some(parent)) => is_within(host, parent) && !host.eq_ignore_ascii_case(parent),
            (None, None) => is_within(host, name),
        };
        entry == "*" || (is_named && (of_port.is_empty() || of_port == port.to_string()))
    })
}

/// Whether an entry is an address, or a range that holds it.
fn holds(entry: &str, address: IpAddr) -> bool {
    entry.parse() == Ok(address) || entry.parse::<IpNet>().is_ok_and(|range| range.contains(&address))
}

/// Whether a host is a domain or stands below it.
fn is_within(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    !domain.is_empty() && (host == domain || host.strip_suffix(&domain).is_some_and(|before| before.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";

    fn used<'a>(reader: &Reader, variables: &'a ProxyEnvironment, port: u16) -> Used<'a> {
        reader.proxy(variables, HOST, Service::customary(port))
    }

    fn environment(variables: &[(&str, &str)]) -> ProxyEnvironment {
        let variables = variables
            .iter()
            .map(|(name, value)| crate::evidence::Variable { name: (*name).to_owned(), value: (*value).to_owned() });
        ProxyEnvironment { variables: variables.collect() }
    }

    #[test]
    fn each_reader_has_its_variables() {
        for (name, curl_https, curl_http, go_https, go_http) in [
            ("https_proxy", true, false, true, false),
            ("HTTPS_PROXY", true, false, true, false),
            ("http_proxy", false, true, false, true),
            ("HTTP_PROXY", false, false, false, true),
            ("all_proxy", true, true, false, false),
            ("ALL_PROXY", true, true, false, false),
        ] {
            let variables = environment(&[(name, "http://proxy.example:3128")]);
            let found = [used(&CURL, &variables, 443), used(&CURL, &variables, 80)].map(|used| used.is_some());
            assert_eq!(found, [curl_https, curl_http], "curl, {name}");
            let found = [used(&GO, &variables, 443), used(&GO, &variables, 80)].map(|used| used.is_some());
            assert_eq!(found, [go_https, go_http], "Go, {name}");
        }
        let both = environment(&[("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:1")]);
        assert_eq!(used(&CURL, &both, 443), Some(("https_proxy", "http://lower:1")));
        assert_eq!(used(&GO, &both, 443), Some(("HTTPS_PROXY", "http://upper:1")));
    }

    #[test]
    fn each_reader_has_its_exemptions() {
        for (list, host, curl, go) in [
            ("*", HOST, true, true),
            ("localhost,*", HOST, false, true),
            ("myqcloud.com", HOST, true, true),
            (".myqcloud.com", HOST, true, true),
            ("*.myqcloud.com", HOST, false, true),
            ("MyQcloud.com", HOST, true, true),
            ("myqcloud.com.", HOST, true, false),
            ("..", HOST, false, false),
            ("cloud.com", HOST, false, false),
            (HOST, HOST, true, true),
            (".cos.example", "cos.example", true, false),
            ("*.cos.example", "cos.example", false, false),
            ("localhost myqcloud.com", HOST, false, false),
            ("myqcloud.com localhost", HOST, true, false),
            ("localhost other,myqcloud.com", HOST, false, true),
            ("localhost ,\tmyqcloud.com , other", HOST, true, true),
            ("localhost,,myqcloud.com", HOST, true, true),
            ("localhost, myqcloud.com", HOST, true, true),
            ("myqcloud.com:443", HOST, false, true),
            ("myqcloud.com:80", HOST, false, false),
            ("myqcloud.com:https", HOST, false, false),
            ("myqcloud.com:", HOST, false, true),
            (":443", HOST, false, false),
            ("169.254.0.0/16", HOST, false, false),
            ("169.254.0.0/16", "169.254.0.47", true, true),
            ("169.254.0.47", "169.254.0.47", true, true),
            ("169.254.0.48", "169.254.0.47", false, false),
            ("2001:db8::/32", "2001:db8::1", true, true),
            ("[2001:db8::1]:443", "2001:db8::1", false, true),
            ("[2001:db8::1]", "2001:db8::1", false, false),
            ("[2001:db8::1]:80", "2001:db8::1", false, false),
            ("", HOST, false, false),
            (",,", HOST, false, false),
            ("none", "127.0.0.1", false, true),
            ("none", "localhost", false, true),
        ] {
            let found = (curl_exempts(list, host, 443), go_exempts(list, host, 443));
            assert_eq!(found, (curl, go), "no_proxy={list} for {host}");
        }
    }

    fn judged(connect: &serde_json::Value, variables: &[(&str, &str)]) -> Vec<Finding> {
        let variables = environment(variables);
        let evidence = serde_json::json!({
            "targets": [{"host": HOST}],
            "evidence": [
                {"id": 1, "stage": "host", "outcome": {"status": "succeeded"},
                 "detail": {"type": "proxy_environment", "variables": variables.variables}},
                connect,
            ],
        });
        rule(&serde_json::from_value(evidence).unwrap(), &Policy::default())
    }

    fn connect(outcome: &serde_json::Value, redirected_to: Option<&str>) -> serde_json::Value {
        serde_json::json!({"id": 2, "stage": "connect", "endpoint": HOST, "peer": "203.0.113.10:443", "outcome": outcome,
            "detail": {"type": "tcp", "redirected_to": redirected_to}})
    }

    #[test]
    fn only_what_was_tried_directly_bypassed_a_proxy() {
        let proxy = [("https_proxy", "http://proxy.example:3128"), ("no_proxy", "localhost, 169.254.0.0/16")];
        let succeeded = serde_json::json!({"status": "succeeded"});
        let skipped = serde_json::json!({"status": "not_run", "because": "deadline"});
        let findings = judged(&connect(&succeeded, None), &proxy);
        assert_eq!(findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["HST002"]);
        let help = findings[0].help.iter().map(ToString::to_string).collect::<String>();
        assert!(
            help.contains("add myqcloud.com to both") && help.contains("169.254.0.0/16 in no_proxy does not"),
            "{help}"
        );
        let both = [("http_proxy", "http://plain.example:1"), proxy[0]];
        let findings = judged(&connect(&succeeded, None), &both);
        assert!(
            findings[0].summary.to_string().contains("http://proxy.example:3128 (https_proxy) for HTTPS"),
            "{findings:?}"
        );
        let findings = judged(&connect(&succeeded, None), &both[..1]);
        assert!(
            findings[0].summary.to_string().contains("http://plain.example:1 (http_proxy) for plain HTTP"),
            "{findings:?}"
        );
        assert!(judged(&connect(&succeeded, Some("127.0.0.1:1")), &proxy).is_empty(), "sent elsewhere");
        assert!(judged(&connect(&skipped, None), &proxy).is_empty(), "not tried");
        assert!(judged(&connect(&succeeded, None), &[proxy[0], ("no_proxy", "myqcloud.com")]).is_empty(), "exempt");
        assert!(judged(&connect(&succeeded, None), &[proxy[0], ("no_proxy", "one.example,tw…")]).is_empty(), "cut");
        assert!(judged(&connect(&succeeded, None), &[]).is_empty(), "no proxy");
    }

    #[test]
    fn who_uses_which_proxy_is_told() {
        let https = Service::customary(443);
        let (one, two) = (Some(("https_proxy", "http://one:1")), Some(("HTTPS_PROXY", "http://two:2")));
        let told = |curl, go| summary("cos.example", https, curl, go);
        assert_eq!(told(None, None), None);
        for (curl, go, beginning, words) in [
            (
                one,
                one,
                "programs started in this environment use",
                vec!["http://one:1 (https_proxy) for HTTPS to cos.example"],
            ),
            (one, None, "curl and programs", vec!["http://one:1 (https_proxy)", "coscli do not"]),
            (None, two, "programs in Go", vec!["http://two:2 (HTTPS_PROXY)", "curl does not"]),
            (
                one,
                two,
                "curl and programs",
                vec!["http://one:1 (https_proxy)", "coscli use http://two:2 (HTTPS_PROXY)"],
            ),
        ] {
            let text = told(curl, go).unwrap().to_string();
            assert!(text.starts_with(beginning) && text.ends_with("; cosprobe went there directly"), "{text}");
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        }
        let plain = summary("cos.example", Service::customary(80), one, one).unwrap().to_string();
        assert!(plain.contains("for plain HTTP to cos.example"), "{plain}");
    }
}
