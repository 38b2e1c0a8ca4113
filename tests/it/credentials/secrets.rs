//! Whatever the source of a key, no output shows it, and no other process can read it off the command line.

use std::net::UdpSocket;
use std::time::Duration;

use super::doubles::{Double, answer, sts_answer};
use super::{Home, LATER, TOKEN};
use crate::support::{Cosprobe, Ran, RunningLab, interrupt};

const PLANTED: &str = "plantedSecretKeyOfThisSource0001";
const PLANTED_TOKEN: &str = "plantedTokenOfThisSource0000001";

/// Gives a command a key of one source.
type Plant = fn(&Home, Cosprobe) -> Cosprobe;

/// How a key of every source is planted, by the source's word.
fn plants() -> Vec<(&'static str, Plant)> {
    fn file(home: &Home, command: Cosprobe, name: &str, text: &str) -> Cosprobe {
        home.write(name, text);
        command
    }
    vec![
        ("cos_env", |_, command| {
            let command = command.variable("COS_SECRET_ID", "AKIDplanted00000001");
            command.variable("COS_SECRET_KEY", PLANTED).variable("COS_SESSION_TOKEN", PLANTED_TOKEN)
        }),
        ("tencentcloud_env", |_, command| {
            let command = command.variable("TENCENTCLOUD_SECRET_ID", "AKIDplanted00000001");
            command.variable("TENCENTCLOUD_SECRET_KEY", PLANTED).variable("TENCENTCLOUD_TOKEN", PLANTED_TOKEN)
        }),
        ("coscli", |home, command| {
            let text =
                format!("secretid: AKIDplanted00000001\n    secretkey: {PLANTED}\n    sessiontoken: {PLANTED_TOKEN}");
            file(home, command, ".cos.yaml", &format!("cos:\n  base:\n    {text}\n"))
        }),
        ("coscmd", |home, command| {
            let text = format!("secret_id=AKIDplanted00000001\nsecret_key={PLANTED}\ntoken={PLANTED_TOKEN}\n");
            file(home, command, ".cos.conf", &format!("[common]\n{text}"))
        }),
        ("tccli", |home, command| {
            let text = format!(r#""secretId":"AKIDplanted00000001","secretKey":"{PLANTED}","token":"{PLANTED_TOKEN}""#);
            file(home, command, ".tccli/default.credential", &format!("{{{text}}}"))
        }),
        ("tencentcloud", |home, command| {
            let text = format!("secret_id=AKIDplanted00000001\nsecret_key={PLANTED}\ntoken={PLANTED_TOKEN}\n");
            file(home, command, ".tencentcloud/credentials", &format!("[default]\n{text}"))
        }),
        ("tke_web_identity", |home, command| {
            let path = home.write("token", PLANTED_TOKEN);
            let command =
                command.variable("TKE_PROVIDER_ID", "p").variable("TKE_ROLE_ARN", "qcs::cam::uin/1:roleName/r");
            command.variable("TKE_WEB_IDENTITY_TOKEN_FILE", path.to_str().unwrap())
        }),
    ]
}

fn assert_silent(source: &str, what: &str, ran: &Ran) {
    for secret in [PLANTED, PLANTED_TOKEN, &PLANTED[..16], TOKEN] {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{source} {what}: {ran:?}");
    }
}

#[test]
fn no_output_shows_a_key_of_any_source() {
    let lab = RunningLab::start("bad-signature");
    let double = Double::start(|_| answer(&sts_answer("AKIDplanted00000001", PLANTED, TOKEN, LATER)));
    for (source, plant) in plants() {
        let home = Home::new();
        let planted = |command: Cosprobe| {
            plant(
                &home,
                command.variable("HOME", home.path().to_str().unwrap()).variable("COSPROBE_STS_URL", &double.url),
            )
        };
        for format in ["table", "json"] {
            let listed = planted(Cosprobe::new(["credentials", "--format", format])).run();
            assert!(listed.code == Some(0) && listed.stdout.contains(source.split('_').next().unwrap()), "{listed:?}");
            assert_silent(source, format, &listed);
            let check = lab.check().variable("COS_SECRET_ID", "").variable("COS_SECRET_KEY", "");
            let ran = planted(check).arguments([lab.host(), "--verbose", "--format", format]).run();
            assert_eq!(ran.code, Some(1), "{source}: {ran:?}");
            assert_silent(source, format, &ran);
        }
        let explained = planted(Cosprobe::new(["sign", "--explain", "--format=json"])).run();
        assert_eq!(explained.code, Some(0), "{explained:?}");
        assert_silent(source, "sign", &explained);
    }
    assert!(lab.stop().signed > 0);
}

#[test]
fn no_command_line_shows_a_key_of_any_source() {
    let double = Double::start(|_| answer(&sts_answer("AKIDplanted00000001", PLANTED, TOKEN, LATER)));
    for (source, plant) in plants() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let resolver = format!("--resolver={}", silent.local_addr().unwrap());
        let home = Home::new();
        let check = Cosprobe::new(["check", "cos.ap-guangzhou.myqcloud.com", "-4", "--timeout=5m", "--deadline=5m"]);
        let check = check.variable("HOME", home.path().to_str().unwrap()).variable("COSPROBE_STS_URL", &double.url);
        let ran = plant(&home, check).arguments([&resolver]).run_with(|process| {
            // Once it asks for the name it has its key, and it waits for an answer until it is interrupted.
            silent.recv_from(&mut [0; 512]).unwrap();
            let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap();
            assert!(line.contains(&resolver), "{source}: {line}");
            assert!(!line.contains(PLANTED) && !line.contains(PLANTED_TOKEN), "{source}: {line}");
            interrupt(process);
        });
        assert_eq!(ran.code, Some(130), "{source}: {ran:?}");
        assert_silent(source, "interrupted", &ran);
    }
}
