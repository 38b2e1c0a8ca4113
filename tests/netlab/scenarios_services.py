"""Scenarios of the services: faults of DNS, of TLS and of the web server, and hijackers."""

from __future__ import annotations

from addresses import BUCKET, COS_OTHER, COS_PUBLIC, COS_VPC, DNS1, NOBODY_THERE
from scenario import Scenario, firewall, nft_chain, redirect

NOBODY_ANSWERS = {"r3": f"ip route add blackhole {NOBODY_THERE}/32"}
MANY_ADDRESSES = tuple(f"203.0.113.{number}" for number in range(101, 201))
ODD_LINES = (
    "complete nonsense",
    "x" * 2048,
    "\0\a\x1b[31m\x7f control bytes",
    "\udce9t\udce9",  # Latin-1 where UTF-8 belongs
)

SERVICE_SCENARIOS: dict[str, Scenario] = {
    # The name leads to the wrong address.
    "private-leak": Scenario(
        "a client outside the VPC gets the private answer: nobody answers there",
        dns1_view="vpc",
        setup={"r1": f"ip route add blackhole {COS_VPC}/32"},
    ),
    "mixed-route": Scenario(
        "the resolver answers a private and a public address, both serve",
        dns1_addresses=(COS_VPC, COS_PUBLIC[0]),
    ),
    "fake-ip": Scenario(
        "the resolver answers 198.18.0.7, as local proxies do; r1 drops what goes there",
        dns1_addresses=("198.18.0.7",),
        setup={"r1": "ip route add blackhole 198.18.0.0/15"},
    ),
    "sinkhole": Scenario(
        "the resolver answers 0.0.0.0, as blocking resolvers do",
        dns1_addresses=("0.0.0.0",),
    ),
    "hosts-override": Scenario(
        "the client's /etc/hosts pins the bucket to an address where nobody answers",
        hosts=(f"{NOBODY_THERE} {BUCKET}",),
        setup=NOBODY_ANSWERS,
    ),
    "split-horizon-office": Scenario(
        "an office with Direct Connect: its resolver gives the private answer, and there is a way to it",
        dns1_view="vpc",
    ),
    "resolvers-disagree": Scenario(
        "the resolver answers another address than the public one does; both serve",
        dns1_addresses=(COS_OTHER,),
    ),
    # Files of the client are odd; nothing is wrong.
    "nsswitch-dns-only": Scenario(
        "/etc/hosts pins the bucket to where nobody answers, but nsswitch.conf leaves the file out",
        hosts=(f"{NOBODY_THERE} {BUCKET}",),
        nsswitch_hosts="dns",
        setup=NOBODY_ANSWERS,
    ),
    "odd-resolv-conf": Scenario(
        "resolv.conf and hosts begin with malformed lines",
        resolv_conf=(*ODD_LINES, "nameserver", "nameserver not-an-address"),
        hosts=(*ODD_LINES, f"999.0.113.99 {BUCKET}", NOBODY_THERE),
    ),
    # The resolver fails, or is peculiar.
    "two-resolvers-one-dead": Scenario(
        "resolv.conf names two resolvers, the first of which never answers",
        resolvers=(NOBODY_THERE, DNS1),
        setup=NOBODY_ANSWERS,
    ),
    "dns-timeout": Scenario("the resolver never answers", dns1="timeout"),
    "dns-unreachable": Scenario("the resolver host is up, port 53 is closed", dns1="closed"),
    "dns-servfail": Scenario("the resolver answers SERVFAIL", dns1="servfail"),
    "dns-nxdomain": Scenario("the resolver answers NXDOMAIN", dns1="nxdomain"),
    "dns-refused": Scenario("the resolver refuses this client", dns1="refused"),
    "nodata": Scenario("the resolver knows the name but has no address for it", dns1="nodata"),
    "dns-truncated": Scenario("the resolver truncates UDP answers: TCP needed", dns1="truncate"),
    "dns-tcp-blocked": Scenario(
        "the resolver truncates UDP answers, and r1 drops TCP 53",
        dns1="truncate",
        setup=firewall("r1", "tcp dport 53 drop"),
    ),
    "dns-cname": Scenario("the answer comes behind a chain of two CNAME records", dns1="cname"),
    "dns-rotate": Scenario("every answer names another address, TTL 1", dns1="rotate"),
    "dns-slow": Scenario("every answer takes 1.5 s", dns1="slow"),
    "long-chain": Scenario("the answer comes behind a chain of 16 CNAME records", dns1="long-chain"),
    "many-addresses": Scenario(
        "100 addresses: more than an answer over UDP holds",
        addresses=MANY_ADDRESSES,
    ),
    "aaaa-timeout": Scenario(
        "the resolver never answers a question for AAAA records, as some load balancers do",
        dns1="aaaa-timeout",
    ),
    "ipv6-only-name": Scenario(
        "the name has an AAAA record only, and the client has no IPv6",
        dns1="aaaa-only",
        public_resolver="aaaa-only",
        ipv6=True,
        setup={"client": "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"},
    ),
    # Somebody else answers.
    "dns-hijack": Scenario(
        "the resolver sends every name to a hijacker's web server",
        dns1="hijack",
        portal=("r2",),
    ),
    "dns-intercepted": Scenario(
        "r1 sends every DNS query over UDP to dns1, whomever it is for, and dns1 hijacks",
        dns1="hijack",
        portal=("r2",),
        setup={
            "r1": nft_chain("prerouting", f"iif eth0 udp dport 53 dnat ip to {DNS1}", kind="nat"),
        },
    ),
    "answer-doubled": Scenario(
        "a forged answer to a hijacker precedes the true one over UDP, whichever resolver is asked",
        dns1="doubled",
        public_resolver="doubled",
        portal=("r2",),
    ),
    "http-hijack": Scenario(
        "r1 intercepts port 80 (captive portal, 302); 443 is left alone",
        portal=("r1",),
        setup=redirect("r1", "tcp dport 80"),
    ),
    "captive-portal": Scenario(
        "r1 intercepts 80 and 443: 302, and the portal's own certificate",
        portal=("r1",),
        setup=redirect("r1", "tcp dport { 80, 443 }"),
    ),
    # TLS fails.
    "tls-expired": Scenario("the server's certificate expired yesterday", cert="expired"),
    "tls-wrong-name": Scenario("the server's certificate is for another name", cert="wrong-name"),
    "tls-untrusted": Scenario("the server's certificate is from an unknown CA", cert="untrusted"),
    "tls-old": Scenario("the server speaks TLS 1.0 only", tls="tls10"),
    "tls-reset": Scenario(
        "port 443 connects, a middlebox on r2 answers the ClientHello with RST",
        setup=firewall("r2", "tcp dport 443 tcp flags & psh == psh reject with tcp reset"),
    ),
    "tls-reset-by-server": Scenario(
        "port 443 connects, the server itself answers the ClientHello with RST",
        setup={"server": nft_chain("input", "tcp dport 443 tcp flags & psh == psh reject with tcp reset")},
    ),
    "tls-plaintext": Scenario("port 443 speaks plain HTTP", tls="plaintext"),
    "tls-stall": Scenario("port 443 accepts the connection and never says a word", tls="stall"),
    # The web server misbehaves.
    "clock-skew": Scenario(
        "the server's clock is 20 minutes behind ours: signatures fail with RequestTimeTooSkewed",
        date_offset_s=-20 * 60,
    ),
    "clock-skew-small": Scenario(
        "the server's clock is 6 minutes behind ours: fresh signatures are not valid yet",
        date_offset_s=-6 * 60,
    ),
    "http-drip": Scenario("the server sends one byte of its answer every 0.2 s", web="drip"),
    "http-reset": Scenario("the server resets the connection in the middle of its answer", web="reset"),
    "http-reset-on-the-way": Scenario(
        "a middlebox on r1 answers requests to port 80 with RST; 443 works",
        setup=firewall("r1", "tcp dport 80 tcp flags & psh == psh reject with tcp reset"),
    ),
    "http-stall": Scenario("the server takes the request and never answers", web="stall"),
    "http-big-headers": Scenario("the answer has 256 KiB of headers", web="big-headers"),
    "http-503": Scenario("the server answers 503 SlowDown", web="503"),
    "not-cos": Scenario("a plain web server answers 200 with none of COS's headers", web="not-cos"),
}
