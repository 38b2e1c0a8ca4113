//! Recorded evidence about name servers and about where the machine is. Findings for information count here too.

use std::collections::BTreeSet;

use cosprobe::diagnose::{Extent, Severity};
use cosprobe::report::Report;
use serde_json::{Value, json};

use super::{Row, Words, directory, read};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("another-answer-and-a-nameless-cos", 0, "healthy", "public", "", ""),
    ("both-families", 0, "healthy", "public", "", ""),
    ("cross-region", 0, "healthy", "public", "", ""),
    ("cross-region-private-elsewhere", 0, "degraded", "public", "DNS004:warning:medium", ""),
    ("custom-wrong-certificate-and-another-answer", 1, "unreachable", "public", "TLS002:error:medium", ""),
    ("decoy-answered", 1, "unreachable", "public", "DNS006:error:high", "HTP001<DNS006"),
    ("decoy-answered-cos-answers", 0, "healthy", "public", "", ""),
    ("decoy-answered-nothing-connects", 1, "unreachable", "public", "DNS006:error:medium", "TCP002<DNS006"),
    ("decoy-answered-tcp-only", 0, "healthy", "public", "", ""),
    ("decoy-silent", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("denied-programs-find-it", 0, "degraded", "public", "DNS001:warning:medium", ""),
    ("dns-comparison-cut-off", 0, "healthy", "public", "", ""),
    ("dns-goes-public", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns-healthy", 0, "healthy", "public", "", ""),
    ("dns-healthy-private", 0, "healthy", "private", "", ""),
    ("dns-interrupted", 130, "inconclusive", "unknown", "", ""),
    ("dns-nxdomain", 1, "unreachable", "unknown", "DNS001:error:medium", ""),
    ("dns-programs-only", 0, "degraded", "public", "DNS002:warning:high", ""),
    ("dns004-cache", 0, "degraded", "public", "DNS004:warning:high", "RTE004<DNS004"),
    ("dns004-cache-and-given", 0, "degraded", "public", "DNS004:warning:high", "RTE004<DNS004"),
    ("dns004-cache-nscd", 0, "degraded", "public", "DNS004:warning:high", "RTE004<DNS004"),
    ("dns004-cluster", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-docker", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-encrypted", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-foreign", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-hosts-file", 0, "degraded", "public", "HST003:warning:high", "DNS004<HST003"),
    ("dns004-loopback", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-nodelocal", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-not-accelerate", 0, "healthy", "public", "", ""),
    ("dns004-not-own-mixed", 0, "degraded", "mixed", "RTE004:warning:high", ""),
    ("dns004-not-own-private", 0, "healthy", "private", "", ""),
    ("dns004-not-vpc-not-run", 0, "healthy", "public", "", ""),
    ("dns004-not-vpc-public", 0, "healthy", "public", "", ""),
    ("dns004-region-unknown", 0, "degraded", "public", "DNS004:warning:medium", ""),
    ("dns004-resolved", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-resolved-behind", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-resolved-beside", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-resolved-old", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-stub-then-foreign", 0, "degraded", "public", "DNS002:warning:high DNS004:warning:high", ""),
    ("dns004-tcp-only", 0, "degraded", "public", "DNS004:warning:high", ""),
    ("dns004-unanswered", 1, "unreachable", "public", "DNS004:error:high", "TCP002<DNS004"),
    ("dnspod-private", 0, "healthy", "public", "", ""),
    ("doubled-again", 1, "unreachable", "public", "DNS006:error:high", "HTP001<DNS006 DNS005<DNS006"),
    ("doubled-elsewhere-only", 0, "healthy", "public", "", "DNS005<DNS006"),
    ("doubled-nxdomain", 1, "unreachable", "unknown", "DNS006:error:high", "DNS001<DNS006"),
    ("doubled-private-and-public", 1, "degraded", "public", "DNS006:error:high", ""),
    ("doubled-retransmitted", 0, "degraded", "public", "DNS008:warning:medium", ""),
    ("doubled-rotation", 0, "healthy", "public", "", ""),
    ("doubled-servfail-then-right", 0, "degraded", "public", "DNS003:warning:high", ""),
    ("doubled-truncated", 0, "healthy", "public", "", ""),
    ("doubled-unrelated", 1, "unreachable", "public", "DNS006:error:high", "HTP001<DNS006 DNS005<DNS006"),
    ("extent-bucket", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("extent-cut-off", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("extent-cut-off-in-part", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("extent-everything", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("extent-member-is-target", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("extent-nothing", 0, "healthy", "public", "", ""),
    ("extent-public-names", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("extent-region", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("extent-suffix", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("extent-tcp-only", 1, "unreachable", "public", "TCP001:error:medium", ""),
    ("extent-twin-alone", 1, "unreachable", "public", "TCP002:error:medium TCP002:error:medium", ""),
    ("extent-two-buckets", 1, "unreachable", "public", "TCP002:error:medium TCP002:error:medium", ""),
    ("extent-unknown", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("fake-ip-compared", 0, "degraded", "unknown", "DNS007:warning:high", ""),
    ("finance-zone", 0, "healthy", "public", "", ""),
    ("finance-zone-new", 0, "healthy", "public", "", ""),
    ("given-private-programs-public", 0, "degraded", "public", "DNS004:warning:high", "RTE004<DNS004"),
    ("hosts-file-and-given-server", 0, "degraded", "public", "HST003:warning:high", ""),
    ("hosts-file-and-own-mixed", 0, "degraded", "public", "HST003:warning:high", "DNS004<HST003"),
    ("hosts-private-dns-private", 0, "degraded", "private", "HST003:warning:high", ""),
    ("interface-down", 1, "unreachable", "unknown", "HST001:error:high", "DNS002<HST001"),
    ("interface-without-carrier", 1, "unreachable", "unknown", "HST001:error:high", "DNS002<HST001"),
    ("localreject-by-rule", 1, "unreachable", "public", "HST005:error:high", ""),
    ("localreject-no-rule", 1, "unreachable", "public", "HST005:error:high", ""),
    ("localreject-other-rule", 1, "unreachable", "public", "HST005:error:high", ""),
    ("localreject-rule-without-network", 1, "unreachable", "public", "HST005:error:high", ""),
    ("mixed-own-programs-private", 0, "degraded", "private", "RTE004:warning:high", ""),
    ("mixed-own-programs-public", 0, "degraded", "public", "RTE004:warning:high", ""),
    ("no-egress-a-control-connects", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("no-egress-controls-silent", 1, "unreachable", "public", "RTE003:error:high", "TCP002<RTE003"),
    ("no-egress-dual-stack", 1, "unreachable", "public", "RTE003:error:medium", "TCP002<RTE003"),
    ("no-egress-no-controls", 1, "unreachable", "public", "RTE003:error:medium", "TCP002<RTE003"),
    ("no-egress-other-target-connects", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("no-egress-private-dead", 1, "unreachable", "private", "HST003:error:high DNS002:warning:high", "RTE002<HST003 TCP002<HST003"),
    ("no-egress-private-known", 1, "unreachable", "public", "DNS004:error:high", "TCP002<DNS004"),
    ("no-egress-prohibited", 1, "unreachable", "public", "RTE003:error:medium", "TCP004<RTE003"),
    ("no-egress-public-address", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("no-egress-refused", 1, "unreachable", "public", "TCP001:error:medium", ""),
    ("no-egress-unreachable", 1, "unreachable", "public", "RTE003:error:medium", "TCP003<RTE003"),
    ("private-classic-no-link-local-route", 1, "unreachable", "private", "RTE002:error:medium", "TCP002<RTE002"),
    ("private-no-route-of-its-own", 1, "unreachable", "private", "RTE002:error:medium", "TCP002<RTE002"),
    ("private-routes-not-looked-at", 1, "unreachable", "private", "RTE002:error:medium", "TCP002<RTE002"),
    ("private-way-blackhole", 1, "unreachable", "private", "RTE002:error:high", "TCP002<RTE002"),
    ("private-way-none", 1, "unreachable", "private", "RTE002:error:high", "TCP002<RTE002"),
    ("private-way-plain", 1, "unreachable", "private", "RTE002:error:medium", "TCP002<RTE002"),
    ("private-way-prohibit", 1, "unreachable", "private", "RTE002:error:high", "TCP004<RTE002"),
    ("private-way-tunnel", 1, "unreachable", "private", "RTE002:error:high", "TCP002<RTE002"),
    ("private-way-tunnel-unknown", 1, "unreachable", "private", "RTE002:error:medium", "TCP002<RTE002"),
    ("private-way-tunnel-unnamed", 1, "unreachable", "private", "RTE002:error:high", "TCP002<RTE002"),
    ("private-way-unreachable", 1, "unreachable", "private", "RTE002:error:high", "TCP003<RTE002"),
    ("private-with-its-own-route", 1, "unreachable", "private", "RTE002:error:medium", "TCP002<RTE002"),
    ("region-not-told", 0, "healthy", "public", "", ""),
    ("resolvers-differ", 0, "healthy", "public", "", ""),
    ("resolvers-rotate-alias", 0, "healthy", "public", "", ""),
    ("resolvers-rotate-network", 0, "healthy", "public", "", ""),
    ("sinkhole-compared", 1, "unreachable", "unknown", "DNS006:error:high", ""),
    ("system-resolvers-differ", 0, "healthy", "public", "", ""),
    ("untrusted-issuer-and-another-answer", 1, "unreachable", "public", "DNS006:error:medium", "TLS003<DNS006 DNS005<DNS006"),
    ("wrong-certificate-and-another-answer", 1, "unreachable", "public", "DNS006:error:medium", "TLS002<DNS006 DNS005<DNS006"),
    ("wrong-certificate-same-answer", 1, "unreachable", "public", "TLS002:error:high", ""),
];

#[rustfmt::skip]
pub(super) const SAID: &[Words] = &[
    ("dns004-cache", "DNS004", "something between programs and name servers keeps another answer; name servers (183.60.83.19, 183.60.82.98) answer 169.254.0.47, which is private"),
    ("dns004-cache", "DNS004", "`getent ahosts NAME` against `nslookup NAME`"),
    ("dns004-cache-and-given", "DNS004", "because nscd keeps an old answer; name servers (183.60.83.19) answer"),
    ("dns004-cache-nscd", "DNS004", "because nscd keeps an old answer"),
    ("dns004-cache-nscd", "DNS004", "nscd -i hosts"),
    ("dns004-cluster", "DNS004", "the cluster's name server 10.96.0.10 does not ask Tencent's"),
    ("dns004-cluster", "DNS004", "let CoreDNS and NodeLocal DNSCache forward to 183.60.83.19"),
    ("dns004-docker", "DNS004", "Docker's name server 127.0.0.11 does not ask Tencent's"),
    ("dns004-docker", "DNS004", "/etc/docker/daemon.json"),
    ("dns004-encrypted", "DNS004", "the encrypted name server 1.12.12.12:853 is outside the VPC"),
    ("dns004-foreign", "DNS004", "this machine asks 192.0.2.53, 198.51.100.53:5353 and not Tencent's name servers; Tencent's name servers (183.60.83.19, 183.60.82.98) answer 169.254.0.47, which is private"),
    ("dns004-foreign", "DNS004", "restore 183.60.83.19 and 183.60.82.98 in /etc/resolv.conf"),
    ("dns004-hosts-file", "DNS004", "because /etc/hosts names a public address"),
    ("dns004-hosts-file", "HST003", "whatever DNS says; name servers answer the private 169.254.0.47"),
    ("dns004-loopback", "DNS004", "the name server on this machine, 127.0.0.1, does not ask Tencent's"),
    ("dns004-nodelocal", "DNS004", "the cluster's name server 169.254.20.10 does not ask Tencent's"),
    ("dns004-region-unknown", "DNS004", "answer 169.254.0.47, 169.254.0.55, which are private"),
    ("dns004-resolved", "DNS004", "systemd-resolved does not ask Tencent's"),
    ("dns004-resolved-behind", "DNS004", "systemd-resolved asks 8.8.8.8, 1.1.1.1 and not Tencent's"),
    ("dns004-resolved-behind", "DNS004", "resolvectl dns"),
    ("dns004-stub-then-foreign", "DNS004", "this machine asks 192.0.2.53 and not Tencent's name servers"),
    ("given-private-programs-public", "DNS004", "this machine asks 192.0.2.53 and not Tencent's name servers; Tencent's name servers (183.60.83.19) answer"),
    ("cross-region", "RTE001", "this machine is in ap-guangzhou and examplebucket-1250000000.cos.ap-shanghai.myqcloud.com in ap-shanghai: public by design"),
    ("finance-zone", "RTE008", "this machine is in ap-shanghai-fsi and examplebucket-1250000000.cos.ap-shanghai.myqcloud.com in ap-shanghai"),
    ("no-egress-controls-silent", "RTE003", "is public (203.0.113.10) and cannot be reached, nor can other public endpoints"),
    ("no-egress-no-controls", "RTE003", "is public (203.0.113.10) and cannot be reached: this machine has no public address"),
    ("decoy-answered", "DNS006", "198.51.100.66, where no name server is, answers a question"),
    ("doubled-again", "DNS006", "to 192.0.2.53 is answered twice, with 198.51.100.66 and then with 203.0.113.10: one answer is forged"),
    ("doubled-nxdomain", "DNS006", "is answered twice, with no address and then with 203.0.113.10"),
    ("resolvers-differ", "DNS005", "192.0.2.53 answers 192.0.2.80, 119.29.29.29 answers 203.0.113.10"),
    ("system-resolvers-differ", "DNS005", "192.0.2.53 answers 192.0.2.80, 198.51.100.53 answers 203.0.113.10"),
    ("wrong-certificate-and-another-answer", "DNS006", "192.0.2.53 answers 198.51.100.66 for examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com, where somebody else answers; 119.29.29.29 answers 203.0.113.10"),
    ("dns-nxdomain", "DNS001", "does not exist, says 192.0.2.53:53"),
    ("interface-down", "HST001", "no route to 192.0.2.53: there is no default route; eth0 is down"),
    ("interface-without-carrier", "HST001", "there is no default route; eth0 has no carrier"),
    ("localreject-by-rule", "HST005", "forbids connecting to 203.0.113.10:80: the rule `100: from all to 203.0.113.0/24 prohibit`"),
    ("private-no-route-of-its-own", "RTE002", "(connect timeout); this VM has no route of its own for 169.254.0.0/16"),
    ("private-way-blackhole", "RTE002", "this machine's routing table refuses it (blackhole)"),
    ("private-way-none", "RTE002", "(connect timeout), and this machine is not a Tencent Cloud VM"),
    ("private-way-prohibit", "RTE002", "this machine's routing table refuses it (prohibit)"),
    ("private-way-tunnel", "RTE002", "this machine sends it into wg0, as VPNs do"),
    ("private-way-tunnel", "RTE002", "exclude them from the VPN"),
    ("private-way-tunnel-unnamed", "RTE002", "this machine sends it into a tunnel, as VPNs do"),
    ("private-way-unreachable", "RTE002", "this machine's routing table refuses it (unreachable)"),
    ("dns004-resolved-beside", "DNS004", "systemd-resolved asks 8.8.8.8 beside Tencent's"),
    ("dns004-resolved-old", "DNS004", "systemd-resolved keeps another answer"),
    ("dns004-resolved-old", "DNS004", "resolvectl flush-caches"),
];

/// File, code, and the end of its summary: more is not said.
#[rustfmt::skip]
const ENDS: &[Words] = &[
    ("localreject-no-rule", "HST005", "forbids connecting to 203.0.113.10:80"),
    ("localreject-other-rule", "HST005", "forbids connecting to 203.0.113.10:80"),
    ("localreject-rule-without-network", "HST005", "forbids connecting to 203.0.113.10:80"),
    ("private-way-plain", "RTE002", "which cannot be reached from here (connect timeout)"),
    ("private-with-its-own-route", "RTE002", "which cannot be reached from here (connect timeout)"),
    ("private-classic-no-link-local-route", "RTE002", "which cannot be reached from here (connect timeout)"),
    ("private-routes-not-looked-at", "RTE002", "which cannot be reached from here (connect timeout)"),
    ("private-way-tunnel-unknown", "RTE002", "which cannot be reached from here (connect timeout)"),
];

/// File, and words of the verdict.
#[rustfmt::skip]
const VERDICTS: &[(&str, &str)] = &[
    ("dns-healthy", "has 1 address: 203.0.113.10, on the internet"),
    ("dns-healthy-private", "has 1 address: 169.254.0.47, on the private network"),
    ("dns-interrupted", "the run ended before it was measured"),
];

/// File, and every finding of it that is for information.
#[rustfmt::skip]
const INFORMED: &[(&str, &str)] = &[
    ("another-answer-and-a-nameless-cos", "DNS005"),
    ("both-families", ""),
    ("cross-region", "RTE001"),
    ("cross-region-private-elsewhere", ""),
    ("custom-wrong-certificate-and-another-answer", "DNS005 RTE007"),
    ("decoy-answered-cos-answers", "DNS005"),
    ("decoy-answered-tcp-only", "DNS005"),
    ("dns-healthy", ""),
    ("dns-healthy-private", ""),
    ("dns004-not-accelerate", "RTE007"),
    ("dns004-not-own-private", ""),
    ("dns004-not-vpc-not-run", ""),
    ("dns004-not-vpc-public", ""),
    ("dnspod-private", ""),
    ("doubled-again", "DNS005"),
    ("doubled-elsewhere-only", "DNS005 DNS006"),
    ("doubled-rotation", ""),
    ("doubled-truncated", ""),
    ("fake-ip-compared", ""),
    ("finance-zone", "RTE008"),
    ("finance-zone-new", "RTE008"),
    ("mixed-own-programs-public", ""),
    ("no-egress-controls-silent", "RTE001"),
    ("region-not-told", ""),
    ("resolvers-differ", "DNS005"),
    ("resolvers-rotate-alias", ""),
    ("resolvers-rotate-network", ""),
    ("sinkhole-compared", ""),
    ("system-resolvers-differ", "DNS005"),
    ("wrong-certificate-same-answer", ""),
];

/// File, and words of the first endpoint's `route_reason`.
#[rustfmt::skip]
const ROUTES: &[(&str, &str)] = &[
    ("cross-region", "public, because this machine is in ap-guangzhou and the endpoint in ap-shanghai; fix: a bucket in ap-guangzhou"),
    ("dns004-foreign", "public, because this machine asks 192.0.2.53, 198.51.100.53:5353 and not Tencent's name servers; fix: restore 183.60.83.19"),
    ("dns004-hosts-file", "public, because /etc/hosts names a public address; fix: remove"),
    ("dns004-not-accelerate", "public, because a global acceleration endpoint always is"),
    ("dns004-not-own-mixed", "mixed: some addresses are private and some public"),
    ("dns004-not-vpc-public", "public, although this machine is in the endpoint's region"),
    ("finance-zone", "one of them is a finance zone; fix: a bucket of the same zone"),
    ("mixed-own-programs-private", "private this time: name servers answer with private and with public addresses; fix: see RTE004"),
    ("mixed-own-programs-public", "public this time: name servers answer with private and with public addresses; fix: see RTE004"),
    ("private-way-tunnel", "private by its address, which cannot be reached from here; fix: see RTE002"),
    ("region-not-told", "whether this machine is a Tencent VM of the endpoint's region is not known"),
];

/// File, the extent of each endpoint, and words of the first one's reason.
#[rustfmt::skip]
const EXTENTS: &[(&str, &str, &str)] = &[
    ("extent-bucket", "bucket", "only this endpoint: cos.ap-guangzhou.myqcloud.com answers, in the same region under the same suffix"),
    ("extent-cut-off", "unknown", "the control group was not tried to its end"),
    ("extent-cut-off-in-part", "unknown", "the control group was not tried to its end"),
    ("extent-everything", "everything", "everything of COS: no answer from cos.ap-guangzhou.myqcloud.com, examplebucket"),
    ("extent-member-is-target", "bucket -", "only this endpoint: cos.ap-guangzhou.myqcloud.com answers"),
    ("extent-nothing", "nothing", "COS answers for examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com itself"),
    ("extent-public-names", "public_names", "only the public names: cos-internal.ap-guangzhou.tencentcos.cn answers"),
    ("extent-region", "region", "only this region: cos.ap-shanghai.myqcloud.com answers"),
    ("extent-suffix", "suffix", "only this suffix: examplebucket-1250000000.cos.ap-guangzhou.tencentcos.cn answers"),
    ("extent-tcp-only", "bucket", "only this endpoint: cos.ap-guangzhou.myqcloud.com answers"),
    ("extent-twin-alone", "bucket unknown", "only this endpoint: cos.ap-guangzhou.myqcloud.com answers"),
    ("extent-two-buckets", "bucket bucket", "only this endpoint: cos.ap-guangzhou.myqcloud.com answers"),
    ("extent-unknown", "unknown", "the control group was not tried to its end (cos.ap-guangzhou.myqcloud.com, cos.ap-shanghai.myqcloud.com)"),
    ("dns004-foreign", "-", "-"),
];

/// File, and how each answer about the first endpoint goes together with what programs use: `unknown` for their own look-ups.
#[rustfmt::skip]
const RELATIONS: &[(&str, &str)] = &[
    ("both-families", "unknown same same same same"),
    ("decoy-answered", "unknown same same same"),
    ("dns004-cache", "unknown split_horizon split_horizon"),
    ("dns004-foreign", "unknown same same split_horizon split_horizon"),
    ("dns004-hosts-file", "unknown rotation split_horizon split_horizon"),
    ("doubled-truncated", "unknown unknown same"),
    ("fake-ip-compared", "unknown forged different"),
    ("resolvers-differ", "unknown same different"),
    ("resolvers-rotate-alias", "unknown same rotation"),
    ("hosts-file-and-given-server", "different"),
];

#[test]
fn what_is_for_information_is_told_and_no_more() {
    let mut wrong = Vec::new();
    for &(name, codes) in INFORMED {
        let of_report = |report: &Report| {
            let told = report.findings.iter().filter(|finding| finding.severity == Severity::Info);
            told.map(|finding| finding.code.clone()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
        };
        let found = of_report(&evidence(name));
        if found != codes {
            wrong.push(format!("{name}: '{found}' and not '{codes}'"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_summary_says_no_more_than_is_known() {
    let mut wrong = Vec::new();
    for &(name, code, end) in ENDS {
        let findings = evidence(name).findings;
        let found = findings.iter().find(|finding| finding.code == code);
        let summary = found.map_or_else(String::new, |finding| finding.summary.to_string());
        if !summary.ends_with(end) {
            wrong.push(format!("{name}: '{summary}' does not end with '{end}'"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_verdict_is_one_sentence() {
    for &(name, words) in VERDICTS {
        let summary = evidence(name).verdict.summary.to_string();
        assert!(summary.contains(words), "{name}: '{summary}'");
    }
}

#[test]
fn the_route_has_a_reason() {
    let mut wrong = Vec::new();
    for &(name, words) in ROUTES {
        let report = evidence(name);
        let reason = report.endpoints[0].route_reason.to_string();
        if !reason.contains(words) {
            wrong.push(format!("{name}: '{words}' is not in '{reason}'"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn how_far_a_fault_reaches_is_told() {
    let mut wrong = Vec::new();
    for &(name, extents, words) in EXTENTS {
        let endpoints = evidence(name).endpoints;
        let word = |extent: Option<Extent>| extent.map_or_else(|| "-".into(), |extent| json!(extent));
        let found: Vec<Value> = endpoints.iter().map(|view| word(view.extent)).collect();
        let reason = endpoints[0].extent_reason.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        if found != extents.split(' ').collect::<Vec<_>>() || !reason.contains(words) {
            wrong.push(format!("{name}: {found:?}, '{reason}'"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn answers_are_told_with_how_they_go_together() {
    let mut wrong = Vec::new();
    for &(name, relations) in RELATIONS {
        let answers = &evidence(name).endpoints[0].answers;
        let found: Vec<Value> = answers.iter().map(|answer| json!(answer.relation)).collect();
        if found != relations.split(' ').collect::<Vec<_>>() {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn evidence(name: &str) -> Report {
    read(&directory().join(format!("{name}.json")))
}
