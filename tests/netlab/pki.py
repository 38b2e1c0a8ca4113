"""The lab's certificates, made with the openssl command."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

from addresses import REGIONS
from commands import run

# As long a list of names as real COS certificates have: the chain then needs several packets.
COS_NAMES = [
    *(f"*.cos.{region}.{zone}" for zone in ("myqcloud.com", "tencentcos.cn") for region in REGIONS),
    *(f"*.cos-internal.{region}.tencentcos.cn" for region in REGIONS),
    *(f"cos.{region}.myqcloud.com" for region in REGIONS),
]
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

# kind: (authority, names, days from now to the end)
CERTIFICATES: dict[str, tuple[str, list[str], int]] = {
    "good": ("ca", COS_NAMES, 20),
    "expired": ("ca", COS_NAMES, -1),
    "wrong-name": ("ca", ["*.example.com"], 20),
    "untrusted": ("rogue", COS_NAMES, 20),
    "portal": ("rogue", ["portal.lab.test"], 20),
}


def make_pki(where: Path) -> None:
    """Make two authorities (the client trusts `ca` only) and one server certificate per kind."""
    where.mkdir(parents=True, exist_ok=True)
    (where / "openssl.cnf").write_text(_openssl_configuration())
    (where / "db").write_text("")
    (where / "serial").write_text("1000\n")
    for authority in ("ca", "rogue"):
        _make_authority(where, authority)
    request = ["-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=cos"]
    run(["openssl", "req", "-new", *NEW_KEY, *request], cwd=where)
    for kind in CERTIFICATES:
        _make_certificate(where, kind)


def make_chained(where: Path) -> None:
    """Make what stands between `ca` and a certificate, and of that certificate:

    `chained`, which is sent with what is between; `unchained`, which is sent alone; and `self-signed`, with no authority at all.
    """
    request = ["-keyout", "between.key", "-out", "between.csr", "-subj", "/CN=netlab between"]
    run(["openssl", "req", "-new", *NEW_KEY, *request], cwd=where)
    _sign(where, "ca", "between.csr", "between.pem", "between", "netlab between")
    _sign(where, "between", "server.csr", "unchained.pem", "good", COS_NAMES[0])
    chain = (where / "unchained.pem").read_text() + (where / "between.pem").read_text()
    (where / "chained.pem").write_text(chain)
    # As the guides say that tell how to try TLS out: it is an authority, too.
    alone = ["-key", "server.key", "-out", "self-signed.pem", "-days", "30", "-subj", "/CN=localhost"]
    run(["openssl", "req", "-x509", *alone], cwd=where)


def server_context(pki: Path, kind: str, tls: str = "modern") -> ssl.SSLContext:
    """A server's TLS settings with a certificate of this kind; `tls` is modern or tls10."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / f"{kind}.pem", pki / "server.key")
    if tls == "tls10":
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    return context


def _make_authority(where: Path, name: str) -> None:
    files = ["-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "30"]
    subject = ["-subj", f"/CN=netlab {name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    run(["openssl", "req", "-x509", *NEW_KEY, *files, *subject], cwd=where)


def _make_certificate(where: Path, kind: str) -> None:
    authority, names, last_day = CERTIFICATES[kind]
    _sign(where, authority, "server.csr", f"{kind}.leaf", kind, names[0], last_day)
    chain = (where / f"{kind}.leaf").read_text() + (where / f"{authority}.pem").read_text()
    (where / f"{kind}.pem").write_text(chain)


def _sign(where: Path, authority: str, request: str, out: str, extensions: str, name: str, last_day: int = 20) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    start, end = now - dt.timedelta(days=10), now + dt.timedelta(days=last_day)
    # `openssl ca`, because `openssl x509` of OpenSSL 3.0 cannot date a certificate back.
    files = ["-cert", f"{authority}.pem", "-keyfile", f"{authority}.key", "-in", request, "-out", out]
    subject = ["-extensions", extensions, "-subj", f"/CN={name}"]
    dates = ["-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}"]
    batch = ["openssl", "ca", "-batch", "-notext", "-config", "openssl.cnf"]
    run([*batch, *files, *subject, *dates], cwd=where)


def _openssl_configuration() -> str:
    lines = ["[ca]", "default_ca=d", "[d]", "new_certs_dir=.", "database=db", "serial=serial"]
    lines += ["default_md=sha256", "policy=p", "unique_subject=no", "[p]", "commonName=supplied"]
    for kind, (_, names, _) in CERTIFICATES.items():
        lines += [f"[{kind}]", "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth"]
        lines += ["subjectAltName=" + ",".join(f"DNS:{name}" for name in names)]
    lines += ["[between]", "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
    return "\n".join(lines) + "\n"
