"""What this machine lacks for the lab, if anything."""

from __future__ import annotations

import os
import shutil
import subprocess

from namespaces import has_cap_sys_admin

PACKAGES = {"ip": "iproute2", "nft": "nftables", "openssl": "openssl", "dnsmasq": "dnsmasq-base", "nginx": "nginx"}


def doctor() -> int:
    """Print what is missing; 0 when every scenario can run."""
    rootless = not has_cap_sys_admin()
    print("mode: " + ("user namespace (not root)" if rootless else "root"))
    problems = []
    for tool, package in PACKAGES.items():
        if not shutil.which(tool):
            problems.append(f"{tool} is not installed (package {package})")
    if rootless and subprocess.run(["unshare", "-rnm", "true"], capture_output=True).returncode:
        problems.append(
            "user namespaces are not allowed: see kernel.unprivileged_userns_clone, "
            "user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns"
        )
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        problems.append("/dev/net/tun cannot be opened: impaired wires and vpn-route do not work (chmod 666 it)")
    for problem in problems:
        print(f"missing: {problem}")
    if not problems:
        print("all there")
    return 1 if problems else 0
