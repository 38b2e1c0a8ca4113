"""Scenarios in which nginx answers, alone or before COS, as a proxy or a wrong machine does."""

from __future__ import annotations

from scenario import Scenario

NGINX_SCENARIOS: dict[str, Scenario] = {
    "nginx": Scenario("nginx with a chain of three passes everything on to COS", nginx="cos"),
    "nginx-default-site": Scenario(
        "the address is a fresh nginx: its welcome page, and a certificate that it signed itself",
        nginx="default",
    ),
    "nginx-chain-incomplete": Scenario(
        "the server sends its certificate without the one between it and the root",
        nginx="unchained",
    ),
    "nginx-name-refused": Scenario(
        "the server refuses handshakes for this name with the alert unrecognized_name",
        nginx="name-refused",
    ),
    "nginx-client-certificate": Scenario(
        "the server answers 400 on port 443 because the client has no certificate",
        nginx="client-certificate",
    ),
    "nginx-tls-on-80": Scenario(
        "port 80 speaks TLS, and answers plain HTTP with 400",
        nginx="tls-on-80",
    ),
    "nginx-old-tls": Scenario(
        "the server speaks TLS 1.0 and 1.1 only, and says so with the alert protocol_version",
        nginx="old-tls",
    ),
    "nginx-bad-gateway": Scenario(
        "a proxy stands in COS's place and reaches nothing behind it: 502",
        nginx="bad-gateway",
    ),
}
