"""Scenarios of a VM in Tencent's cloud: its private network, its resolvers, its way out."""

from __future__ import annotations

from addresses import BUCKET, CLUSTER_DNS, COS_PUBLIC, DNS2, VPC_RESOLVERS
from impair import Impairment
from scenario import CLOUD, CLOUD_EGRESS, Scenario, firewall, nft_chain

CLOUD_SCENARIOS: dict[str, Scenario] = {
    # Nothing is wrong.
    "vpc-private": Scenario(
        "VPC client, VPC resolver answers 169.254.x, private path",
        plan=CLOUD,
        dns1_view="vpc",
    ),
    "classic-private": Scenario(
        "classic-network client, resolver answers 10.x, path over 100.64.x",
        plan=CLOUD,
        dns1_view="classic",
    ),
    "cross-region-public": Scenario(
        "VPC client, bucket of another region: VPC resolver answers a public address",
        plan=CLOUD_EGRESS,
        dns1_view="vpc",
        wire=Impairment(delay_ms=15),
    ),
    "silent-hops": Scenario(
        "r1 and r2 send no ICMP errors, as in most clouds",
        plan=CLOUD,
        dns1_view="vpc",
        setup={
            router: nft_chain("output", "icmp type time-exceeded drop", "icmpv6 type time-exceeded drop")
            for router in ("r1", "r2")
        },
    ),
    "slow-private": Scenario(
        "like vpc-private, with 30 ms round trip between r2 and r3, as private networks of one region never have",
        plan=CLOUD,
        dns1_view="vpc",
        wire=Impairment(delay_ms=15, jitter_ms=0.5),
    ),
    "metadata-hangs": Scenario(
        "like vpc-private, but the metadata service accepts connections and never answers",
        plan=CLOUD,
        dns1_view="vpc",
        metadata="hang",
    ),
    # The private address exists, but the VM does not learn it.
    "wrong-resolver": Scenario(
        "VPC client asks a public resolver: public answer although the VPC resolver has a private one",
        plan=CLOUD_EGRESS,
        resolvers=(DNS2,),
        dns1_view="vpc",
    ),
    "stub-resolver": Scenario(
        "the VM's resolv.conf names its own dnsmasq, which asks a public resolver: public answer",
        plan=CLOUD_EGRESS,
        resolvers=("127.0.0.1",),
        stub_upstream=DNS2,
    ),
    "real-views": Scenario(
        "like wrong-resolver, and all name servers are real ones: dnsmasq with a private and a public view",
        plan=CLOUD_EGRESS,
        resolvers=(DNS2,),
        dns1_view="vpc",
        real_dns=True,
    ),
    "container-dns": Scenario(
        "a pod's resolv.conf: the cluster's resolver gives the public answer",
        plan=CLOUD_EGRESS,
        resolvers=(CLUSTER_DNS,),
        resolv_conf=(
            "search default.svc.cluster.local svc.cluster.local cluster.local",
            "options ndots:5",
        ),
    ),
    "hosts-override-vpc": Scenario(
        "the VM's /etc/hosts pins the bucket to a public address, which serves",
        plan=CLOUD_EGRESS,
        hosts=(f"{COS_PUBLIC[0]} {BUCKET}",),
    ),
    # The resolvers are right, the way is not there.
    "public-no-egress": Scenario(
        "the VM has no public address: r1 drops what it sends to any; VPC resolvers and 169.254.x work",
        plan=CLOUD_EGRESS,
        vm_public_ip=None,
        setup=firewall(
            "r1",
            f"iif eth0 ip daddr != {{ 10.0.0.0/8, 169.254.0.0/16, {', '.join(VPC_RESOLVERS)} }} drop",
            "iif eth0 meta nfproto ipv6 drop",
        ),
    ),
    "finance-zone": Scenario(
        "VM in ap-shanghai-fsi: buckets of ap-shanghai are those of another region, with public addresses",
        plan=CLOUD_EGRESS,
        vm_region="ap-shanghai-fsi",
    ),
    "vpn-route": Scenario(
        "a VPN on the VM has taken 169.254.0.0/16: what goes there vanishes, the metadata service's too",
        plan=CLOUD,
        tunnel="tun0",
        setup={
            "client": "ip address add 10.8.0.2/24 dev tun0; ip link set tun0 up; "
            "ip route replace 169.254.0.0/16 dev tun0"
        },
    ),
    "private-unrouted": Scenario(
        "the VM's routing table calls 169.254.0.0/16 unreachable",
        plan=CLOUD,
        setup={"client": "ip route replace unreachable 169.254.0.0/16"},
    ),
}
