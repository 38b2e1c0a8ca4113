"""What a scenario is: a network, the servers in it, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from addresses import COS_CLASSIC, COS_PUBLIC, COS_VPC, DNS1, REGION, VPC_RESOLVERS
from dns_server import Zone
from impair import Impairment


@dataclass(frozen=True)
class Plan:
    """The /30 networks and the client's network along the path, as /prefix strings."""

    client: str  # the client's own address; its gateway is .1 of the network
    r1_r2: str = "100.64.12.0/30"
    r2_r3: str = "198.51.100.0/30"
    r3_server: str = "100.64.34.0/30"
    cloud: bool = False  # the client is a VM in Tencent's cloud


CLOUD = Plan("10.0.1.10/24", r2_r3="169.254.23.0/30", cloud=True)  # inside a VPC, private all the way
CLOUD_EGRESS = Plan("10.0.1.10/24", cloud=True)  # a VPC's way out to a public address
HOME = Plan("192.168.1.10/24")  # behind a home router and an ISP's carrier-grade NAT range


@dataclass(frozen=True)
class Scenario:
    """One row of the table. Every default is what a healthy network does."""

    summary: str
    plan: Plan = HOME
    vm_region: str = REGION  # of the client in the cloud: buckets there have private addresses
    vm_public_ip: str | None = "203.0.113.200"  # as the metadata service says
    metadata: str = "ok"  # the metadata service in the cloud: ok | hang | none (port closed)
    resolvers: tuple[str, ...] | None = None  # what resolv.conf names, in order; None: VPC_RESOLVERS or DNS1
    resolv_conf: tuple[str, ...] = ()  # lines before those that name the resolvers
    hosts: tuple[str, ...] = ()  # lines at the head of /etc/hosts
    nsswitch_hosts: str = "files dns"  # where names are looked up, in order
    real_dns: bool = False  # dns1 and dns2 run dnsmasq; their behaviours are then those of a healthy server
    stub_upstream: str | None = None  # the client runs dnsmasq on 127.0.0.1, which asks this resolver
    tunnel: str | None = None  # a TUN interface of the client, whose packets nobody reads
    taken_ports: tuple[int, int] | None = None  # the client's only local ports, first and last: TCP's are all in use
    addresses: tuple[str, ...] | None = None  # the public view's answer for the home region
    dns1_view: str = "public"  # public | vpc | classic: what dns1 knows; classic: Tencent's too
    dns1_addresses: tuple[str, ...] | None = None  # dns1 answers these instead of its view
    dns1: str = "ok"  # behaviour of dns1, see DnsServer
    vpc_resolvers: str = "ok"  # and of Tencent's resolvers in a VPC
    public_resolver: str = "ok"  # and of dns2, under both of its addresses
    ipv6: bool = False  # publish an AAAA record
    web: str = "ok"  # behaviour of the server, see WebServer
    cert: str = "good"  # good | expired | wrong-name | untrusted
    tls: str = "modern"  # modern | tls10 | plaintext | stall
    nginx: str | None = None  # nginx stands before the server and decides about `cert` and `tls`: one of nginx.SITES
    date_offset_s: int = 0  # the server's clock minus ours
    portal: tuple[str, ...] = ()  # hosts that also run the hijacker's web server
    mtu: int = 1500  # of the link r2-r3
    ecmp: bool = False  # a second link r1-r2; r1 picks one per flow (4-tuple)
    wire: Impairment = Impairment()  # of the link r2-r3
    sysctl: dict[str, dict[str, str]] = field(default_factory=dict)
    setup: dict[str, str] = field(default_factory=dict)  # shell commands per host

    @property
    def client_resolvers(self) -> tuple[str, ...]:
        """What the client's resolv.conf names."""
        return self.resolvers or (VPC_RESOLVERS if self.plan.cloud else (DNS1,))

    @property
    def public_answer(self) -> tuple[str, ...]:
        """What a public resolver says about the home region."""
        return self.addresses or COS_PUBLIC[:1]

    @property
    def public_zone(self) -> Zone:
        """What a public resolver knows."""
        return Zone(self.public_answer, ipv6=self.ipv6)

    @property
    def vpc_zone(self) -> Zone:
        """What Tencent's resolvers know in the client's network."""
        address = COS_CLASSIC if self.dns1_view == "classic" else COS_VPC
        return Zone((address,), self.vm_region, internal=True, ipv6=self.ipv6)

    @property
    def dns1_zone(self) -> Zone:
        """What dns1 knows."""
        zone = self.public_zone if self.dns1_view == "public" else self.vpc_zone
        return replace(zone, addresses=self.dns1_addresses or zone.addresses)


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
