"""Scenarios below the services: healthy networks, then faults of addresses, ports, routes and links."""

from __future__ import annotations

from addresses import COS_CLASSIC, COS_PUBLIC
from impair import Impairment
from scenario import Scenario, firewall, nft_chain

# A second link from r1 to r2, over which a share of the flows goes.
ECMP = {
    "ecmp": True,
    "sysctl": {
        # Policy 1 would take the sending socket's random hash, which survives a veth link.
        "r1": {
            "net.ipv4.fib_multipath_hash_policy": "3",
            "net.ipv4.fib_multipath_hash_fields": str(0x0037),  # addresses, protocol, ports
        },
        "r2": {"net.ipv4.icmp_errors_use_inbound_ifaddr": "1"},
    },
    "setup": {"r1": "ip route replace default nexthop via 100.64.12.2 nexthop via 100.64.13.2"},
}

# A router that drops what it would have to tell of packets that are too large.
SAYS_NOTHING_OF_SIZE = nft_chain(
    "output",
    "icmp type destination-unreachable icmp code 4 drop",
    "icmpv6 type packet-too-big drop",
)
# The network on the other side of the link r2-r3 and the gateway there, for IPv4 and for IPv6.
BEYOND = {
    "r2": (("203.0.113.0/24", "198.51.100.2"), ("2001:db8:c05::/64", "2001:db8:23::2")),
    "r3": (("192.168.1.0/24", "198.51.100.1"), ("2001:db8:1::/64", "2001:db8:23::1")),
}


def small_way(router: str, ways: tuple[tuple[str, str], ...] | None = None) -> str:
    """The `setup` of a router that sends packets of 1300 bytes at most across the link, and says nothing of larger ones."""
    routes = [f"ip route replace {network} via {gateway} mtu lock 1300" for network, gateway in ways or BEYOND[router]]
    return "\n".join([*routes, SAYS_NOTHING_OF_SIZE])


NETWORK_SCENARIOS: dict[str, Scenario] = {
    # Nothing is wrong.
    "isp-normal": Scenario(
        "home client behind an ISP, public answers, all well",
        wire=Impairment(delay_ms=8, jitter_ms=1),
    ),
    "dual-stack": Scenario(
        "like isp-normal, with a working AAAA record",
        ipv6=True,
    ),
    # Some of several addresses do not work.
    "one-address-dead": Scenario(
        "three addresses; r3 silently drops TCP to the second",
        addresses=COS_PUBLIC[:3],
        setup=firewall("r3", f"ip daddr {COS_PUBLIC[1]} meta l4proto tcp drop"),
    ),
    "one-address-refused": Scenario(
        "three addresses; r3 answers TCP to the second with RST",
        addresses=COS_PUBLIC[:3],
        setup=firewall("r3", f"ip daddr {COS_PUBLIC[1]} meta l4proto tcp reject with tcp reset"),
    ),
    "four-dead-addresses": Scenario(
        "four addresses; r3 drops everything to the first three, only the fourth serves",
        addresses=COS_PUBLIC,
        setup=firewall("r3", f"ip daddr {{ {', '.join(COS_PUBLIC[:3])} }} drop"),
    ),
    "ipv6-broken": Scenario(
        "an AAAA record is published, r2 drops IPv6; IPv4 works",
        ipv6=True,
        setup=firewall("r2", "meta nfproto ipv6 drop"),
    ),
    "ipv6-refused": Scenario(
        "an AAAA record is published, r3 answers TCP over IPv6 with RST; IPv4 works",
        ipv6=True,
        setup=firewall("r3", "meta nfproto ipv6 meta l4proto tcp reject with tcp reset"),
    ),
    # A firewall stands in the way.
    "port80-filtered": Scenario(
        "r3 silently drops TCP port 80; 443 works",
        setup=firewall("r3", "tcp dport 80 drop"),
    ),
    "port80-rst": Scenario(
        "r3 answers TCP port 80 with RST; 443 works",
        setup=firewall("r3", "tcp dport 80 reject with tcp reset"),
    ),
    "port443-filtered": Scenario(
        "r3 silently drops TCP port 443; 80 works",
        setup=firewall("r3", "tcp dport 443 drop"),
    ),
    "port443-rst": Scenario(
        "r3 answers TCP port 443 with RST; 80 works",
        setup=firewall("r3", "tcp dport 443 reject with tcp reset"),
    ),
    "port443-closed": Scenario(
        "the server itself answers TCP port 443 with RST; 80 works",
        setup={"server": nft_chain("input", "tcp dport 443 reject with tcp reset")},
    ),
    "port443-rst-v6": Scenario(
        "r2 answers TCP port 443 over IPv6 with RST; 80 and IPv4 work",
        ipv6=True,
        setup=firewall("r2", "meta nfproto ipv6 tcp dport 443 reject with tcp reset"),
    ),
    "all-filtered": Scenario(
        "r3 silently drops TCP ports 80 and 443",
        setup=firewall("r3", "tcp dport { 80, 443 } drop"),
    ),
    "all-refused": Scenario(
        "r3 answers TCP ports 80 and 443 with RST",
        setup=firewall("r3", "tcp dport { 80, 443 } reject with tcp reset"),
    ),
    "admin-prohibited": Scenario(
        "a firewall on r2 rejects TCP 80 and 443 with ICMP admin-prohibited",
        setup=firewall("r2", "tcp dport { 80, 443 } reject with icmpx type admin-prohibited"),
    ),
    "local-firewall": Scenario(
        "the client's own firewall drops outgoing 80 (times out) and rejects 443 (refused)",
        setup={"client": nft_chain("output", "tcp dport 80 drop", "tcp dport 443 reject with tcp reset")},
    ),
    "local-drop": Scenario(
        "the client's own firewall drops outgoing 80 and 443",
        setup={"client": nft_chain("output", "tcp dport { 80, 443 } drop")},
    ),
    "local-drop-443": Scenario(
        "the client's own firewall drops outgoing 443; 80 works",
        setup={"client": nft_chain("output", "tcp dport 443 drop")},
    ),
    "local-refusal": Scenario(
        "the client's own firewall answers outgoing 443 with RST; 80 works",
        setup={"client": nft_chain("output", "tcp dport 443 reject with tcp reset")},
    ),
    "policy-prohibit": Scenario(
        "a policy rule on the client prohibits what goes to the public addresses: permission denied",
        setup={"client": "ip rule add to 203.0.113.0/24 prohibit"},
    ),
    "ports-exhausted": Scenario(
        "other programs on the client use every local port of TCP; DNS over UDP works",
        taken_ports=(50000, 50255),
    ),
    # A route is missing or says no.
    "no-network": Scenario(
        "the client reaches nothing but its own network: no default route, no way to the resolver",
        setup={"client": "ip route del default; ip -6 route del default"},
    ),
    "no-route": Scenario(
        "the client has no default route; the resolver can be reached",
        setup={"client": "ip route del default; ip route add 198.51.100.52/30 via 192.168.1.1"},
    ),
    "host-unreachable": Scenario(
        "r2 has no way to the server: ICMP host unreachable",
        setup={"r2": f"ip route add unreachable {COS_PUBLIC[0]}/32"},
    ),
    "host-prohibited": Scenario(
        "r2 has a prohibit route to the server: ICMP communication administratively prohibited",
        setup={"r2": f"ip route add prohibit {COS_PUBLIC[0]}/32"},
    ),
    "net-unreachable": Scenario(
        "r2 has no route to the server's network: ICMP net unreachable",
        setup={"r2": "ip route del 203.0.113.0/24"},
    ),
    "private-classic-unreachable": Scenario(
        "the resolver answers 10.x, to which r1 has no way: ICMP host unreachable",
        dns1_view="classic",
        setup={"r1": f"ip route add unreachable {COS_CLASSIC}/32"},
    ),
    "routing-loop": Scenario(
        "r3 sends what is for the server's network back to r2: packets go in a circle until their TTL is up",
        setup={"r3": "ip route replace 203.0.113.0/24 via 198.51.100.1"},
    ),
    # The link r2-r3 is bad.
    "loss": Scenario(
        "10 % loss each way between r2 and r3",
        wire=Impairment(delay_ms=5, jitter_ms=0.5, loss_pct=10),
    ),
    "syn-loss-random": Scenario(
        "r2 drops each SYN with a chance of 36 %, as 20 % loss each way comes to; nothing else is lost",
        setup=firewall("r2", "tcp flags & (syn|ack) == syn numgen random mod 100 < 36 drop"),
    ),
    "syn-loss": Scenario(
        "r2 drops the first SYN of every connection: connect takes 1 s longer",
        setup=firewall("r2", "tcp flags & (syn|ack) == syn numgen inc mod 2 0 drop"),
    ),
    "high-latency": Scenario(
        "120 ms round trip with 3 ms jitter each way",
        wire=Impairment(delay_ms=60, jitter_ms=3),
    ),
    "slow-link": Scenario(
        "1 Mbit/s and 20 ms each way between r2 and r3",
        wire=Impairment(delay_ms=20, rate_mbit=1),
    ),
    "slow-path": Scenario(
        "a long way between r2 and r3: 320 ms round trip",
        wire=Impairment(delay_ms=160, jitter_ms=1),
    ),
    "mtu-blackhole": Scenario(
        "link r2-r3 has MTU 1300 and no router says so: small packets pass, large ones vanish",
        mtu=1300,
        setup={router: SAYS_NOTHING_OF_SIZE for router in ("r2", "r3")},
    ),
    "mtu-blackhole-v6": Scenario(
        "an AAAA record is published; over IPv6 packets of more than 1300 bytes vanish both ways, over IPv4 all pass",
        ipv6=True,
        setup={router: small_way(router, BEYOND[router][1:]) for router in BEYOND},
    ),
    "mtu-blackhole-out": Scenario(
        "from r2 to r3 packets of more than 1300 bytes vanish; back from the server all pass",
        setup={"r2": small_way("r2")},
    ),
    "mtu-blackhole-in": Scenario(
        "from r3 to r2, back from the server, packets of more than 1300 bytes vanish; all pass on the way there",
        setup={"r3": small_way("r3")},
    ),
    "mtu-clamped": Scenario(
        "as mtu-blackhole, and r2 clamps the MSS to what the link takes: all is well",
        mtu=1300,
        setup={
            "r2": SAYS_NOTHING_OF_SIZE + "\n" + nft_chain("forward", "tcp flags syn tcp option maxseg size set 1260"),
            "r3": SAYS_NOTHING_OF_SIZE,
        },
    ),
    "mtu-reported": Scenario(
        "link r2-r3 has MTU 1300 and the routers report it: path MTU discovery works",
        mtu=1300,
    ),
    # Several ways of which one is broken.
    "ecmp-leg-broken": Scenario(
        "like ecmp, and r2 drops TCP that comes over the second link: half of the source ports never connect",
        **(ECMP | {"setup": ECMP["setup"] | firewall("r2", "iif eth3 meta l4proto tcp drop")}),
    ),
    "ecmp-return-broken": Scenario(
        "IPv6 answers to one of four source ports get lost at r3 on their way back; IPv4 works",
        ipv6=True,
        # Bits that the kernel leaves to chance: the last one tells connect() from bind().
        setup=firewall("r3", "meta nfproto ipv6 tcp sport { 80, 443 } tcp dport & 6 == 2 drop"),
    ),
    # Peculiar paths, all of which work.
    "ecmp": Scenario(
        "two links from r1 to r2, one picked per flow: hop 2 depends on the source port",
        **ECMP,
    ),
    "icmp-ratelimited": Scenario(
        "routers limit ICMP errors to one a second per target (burst 6), as Linux does by default",
        sysctl={router: {"net.ipv4.icmp_ratelimit": "1000"} for router in ("r1", "r2", "r3")},
    ),
}
