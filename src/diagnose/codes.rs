//! The table of findings. Codes and names are never renamed or reused.
//!
//! Each row compiles in its page, `docs/explain/CODE.md`; a missing page is a compile error.

use super::Severity;

/// One row of the table.
#[derive(Debug)]
pub struct CodeRow {
    /// Stable code.
    pub code: &'static str,
    /// Stable name.
    pub name: &'static str,
    /// The usual severity; a rule may lower or raise it.
    pub severity: Severity,
    /// One line for lists.
    pub title: &'static str,
    /// Codes of the symptoms that this finding causes.
    pub explains: &'static [&'static str],
    /// The page, in Markdown.
    pub page: &'static str,
}

macro_rules! codes {
    ($($code:ident $name:literal $severity:ident $title:literal [$($symptom:ident)*];)+) => {
        /// Every finding, in the order of the layers.
        pub const CODES: &[CodeRow] = &[$($code),+];

        $(
            #[doc = $title]
            pub(super) const $code: CodeRow = CodeRow {
                code: stringify!($code),
                name: $name,
                severity: Severity::$severity,
                title: $title,
                explains: &[$(stringify!($symptom)),*],
                page: include_str!(concat!("../../docs/explain/", stringify!($code), ".md")),
            };
        )+
    };
}

codes! {
    HST001 "no-network" Error "this machine has no route to the endpoint or to any name server"
        [DNS002 DNS003 TCP001 TCP002 TCP003 TCP004 TCP007 TCP008 TCP009 TCP011 RTE002];
    HST002 "proxy-bypassed" Warning "programs on this machine go to the endpoint over a proxy, cosprobe did not" [];
    HST003 "hosts-file-override" Warning "the hosts file decides the address of the endpoint"
        [DNS006 DNS007 RTE002 RTE004 DNS004 TCP001 TCP002 TCP003 TCP004 TCP007 TCP008 TCP009 TLS002 TLS003 HTP001];
    HST004 "clock-skew" Error "this machine's clock is off" [AUT004 TLS001];
    HST005 "local-firewall" Error "this machine's own firewall or routing rules refuse the connection"
        [TCP001 TCP002 TCP007 TCP008 TCP009 TCP011 PTH002 RTE002];
    HST006 "ports-exhausted" Error "this machine has no free local port or file descriptor for the connection"
        [TCP007 TCP008 TCP009];
    HST007 "no-ipv6" Error "the name has IPv6 addresses only and this machine has no IPv6" [];
    DNS001 "name-not-found" Error "the name does not exist" [];
    DNS002 "resolver-timeout" Error "a name server does not answer" [];
    DNS003 "resolver-failure" Error "a name server fails or refuses" [];
    DNS004 "private-name-resolves-public" Warning "the endpoint has a private address, and this machine gets the public one"
        [RTE004 TCP001 TCP002 TCP003 TCP004 TCP006 TCP007 TCP008 TCP009];
    DNS005 "resolvers-disagree" Info "name servers give unrelated answers" [];
    DNS006 "answer-forged" Error "the answer does not come from COS's name servers, or cannot be theirs"
        [DNS001 DNS005 TCP001 TCP002 TCP003 TCP004 TCP007 TCP008 TCP009 TLS001 TLS002 TLS003 TLS004 TLS005 HTP001 HTP005 HTP006];
    DNS007 "fake-ip" Warning "a local proxy answers with placeholder addresses"
        [TCP001 TCP002 TCP003 TCP004 TCP007 TCP008 TCP009 TLS002 TLS003 TLS004 TLS005 HTP001 HTP005 HTP006];
    DNS008 "slow-resolution" Warning "name resolution is slow" [];
    DNS009 "no-address" Error "the name exists and has no address" [];
    DNS010 "tcp-fallback-blocked" Warning "the answer was cut short and the name server is not reachable over TCP" [];
    RTE001 "cross-region-public" Info "the endpoint is in another region than this machine, and public by design" [];
    RTE002 "private-unreachable" Error "the answer is a private address that cannot be reached from here"
        [TCP001 TCP002 TCP003 TCP004 TCP007 TCP008 TCP009];
    RTE003 "public-no-egress" Error "this machine has no way to public addresses"
        [TCP001 TCP002 TCP003 TCP004 TCP007 TCP008 TCP009];
    RTE004 "mixed-route" Warning "the name has private and public addresses" [];
    RTE005 "expected-route-missed" Error "the route is not the expected one" [];
    RTE006 "ambiguous-scope" Info "the range of an address does not tell for sure which network it is in" [];
    RTE007 "never-private-name" Info "the endpoint's kind is never private" [];
    RTE008 "finance-zone" Info "finance zones have no private network in common with other regions" [];
    TCP001 "connection-refused" Error "the connection is refused" [];
    TCP002 "connection-filtered" Error "nothing answers the connection attempt" [];
    TCP003 "host-unreachable" Error "a router reports that the endpoint cannot be reached" [];
    TCP004 "admin-prohibited" Error "a router or firewall prohibits the connection" [];
    TCP005 "syn-loss" Warning "connection attempts are lost on the way" [];
    TCP006 "slow-path" Warning "the round trip is slow" [];
    TCP007 "one-address-dead" Warning "some addresses of the endpoint do not work while others do"
        [TCP001 TCP002 TCP003 TCP004];
    TCP008 "port-80-blocked" Warning "port 80 does not work while port 443 does" [TCP001 TCP002 TCP003 TCP004];
    TCP009 "port-443-blocked" Error "port 443 does not work while port 80 does" [TCP001 TCP002 TCP003 TCP004];
    TCP010 "broken-flow" Warning "connects from some source ports fail every time while others pass"
        [TCP002 TCP005 TCP007 TCP008 TCP009 TCP011];
    TCP011 "ipv6-broken" Warning "IPv6 does not work while IPv4 does" [TCP001 TCP002 TCP003 TCP004 TCP007];
    PTH001 "mtu-black-hole" Error "large packets get lost on the way, and nobody says so" [TLS005 HTP005];
    PTH002 "path-ends" Info "where the way to an address that does not answer is seen to end" [];
    PTH003 "routing-loop" Error "packets go in a circle" [TCP001 TCP002 TCP003 TCP004 TCP007 TCP008 TCP009];
    PTH004 "transparent-proxy" Warning "something on the way answers in the endpoint's place"
        [HTP001 HTP002 TLS001 TLS002 TLS003 TLS004 TLS008];
    TLS001 "certificate-not-valid-now" Error "the certificate has expired or is not valid yet" [];
    TLS002 "certificate-name" Error "the certificate is for other names" [];
    TLS003 "untrusted-issuer" Error "the certificate's issuer is not trusted" [];
    TLS004 "handshake-reset" Error "the TLS handshake is broken off" [];
    TLS005 "handshake-timeout" Error "the TLS handshake stalls" [];
    TLS006 "certificate-expires-soon" Warning "the certificate expires soon" [];
    TLS007 "old-protocol-only" Error "the server speaks only TLS versions that are no longer safe" [];
    TLS008 "not-tls" Error "what answers on the TLS port is not TLS" [];
    HTP001 "not-cos" Error "the answer does not come from COS" [TLS001 TLS002 TLS003];
    HTP002 "redirected" Warning "COS sends the request elsewhere" [];
    HTP003 "server-error" Error "COS answers with a server error" [];
    HTP004 "throttled" Warning "COS throttles the requests" [];
    HTP005 "response-stalled" Error "the request is sent and no complete answer comes" [];
    HTP006 "response-reset" Error "the connection is broken off during the answer" [];
    HTP008 "request-refused" Warning "COS refuses the request for a reason without a page of its own" [];
    AUT001 "signature-mismatch" Error "COS computes another signature" [];
    AUT002 "key-unknown" Error "COS does not know the key" [];
    AUT003 "access-denied" Error "the key may not do this" [];
    AUT004 "request-expired" Error "the signature's time window does not fit COS's clock" [];
    AUT005 "token-expired" Error "the temporary key has expired" [];
    AUT006 "token-invalid" Error "COS does not accept the token of the temporary key" [];
    AUT007 "strict-signature" Error "the bucket demands that more of the request be signed" [];
    AUT008 "not-signed" Info "no signed request was sent" [];
    AUT009 "referer-or-policy-condition" Error "a rule of the bucket refuses the request" [];
    BKT001 "bucket-not-found" Error "there is no such bucket in this region" [];
    BKT002 "arrears" Error "COS refuses because the account is in arrears or the content is blocked" [];
    BKT003 "path-style-forbidden" Error "the bucket may not be addressed in path style" [];
    BKT004 "acceleration-off" Error "global acceleration is not enabled for the bucket" [];
    BKT005 "website-off" Error "the bucket has no website configuration" [];
    BKT006 "custom-domain-unbound" Error "the custom domain is not bound to a bucket" [];
    BKT007 "object-not-found" Warning "the object does not exist" [];
    BKT008 "canary-left-behind" Error "the object of the write probe could not be deleted" [];
    BKT009 "canary-not-written" Warning "the write probe wrote nothing, to be on the safe side" [];
    BKT010 "canary-altered" Error "what is read back is not what was written" [BKT008];
}

/// The row of a code or of a name; the case of a code does not matter.
pub fn find_code(code_or_name: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|row| row.code.eq_ignore_ascii_case(code_or_name) || row.name == code_or_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_well_formed() {
        for row in CODES {
            let (layer, number) = row.code.split_at(3);
            assert!(layer.bytes().all(|b| b.is_ascii_uppercase()), "{}", row.code);
            assert!(number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()), "{}", row.code);
            assert!(
                row.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{}",
                row.name
            );
            assert_eq!(CODES.iter().filter(|other| other.code == row.code || other.name == row.name).count(), 1);
            assert!(find_code(&row.code.to_lowercase()).is_some_and(|found| found.code == row.code));
            assert!(find_code(row.name).is_some());
        }
    }
}
