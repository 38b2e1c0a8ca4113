"""The names and addresses of the lab's world."""

from __future__ import annotations

import re

REGION, REMOTE_REGION = "ap-guangzhou", "ap-shanghai"
REGIONS = (
    "ap-beijing-1",
    "ap-beijing",
    "ap-nanjing",
    "ap-shanghai",
    "ap-guangzhou",
    "ap-chengdu",
    "ap-chongqing",
    "ap-shenzhen-fsi",
    "ap-shanghai-fsi",
    "ap-beijing-fsi",
    "ap-hongkong",
    "ap-singapore",
    "ap-jakarta",
    "ap-seoul",
    "ap-bangkok",
    "ap-tokyo",
    "na-siliconvalley",
    "na-ashburn",
    "sa-saopaulo",
    "eu-frankfurt",
)
BUCKET = f"examplebucket-1250000000.cos.{REGION}.myqcloud.com"
REMOTE_BUCKET = f"examplebucket-1250000000.cos.{REMOTE_REGION}.myqcloud.com"

# Addresses of the stand-in for COS. "Public" ones are from the documentation ranges.
COS_VPC, COS_CLASSIC = "169.254.0.47", "10.148.0.47"
COS_PUBLIC = ("203.0.113.10", "203.0.113.11", "203.0.113.12", "203.0.113.13")
COS_REMOTE, COS_OTHER, COS_V6 = "203.0.113.20", "192.0.2.80", "2001:db8:c05::10"
SERVER_ADDRESSES = (COS_VPC, COS_CLASSIC, *COS_PUBLIC, COS_REMOTE, COS_OTHER, COS_V6)
NODE = "100.93.40.15"  # what the server's request ids name as their maker, as real ones do

NOBODY_THERE = "203.0.113.99"  # scenarios that use it make r3 drop what goes there
HIJACKER = "198.51.100.66"  # lives on r2; where forged DNS answers point

# Resolvers. Those with real addresses live on the loopback interfaces of dns1 and dns2.
DNS1, DNS1_V6 = "198.51.100.53", "2001:db8:d1::53"
DNS2, DNS2_V6 = "203.0.113.53", "2001:db8:d2::53"
VPC_RESOLVERS = ("183.60.83.19", "183.60.82.98")  # Tencent's, for its VPCs alone: on dns1, in the cloud
PUBLIC_RESOLVER = "119.29.29.29"  # DNSPod's, for everybody: on dns2
CLUSTER_DNS = "10.96.0.10"  # of a Kubernetes cluster: on dns1, in the cloud

METADATA = "169.254.0.23"  # the cloud's metadata service, on r1
CLIENT_MAC = "52:54:00:00:00:01"  # of a VM

_COS_NAME = re.compile(r"(?:^|\.)(cos|cos-internal)\.([a-z0-9-]+)\.(?:myqcloud\.com|tencentcos\.cn)$")


def region_of(name: str) -> str | None:
    """The region in a COS host name ("accelerate" counts as one), or None for any other name."""
    found = _COS_NAME.search(name)
    return found[2] if found and found[2] in (*REGIONS, "accelerate") else None


def is_internal(name: str) -> bool:
    """Whether a COS host name is one of those for private networks only."""
    found = _COS_NAME.search(name)
    return found is not None and found[1] == "cos-internal"
