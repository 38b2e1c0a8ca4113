//! The role of a machine: the metadata service asked, silent, or something else than it should be.

use std::time::{Duration, Instant};

use serde_json::json;

use super::doubles::{Asked, Double, Reply, answer};
use super::{Home, LATER, TEMPORARY_ID, TEMPORARY_KEY, TOKEN};
use crate::support::{Cosprobe, Ran};

const ROLES: &str = "/cam/security-credentials/";

/// The service of a machine with the role `probe`, whose key is `key`.
fn service(key: impl Fn() -> Reply + Send + Sync + 'static) -> Double {
    Double::start(move |asked: &Asked| match asked.path.strip_prefix(ROLES) {
        Some("") => Reply::Answer(200, "text/plain", "probe\n".to_owned()),
        Some("probe") => key(),
        _ => Reply::Answer(404, "text/html", "<html>404</html>".to_owned()),
    })
}

fn key_until(end: i64) -> Reply {
    answer(&json!({
        "TmpSecretId": TEMPORARY_ID, "TmpSecretKey": TEMPORARY_KEY, "Token": TOKEN,
        "ExpiredTime": end, "Expiration": "2099-01-01T00:00:00Z", "Code": "Success",
    }))
}

fn sign(double: &Double, when: &str) -> Ran {
    Cosprobe::new(["sign", "--metadata", when, "--metadata-url", &double.url]).run()
}

#[test]
fn the_key_of_the_role_is_used_when_there_is_no_other() {
    let double = service(|| key_until(LATER));
    let ran = sign(&double, "always");
    assert!(ran.code == Some(0) && ran.stdout.contains(&format!("q-ak={TEMPORARY_ID}")), "{ran:?}");
    let paths: Vec<String> = double.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, [ROLES.to_owned(), format!("{ROLES}probe")]);

    let listed = Cosprobe::new(["credentials", "--metadata=always", "--metadata-url", &double.url]).run();
    assert!(listed.stdout.contains("AKID****0009, temporary until") && listed.code == Some(0), "{listed:?}");
    assert!(!listed.stdout.contains(TEMPORARY_KEY) && !listed.stdout.contains(TOKEN), "{listed:?}");

    double.asked();
    let earlier = Home::new().with_coscmd().run(["sign", "--metadata=always", "--metadata-url", &double.url]).run();
    assert_eq!((earlier.code, double.asked().len()), (Some(0), 0), "an earlier source has a key: {earlier:?}");
}

#[test]
fn the_service_is_asked_on_a_tencent_machine_or_when_told_to() {
    let double = service(|| key_until(LATER));
    assert_eq!((sign(&double, "never").code, double.asked().len()), (Some(2), 0));
    let is_tencent = cosprobe::sys::machine_vendor().is_some_and(|vendor| cosprobe::sys::is_tencent(&vendor));
    sign(&double, "auto");
    assert_eq!(!double.asked().is_empty(), is_tencent);
}

#[test]
fn a_machine_without_a_role_has_no_key() {
    for listing in [Reply::Answer as fn(u16, &'static str, String) -> Reply; 2].into_iter().zip([404, 200]) {
        let (reply, status) = listing;
        let double = Double::start(move |_| reply(status, "text/plain", String::new()));
        let ran = sign(&double, "always");
        assert!(ran.code == Some(2) && ran.stderr.contains("there is no key"), "{ran:?}");
        let listed = Cosprobe::new(["credentials", "--metadata=always", "--metadata-url", &double.url]).run();
        assert!(listed.code == Some(1) && listed.stdout.contains("no role"), "{listed:?}");
    }
}

#[test]
fn a_silent_service_holds_nothing_up() {
    let double = Double::start(|_| Reply::Silence);
    let begun = Instant::now();
    let ran = sign(&double, "always");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("no answer within 1 s") && ran.stderr.contains(&double.url), "{ran:?}");
}

#[test]
fn what_is_not_the_service_is_told() {
    let html = |body: &str| Reply::Answer(200, "text/html", body.to_owned());
    let of_role: Vec<(Double, &str)> = vec![
        (service(move || html("<html>please log in</html>")), "not JSON"),
        (
            service(move || {
                html(&format!("{{\"TmpSecretId\": \"{TEMPORARY_ID}\", \"TmpSecretKey\": \"{TEMPORARY_KEY}"))
            }),
            "is cut",
        ),
        (service(move || html(&"x".repeat(1 << 20))), "larger than 64 KiB"),
        (service(|| key_until(1_700_000_000)), "ended at 2023-11-14T22:13:20Z"),
        (service(|| answer(&json!({ "TmpSecretId": TEMPORARY_ID, "Code": "Success" }))), "it holds no secret key"),
        (service(|| answer(&json!([TEMPORARY_KEY]))), "not a JSON object"),
        (service(|| Reply::Answer(500, "text/plain", TEMPORARY_KEY.to_owned())), "status is 500"),
        (Double::start(move |_| html("<html>please log in</html>")), "name of a role"),
        (Double::start(|_| Reply::Answer(302, "text/plain", String::new())), "status is 302"),
    ];
    for (double, named) in of_role {
        let ran = sign(&double, "always");
        assert_eq!(ran.code, Some(3), "{named}: {ran:?}");
        assert!(ran.stderr.contains(named) && ran.stderr.contains(&double.url), "{named}: {ran:?}");
        assert!(!ran.stderr.contains(TEMPORARY_KEY) && !ran.stderr.contains("please"), "{ran:?}");
    }
}

#[test]
fn a_refusal_of_the_service_is_told() {
    let double = service(|| answer(&json!({ "Code": "RoleNotAuthorized" })));
    let ran = sign(&double, "always");
    assert!(ran.code == Some(2) && ran.stderr.contains("RoleNotAuthorized"), "{ran:?}");
    let home = Home::new();
    home.write(".cos.yaml", "cos:\n  base:\n    mode: CvmRole\n    cvmrolename: nobody\n");
    let ran = home.run(["sign", "--metadata=always", "--metadata-url", &double.url]).run();
    assert!(ran.code == Some(2) && ran.stderr.contains("nobody answers 404"), "{ran:?}");
}

#[test]
fn nobody_there_is_told_with_the_address() {
    let ran = Cosprobe::new(["sign", "--metadata=always", "--metadata-url=http://127.0.0.1:1/"]).run();
    assert!(ran.code == Some(3) && ran.stderr.contains("refused") && ran.stderr.contains("127.0.0.1:1"), "{ran:?}");
    assert!(ran.stderr.contains("--metadata never"), "{ran:?}");
}
