"""The official Python SDK of COS, driven by tests/it/sdk.rs: it signs, and recomputes what cosprobe signed.

Reads one JSON object with `calls`, `presigned` and `requests` from standard input, and writes one with the same names. Keys
come in that way and not as arguments. No connection leaves loopback, whatever the SDK wants.
"""

import json
import logging
import signal
import socket
import sys
import types

MOST_SECONDS = 20


def stay_on_loopback():
    """Refuses every name and every address that is not 127.0.0.1."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def connect_to_loopback(self, address):
        if address[0] != "127.0.0.1":
            raise OSError(f"{address} is not loopback")
        return connect(self, address)

    def resolve_loopback(host, *arguments, **named):
        if host not in ("127.0.0.1", b"127.0.0.1"):
            raise OSError(f"{host} is not loopback")
        return resolve(host, *arguments, **named)

    socket.socket.connect = connect_to_loopback
    socket.getaddrinfo = resolve_loopback


stay_on_loopback()

import requests  # noqa: E402  (after the guard)
from qcloud_cos import CosConfig, CosS3Client, cos_auth  # noqa: E402
from qcloud_cos.cos_exception import CosServiceError  # noqa: E402


def config(job):
    place = {"IP": "127.0.0.1", "Port": job["port"]} if "port" in job else {}
    return CosConfig(
        Endpoint=job["endpoint"],
        SecretId=job["secret_id"],
        SecretKey=job["secret_key"],
        Token=job.get("token"),
        Scheme="http",
        Timeout=5,
        AllowRedirects=False,
        AutoSwitchDomainOnRetry=False,
        **place,
    )


def client(job):
    session = requests.Session()
    session.trust_env = False
    return CosS3Client(config(job), retry=0, session=session)


def call(job):
    """Sends one request to the double; the SDK makes an exception of every status from 400."""
    try:
        getattr(client(job), job["operation"])(Bucket=job["bucket"], **job.get("arguments", {}))
    except CosServiceError as refused:
        return {"status": refused.get_status_code(), "code": refused.get_error_code()}
    return {"status": 200, "code": None}


def presigned(job):
    return client(job).get_presigned_url(Bucket=job["bucket"], **job["arguments"])


def authorization(job):
    """What the SDK's own signing code makes of a request, in the given validity."""
    start, end = (int(second) for second in job["key_time"].split(";"))
    # The SDK opens the validity a minute before the time that it reads.
    cos_auth.time = types.SimpleNamespace(time=lambda: start + 60)
    request = types.SimpleNamespace(method=job["method"], url="http://127.0.0.1/", headers=dict(job["headers"]))
    sign = cos_auth.CosS3Auth(config(job), key=job["path"], params=job["params"], expire=end - start - 60)
    return sign(request).headers["Authorization"]


def main():
    signal.alarm(MOST_SECONDS)
    logging.disable(logging.CRITICAL)
    jobs = json.load(sys.stdin)
    done = {
        "calls": [call(job) for job in jobs.get("calls", [])],
        "presigned": [presigned(job) for job in jobs.get("presigned", [])],
        "requests": [authorization(job) for job in jobs.get("requests", [])],
    }
    json.dump(done, sys.stdout)


main()
