"""nginx, a web server and proxy that people run, in place of the lab's own: what speaks HTTP and TLS is then nginx and OpenSSL."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from commands import LabError
from namespaces import die_with_parent

COS_PORT = 8080  # where the lab's COS listens for nginx, on the same host
NOBODYS_PORT = 8081

# nginx has a Server and a Date of its own, unless it is told to leave those of COS.
TO_COS = (
    f"location / {{ proxy_pass http://127.0.0.1:{COS_PORT}; proxy_http_version 1.1; proxy_set_header Host $http_host; "
    "proxy_pass_header Server; proxy_pass_header Date; }"
)
TO_NOBODY = f"location / {{ proxy_pass http://127.0.0.1:{NOBODYS_PORT}; }}"
WELCOME = "location / { default_type text/html; return 200 '<h1>Welcome to nginx!</h1>'; }"


@dataclass(frozen=True)
class Site:
    """What nginx does on its two ports. Every default is a sound way to COS."""

    plain: str = TO_COS  # directives of port 80
    tls: str = TO_COS  # and of port 443
    plain_listens: str = "80"
    certificate: str = "chained"  # chained | unchained | self-signed, see make_chained


SITES: dict[str, Site] = {
    "cos": Site(),
    "default": Site(plain=WELCOME, tls=WELCOME, certificate="self-signed"),
    "unchained": Site(certificate="unchained"),
    "name-refused": Site(tls="ssl_reject_handshake on;"),
    "client-certificate": Site(tls="ssl_client_certificate ../ca.pem; ssl_verify_client on; " + TO_COS),
    "tls-on-80": Site(plain_listens="80 ssl"),
    "old-tls": Site(tls="ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0; " + TO_COS),
    "bad-gateway": Site(plain=TO_NOBODY, tls=TO_NOBODY),
}


def start_nginx(site: Site, pki: Path) -> None:
    """Run it on ports 80 and 443, without any file of the machine. It listens when this returns, and ends with this process."""
    if not shutil.which("nginx"):
        raise LabError("nginx is not installed (package nginx)")
    where = pki / "nginx"
    where.mkdir()
    (where / "nginx.conf").write_text(_configuration(site, where))
    log = where / "error.log"
    command = ["nginx", "-p", str(where), "-c", str(where / "nginx.conf"), "-e", str(log)]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
    while not _listens(443):  # the last of its ports
        if server.poll() is not None:
            raise LabError(f"nginx: {log.read_text().strip()}")
        time.sleep(0.01)


def _configuration(site: Site, where: Path) -> str:
    """Paths of certificates are relative to its own directory, which is within that of the certificates."""
    bodies = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "\n".join(
        (
            # Root, or it wants to chown to a user that a namespace may not have.
            "user root root;",
            "daemon off; master_process off; pid nginx.pid;",
            "events { worker_connections 512; }",
            "http {",
            "access_log off;",
            *(f"{kind}_temp_path {where / kind};" for kind in bodies),
            f"ssl_certificate ../{site.certificate}.pem; ssl_certificate_key ../server.key;",
            f"server {{ listen {site.plain_listens}; listen [::]:{site.plain_listens}; {site.plain} }}",
            f"server {{ listen 443 ssl; listen [::]:443 ssl; {site.tls} }}",
            "}",
        )
    )


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except ConnectionRefusedError:
        return False
