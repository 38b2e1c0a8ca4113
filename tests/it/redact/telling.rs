//! A report with something in every place that can tell about somebody.

use cosprobe::report::Report;
use serde_json::{Value, json};

/// The report.
pub(super) fn telling() -> Report {
    Report::read(&telling_document().to_string()).unwrap()
}

/// The same as JSON.
pub(super) fn telling_document() -> Value {
    let host = "payroll-1301234567.cos.ap-guangzhou.myqcloud.com";
    let format_string = |path: &str| format!("get\n{path}\nprefix=merger\nhost={host}\n");
    let headers = json!([
        {"name": "server", "value": "gw7.acme.internal"}, {"name": "via", "value": "1.1 proxy01 (squid/4.10)"},
        {"name": "etag", "value": "\"9e107d9d372bb6826bd81d3542a419d6\""},
        {"name": "location", "value": "https://portal.acme.internal/login?from=merger"},
        {"name": "x-cos-request-id", "value": "NmIwNDk0NDdfNTAwMjAwYzBfNjhhZl8w"}, {"name": "x-cos-trace-id", "value": "dHJhY2U="}]);
    let error = json!({"code": "SignatureDoesNotMatch", "message": format!("AKIDacmeacmeacmeacme of uid/1301234567 for {host}"),
        "resource": "/payroll-1301234567/merger/plan v2.pdf", "request_id": "NmIwNDk0NDdfNTAwMjAwYzBfNjhhZl8w", "trace_id": "dHJhY2U=",
        "format_string": format_string("/merger/plan%20v2.pdf"), "string_to_sign": "sha1\n1;2\n9e107d9d372bb6826bd81d3542a419d6aaaabbbb\n"});
    let ok = json!({"status": "succeeded"});
    let machine = |id: u32, detail: Value| json!({"id": id, "stage": "host", "outcome": ok, "detail": detail});
    json!({
        "format_version": "1.0", "tool": {"name": "cosprobe", "version": "0"},
        "started_at": "2026-11-23T19:30:15Z", "ended_at": "2026-11-23T19:30:16Z", "labels": {"ticket": "acme-4711"},
        "targets": [
            {"input": "cos://payroll-1301234567/merger/plan v2.pdf", "host": host, "role": "default", "bucket": "payroll-1301234567",
                "region": "ap-guangzhou", "path": "/merger/plan v2.pdf"},
            {"input": "files.acme.com", "host": "files.acme.com", "role": "custom", "bucket": "payroll-1301234567", "path": "/"},
        ],
        "evidence": [
            machine(1, json!({"type": "machine", "kernel": "Linux 5.14.0-427.acme.el9", "vendor": "Tencent Cloud"})),
            machine(2, json!({"type": "metadata", "url": "http://metadata.tencentyun.com/latest/meta-data/", "region": "ap-guangzhou",
                "zone": "ap-guangzhou-3", "instance_id": "ins-0abc12", "local_ipv4": "10.20.30.40", "public_ipv4": "43.1.2.3",
                "vpc_id": "vpc-0abc12", "subnet_id": "subnet-0abc12"})),
            machine(3, json!({"type": "routes", "default_routes": [{"interface": "acme0", "gateway": "10.20.30.1"}],
                "source_v4": "10.20.30.40", "link_local": [{"destination": "169.254.0.0/17", "kind": "unicast", "interface": "acme0",
                "gateway": "10.20.30.1"}], "rules": [{"priority": 5, "text": "from 10.20.30.0/24 iif acme0 lookup 100"}],
                "interfaces": [{"name": "acme0", "is_up": true, "has_carrier": true, "kind": "ethernet",
                "addresses": ["10.20.30.40", "fe80::5054:ff:fe12:3456", "2402:4e00:1411:2222::1"]}]})),
            machine(4, json!({"type": "proxy_environment", "variables": [{"name": "https_proxy", "value": "http://proxy01:3128"},
                {"name": "no_proxy", "value": "localhost,.acme.com,10.20.0.0/16"}]})),
            machine(5, json!({"type": "resolver_configuration", "path": "/etc/resolv.conf", "servers": ["10.20.30.53:53", "183.60.83.19:53"],
                "search": ["acme.internal", "branch-ulm"], "skipped": [{"line": 3, "problem": "'nameserver intranet.acme' is not an address"}]})),
            machine(6, json!({"type": "key", "source": "/home/jdoe/.cos.yaml (coscli)",
                "searched": [{"place": "/srv/acme/keys", "found": "no such file"}]})),
            {"id": 7, "stage": "resolve", "endpoint": host, "peer": "10.20.30.53:53", "outcome": ok, "detail": {"type": "dns", "name": host,
                "addresses": [{"ip": "43.1.2.99", "ttl_seconds": 5}], "cname_chain": [{"target": "files.acme.com.cdn.dnsv1.com", "ttl_seconds": 1}]}},
            {"id": 8, "parent": 7, "stage": "connect", "endpoint": host, "peer": "43.1.2.99:443", "outcome": ok, "detail": {"type": "tcp",
                "samples": [{"outcome": ok, "local": "10.20.30.40:51234"}]}},
            {"id": 9, "parent": 7, "stage": "path", "endpoint": host, "peer": "43.1.2.99:443", "outcome": ok, "detail": {"type": "path",
                "source": "10.20.30.40", "hops": [{"ttl": 1, "probes": [{"answer": "time_exceeded", "from": "10.20.30.1"}]},
                {"ttl": 2, "probes": [{"answer": "time_exceeded", "from": "100.64.3.7"}]}]}},
            {"id": 10, "stage": "path", "endpoint": host, "outcome": ok, "detail": {"type": "dns", "record_type": "PTR",
                "name": "7.3.64.100.in-addr.arpa", "names": ["core1.ulm.acme.net"]}},
            {"id": 11, "parent": 8, "stage": "tls_handshake", "endpoint": host, "peer": "43.1.2.99:443", "outcome": ok, "detail": {"type": "tls",
                "server_name": host, "chain": [{"subject": "C=DE, O=Acme GmbH, CN=*.acme.com", "issuer": "C=DE, O=Acme GmbH, CN=Acme Inspection CA",
                "names": ["*.acme.com", "43.1.2.99"]}], "verification": {"result": "wrong_name",
                "message": "certificate not valid for name \"payroll-1301234567.cos.ap-guangzhou.myqcloud.com\", only for *.acme.com"}}},
            {"id": 12, "parent": 11, "stage": "http_round_trip", "endpoint": host, "peer": "43.1.2.99:443", "outcome": ok, "detail": {"type": "http",
                "method": "GET", "authentication": "signed", "path": "/merger/plan v2.pdf", "status": 403, "headers": headers, "error": error,
                "signed": {"key_time": "1;2", "format_string": format_string("/merger/plan v2.pdf"), "string_to_sign": "sha1\n1;2\nabc\n"}}},
            {"id": 13, "stage": "connect", "endpoint": "files.acme.com", "peer": "[2402:4e00:1411:2222::9]:443",
                "outcome": {"status": "failed", "kind": "host_unreachable", "from": "10.20.30.1", "message": "no way from /home/jdoe/app"},
                "detail": {"type": "tcp", "redirected_to": "10.20.30.77:443"}},
        ],
    })
}
