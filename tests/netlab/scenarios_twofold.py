"""Scenarios in which two things are wrong at the same time, and neither causes the other."""

from __future__ import annotations

from addresses import COS_PUBLIC, DNS1, DNS2, NOBODY_THERE
from scenario import CLOUD_EGRESS, Scenario, firewall, nft_chain
from scenarios_network import SAYS_NOTHING_OF_SIZE

TWOFOLD_SCENARIOS: dict[str, Scenario] = {
    "wrong-resolver-and-ended-certificate": Scenario(
        "a VPC client asks a public resolver, and the certificate has expired",
        plan=CLOUD_EGRESS,
        resolvers=(DNS2,),
        dns1_view="vpc",
        cert="expired",
    ),
    "dead-address-and-dead-resolver": Scenario(
        "three addresses, the second of which is dead; of two resolvers the first never answers",
        addresses=COS_PUBLIC[:3],
        resolvers=(NOBODY_THERE, DNS1),
        setup={
            "r3": f"ip route add blackhole {NOBODY_THERE}/32\n"
            + nft_chain("forward", f"ip daddr {COS_PUBLIC[1]} meta l4proto tcp drop"),
        },
    ),
    "port80-filtered-and-slow-resolver": Scenario(
        "r3 silently drops TCP port 80, and every answer of the resolver takes 1.5 s",
        dns1="slow",
        setup=firewall("r3", "tcp dport 80 drop"),
    ),
    "clock-skew-and-port443-rst": Scenario(
        "the server's clock is 20 minutes ahead, and r3 answers TCP port 443 with RST",
        date_offset_s=1200,
        setup=firewall("r3", "tcp dport 443 reject with tcp reset"),
    ),
    "ipv6-broken-and-mtu-blackhole": Scenario(
        "r2 drops IPv6, and over IPv4 packets of more than 1300 bytes vanish",
        ipv6=True,
        mtu=1300,
        setup={
            "r2": nft_chain("forward", "meta nfproto ipv6 drop") + "\n" + SAYS_NOTHING_OF_SIZE,
            "r3": SAYS_NOTHING_OF_SIZE,
        },
    ),
    "blocked-443-and-503": Scenario(
        "r3 silently drops TCP port 443, and COS answers 503 SlowDown on port 80",
        web="503",
        setup=firewall("r3", "tcp dport 443 drop"),
    ),
}
