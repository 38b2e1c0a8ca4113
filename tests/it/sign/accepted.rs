//! What `sign` makes is sent to the double of COS, which computes every signature anew.

use std::io::{Read, Write};
use std::net::TcpStream;

use cosprobe::lab::Calls;

use crate::support::RunningLab;

/// Runs `sign` with the key of a lab.
fn sign(lab: &RunningLab, arguments: &[&str]) -> serde_json::Value {
    let ran = lab.with_key("sign").arguments(arguments).arguments(["--format=json"]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.json()
}

/// Sends a request to port 80 of a lab and returns the status of the answer.
fn send(lab: &RunningLab, method: &str, target: &str, headers: &str, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(lab.loopback(80)).unwrap();
    let host = lab.host();
    let length = body.len();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Sends what `make` makes of the JSON of `sign` to a lab, whole and with its end changed. Only the former may pass.
fn accepted(
    scenario: &str,
    arguments: &[&str],
    make: impl Fn(&serde_json::Value) -> (String, String, Vec<u8>),
) -> Calls {
    let lab = RunningLab::start(scenario);
    let mut signed = sign(&lab, arguments);
    let method = if arguments.contains(&"form") { "POST" } else { "GET" };
    let (target, headers, body) = make(&signed);
    let status = send(&lab, method, &target, &headers, &body);
    assert!((200..300).contains(&status), "{scenario} {arguments:?}: {status}");
    for value in ["url", "authorization", "signature"] {
        if let Some(text) = signed[value].as_str() {
            // The signature's last digit is one of sixteen; two of them cannot both be right.
            let other = if text.ends_with('0') { '1' } else { '0' };
            signed[value] = format!("{}{other}", &text[..text.len() - 1]).into();
        }
    }
    let (target, headers, body) = make(&signed);
    let status = send(&lab, method, &target, &headers, &body);
    assert_eq!(status, 403, "{scenario} {arguments:?}");
    lab.stop()
}

const HOST: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";

#[test]
fn a_header_is_accepted() {
    let arguments = ["--host-header", HOST, "--path", "/exampleobject"];
    let calls = accepted("healthy-private", &arguments, |signed| {
        let authorization = signed["authorization"].as_str().unwrap();
        ("/exampleobject".to_owned(), format!("Authorization: {authorization}\r\n"), Vec::new())
    });
    assert_eq!(calls.signed_by_header, 2);
}

#[test]
fn a_url_is_accepted_with_its_token_in_the_query() {
    for scenario in ["healthy-private", "temporary-key"] {
        for form in ["url", "merged-url"] {
            for token in ["signed", "unsigned"] {
                let arguments = [
                    "--as",
                    form,
                    "--token",
                    token,
                    "--host-header",
                    HOST,
                    "--path",
                    "/exampleobject",
                    "--scheme=http",
                ];
                let lab = RunningLab::start(scenario);
                let url = sign(&lab, &arguments)["url"].as_str().unwrap().to_owned();
                let target = url.strip_prefix(&format!("http://{HOST}")).unwrap();
                assert_eq!(target.contains("x-cos-security-token="), lab.token().is_some(), "{url}");
                assert_eq!(send(&lab, "GET", target, "", b""), 200, "{scenario} {form} {token}");
                let damaged = target.replacen("exampleobject", "index.html", 1);
                assert_eq!(send(&lab, "GET", &damaged, "", b""), 403, "{scenario} {form} {token}");
                assert_eq!(lab.stop().signed_by_query, 2);
            }
        }
    }
}

#[test]
fn a_form_is_accepted_with_its_token_as_a_field() {
    for scenario in ["healthy-private", "temporary-key"] {
        let arguments =
            ["--as", "form", "--bucket", "examplebucket-1250000000", "--object-key", "up load/x", "--max-bytes", "9"];
        let calls = accepted(scenario, &arguments, |signed| {
            let mut body = String::new();
            for field in signed["fields"].as_array().unwrap() {
                let name = field["name"].as_str().unwrap();
                let value = if name == "q-signature" { &signed["signature"] } else { &field["value"] };
                let value = value.as_str().unwrap();
                let part = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
                body.push_str(&part);
            }
            body += "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\ncontent\r\n--b--\r\n";
            ("/".to_owned(), "Content-Type: multipart/form-data; boundary=b\r\n".to_owned(), body.into_bytes())
        });
        assert_eq!((calls.signed_by_form, calls.writes), (2, 2), "{scenario}");
    }
}
