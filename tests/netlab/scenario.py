"""What a scenario is: a network, the servers in it, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field

from addresses import COS_CLASSIC, COS_PUBLIC, COS_VPC, DNS1
from impair import Impairment


@dataclass(frozen=True)
class Plan:
    """The /30 networks and the client's network along the path, as /prefix strings."""

    client: str  # the client's own address; its gateway is .1 of the network
    r1_r2: str = "100.64.12.0/30"
    r2_r3: str = "198.51.100.0/30"
    r3_server: str = "100.64.34.0/30"


CLOUD = Plan("10.0.1.10/24", r2_r3="169.254.23.0/30")  # inside a VPC, private all the way
CLOUD_EGRESS = Plan("10.0.1.10/24")  # a VPC's way out to a public address
HOME = Plan("192.168.1.10/24")  # behind a home router and an ISP's carrier-grade NAT range


@dataclass(frozen=True)
class Scenario:
    """One row of the table. Every default is what a healthy network does."""

    summary: str
    plan: Plan = HOME
    resolvers: tuple[str, ...] = (DNS1,)  # what the client's resolv.conf names, in order
    addresses: tuple[str, ...] | None = None  # the public view's answer for the home region
    dns1_view: str = "public"  # public | vpc | classic: how dns1 answers for the home region
    dns1_addresses: tuple[str, ...] | None = None  # dns1 answers these instead of its view
    dns1: str = "ok"  # behaviour of dns1, see DnsServer
    ipv6: bool = False  # publish an AAAA record
    web: str = "ok"  # behaviour of the server, see WebServer
    cert: str = "good"  # good | expired | wrong-name | untrusted
    tls: str = "modern"  # modern | tls10 | plaintext | stall
    date_offset_s: int = 0  # the server's clock minus ours
    portal: tuple[str, ...] = ()  # hosts that also run the hijacker's web server
    mtu: int = 1500  # of the link r2-r3
    ecmp: bool = False  # a second link r1-r2; r1 picks one per flow (4-tuple)
    wire: Impairment = Impairment()  # of the link r2-r3
    sysctl: dict[str, dict[str, str]] = field(default_factory=dict)
    setup: dict[str, str] = field(default_factory=dict)  # shell commands per host

    @property
    def public_answer(self) -> tuple[str, ...]:
        """What a public resolver says about the home region."""
        return self.addresses or COS_PUBLIC[:1]

    @property
    def dns1_answer(self) -> tuple[str, ...]:
        """What dns1 says about the home region."""
        views = {"public": self.public_answer, "vpc": (COS_VPC,), "classic": (COS_CLASSIC,)}
        return self.dns1_addresses or views[self.dns1_view]


def nft_chain(hook: str, *rules: str, kind: str = "filter") -> str:
    """A shell command that installs rules on a netfilter hook."""
    priority = "dstnat" if kind == "nat" else "filter"
    head = f"type {kind} hook {hook} priority {priority}"
    table = ["table inet netlab {", f"chain {hook} {{", head, *rules, "}", "}"]
    return "nft -f - <<'END'\n" + "\n".join(table) + "\nEND"


def firewall(router: str, *rules: str) -> dict[str, str]:
    """The `setup` of a router that applies these rules to what it forwards."""
    return {router: nft_chain("forward", *rules)}


def redirect(router: str, match: str) -> dict[str, str]:
    """The `setup` of a router that answers the client's matching connections itself."""
    return {router: nft_chain("prerouting", f"iif eth0 {match} redirect", kind="nat")}
