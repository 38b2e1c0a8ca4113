//! The sources, read from maps: what each holds, what is wrong with it, and that no message shows a value.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::around::{Around, ID, KEY, NOW, OTHER_ID, TOKEN};
use super::*;

/// As coscli writes a value.
fn hidden(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize((bytes.len() / 16 + 1) * 16, 0);
    let cipher = Aes128::new(b"coscli-secret\0\0\0".into());
    for chunk in bytes.chunks_exact_mut(16) {
        let block: &mut [u8; 16] = chunk.try_into().unwrap();
        cipher.encrypt_block(block.into());
    }
    STANDARD.encode(bytes)
}

/// Every file that holds a key, with the word of its source: how an id, a key and a token are written in it.
type Writer = fn(&str, &str, &str) -> String;
const FILES: &[(&str, &str, Writer)] = &[
    ("coscli", ".cos.yaml", |id, key, token| {
        let base =
            format!("cos:\n  base:\n    secretid: \"{id}\"\n    secretkey: \"{key}\"\n    sessiontoken: \"{token}\"\n");
        format!(
            "{base}  buckets:\n  - name: examplebucket-1250000000\n    alias: b\n    region: ap-beijing\n    ofs: false\n"
        )
    }),
    ("coscmd", ".cos.conf", |id, key, token| {
        format!("[common]\nsecret_id = {id}\nsecret_key = {key}\ntoken = {token}\nregion = ap-beijing\n")
    }),
    ("tccli", ".tccli/default.credential", |id, key, token| {
        format!("{{\n \"secretId\": \"{id}\",\n \"secretKey\": \"{key}\",\n \"token\": \"{token}\"\n}}")
    }),
    ("tencentcloud", ".tencentcloud/credentials", |id, key, token| {
        format!("# mine\n[default]\nsecret_id={id}\nsecret_key={key}\ntoken={token}\nregion=ap-beijing\n")
    }),
];

#[test]
fn every_file_gives_its_key() {
    for (source, path, write) in FILES {
        let around = Around::default().write(path, &write(ID, KEY, TOKEN));
        let entry = around.first().unwrap();
        assert_eq!(entry.source, *source);
        assert_eq!(entry.place, format!("/home/user/{path}"));
        let key = around.key();
        assert_eq!((key.secret_id.as_str(), key.secret_key.expose_secret(), key.token_text()), (ID, KEY, Some(TOKEN)));
        assert!(around.first().unwrap().warnings.is_empty());
        let permanent = Around::default().write(path, &write(ID, KEY, "")).key();
        assert!(permanent.token.is_none(), "{source}");
    }
}

#[test]
fn half_a_key_is_an_error_that_names_file_line_and_key() {
    for (source, path, write) in FILES {
        let no_key = Around::default().write(path, &write(ID, "", "")).fault();
        assert!(no_key.contains("is not: set both") && no_key.contains(path), "{source}: {no_key}");
        assert!(no_key.to_lowercase().replace('_', "").contains("secretkey in line"), "{source}: {no_key}");
        let no_id = Around::default().write(path, &write("", KEY, "")).fault();
        assert!(no_id.to_lowercase().replace('_', "").contains("secretid in line"), "{source}: {no_id}");
        let only_token = Around::default().write(path, &write("", "", TOKEN)).fault();
        assert!(
            only_token.contains("token") && only_token.contains("are not: set all three"),
            "{source}: {only_token}"
        );
        let empty = Around::default().write(path, &write("", "", ""));
        assert!(empty.first().is_none(), "{source}");
    }
}

#[test]
fn what_comes_along_when_keys_are_copied_is_told() {
    for (source, path, write) in FILES {
        for (value, named) in [
            (format!("'{KEY}'"), "quotes"),
            (format!("{KEY} {KEY}"), "contains a blank"),
            (format!("{KEY}\u{200b}"), "character that no key has"),
            (format!("“{KEY}”"), "quotes"),
        ] {
            let fault = Around::default().write(path, &write(ID, &value, "")).fault();
            assert!(fault.contains(named) && fault.contains(path), "{source} {value}: {fault}");
        }
        for id in [ID.to_owned(), format!(",{ID},"), ID.replace('A', "%41")] {
            let swapped = Around::default().write(path, &write("fakeSecretKeyFor", &id, "")).fault();
            assert!(swapped.contains("swapped"), "{source} {id}: {swapped}");
        }
        let twice = Around::default().write(path, &write(KEY, KEY, "")).fault();
        assert!(twice.contains("the same value"), "{source}: {twice}");
    }
    // INI values have no blanks around them; in YAML, JSON and variables they count.
    for (source, path, write) in [FILES[0], FILES[2]] {
        let fault = Around::default().write(path, &write(ID, &format!("{KEY} "), "")).fault();
        assert!(fault.contains("blanks or a line end"), "{source}: {fault}");
    }
    let fault = Around::default().set("COS_SECRET_ID", ID).set("COS_SECRET_KEY", &format!("{KEY}\r\n")).fault();
    assert!(fault.starts_with("COS_SECRET_KEY has blanks"), "{fault}");
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_that_names_it() {
    for (source, path, _) in FILES {
        let locked = Around::default().write_with_mode(path, "", 0).fault();
        assert!(locked.starts_with("cannot read") && locked.contains(path), "{source}: {locked}");
    }
    let (yaml, ini, json, sdk) = (".cos.yaml", ".cos.conf", ".tccli/default.credential", ".tencentcloud/credentials");
    for (path, text, named) in [
        (yaml, format!("cos:\n  base:\n    secretid: \"{KEY}\n"), "at or after secretid"),
        (yaml, format!("cos:\n  base:\n    secretid: {{{KEY}\n"), "at or after secretid"),
        (yaml, format!("cos:\n  base:\n   secretkey: a\n  secretid: {KEY}: x\n"), "line 4"),
        (yaml, format!("- {KEY}\n"), "cos:"),
        (yaml, format!("cos:\n  base:\n    secretid: [{KEY}]\n"), "secretid in line 3"),
        (yaml, format!("cos:\n  base:\n    secretkey: 0123\n    sessiontoken: {KEY}\n"), "secretkey in line 3"),
        (ini, format!("[common\nsecret_key = {KEY}\n"), "line 1"),
        (ini, format!("[common]\nsecret_id = {ID}\n{KEY}\n"), "line 3"),
        (ini, format!("[common]\nsecret_id = {ID}\nsecret_key = {KEY}\n= {KEY}\n"), "line 4"),
        (
            json,
            format!("{{\"secretId\": \"{ID}\",\n\"secretKey\": \"{KEY}"),
            "line 2, column 46, at or after secretKey: it",
        ),
        (json, format!("{{\"secretId\": [\"{KEY}\"]}}"), "secretId in line 1"),
        (json, format!("[\"{KEY}\"]"), "object"),
        (json, format!("{{\"secretId\": \"{ID}\", \"secretKey\": {KEY}}}"), "at or after secretKey: it is not JSON"),
        (json, format!("{{\"ä\": \"secretKey\",\n\"tmpSecretId\": \"{ID}\",\n"), "line 3, column 0, at or after tmpS"),
        (json, format!("{{\"{KEY}"), "line 1, column 34: it ends"),
        (sdk, format!("[default]\nsecret_id = {ID}\nsecret_key\n"), "line 3, secret_key: there is no ="),
    ] {
        let fault = Around::default().write(path, &text).fault();
        assert!(fault.contains(path) && fault.contains(named), "{text}: {fault}");
    }
}

#[test]
fn others_who_can_read_a_key_are_told() {
    for (source, path, write) in FILES {
        let warnings = |mode| {
            let around = Around::default().write_with_mode(path, &write(ID, KEY, ""), mode);
            around.first().unwrap().warnings.join("\n")
        };
        assert!(warnings(0o644).contains("everyone") && warnings(0o644).contains("chmod 600"), "{source}");
        assert!(warnings(0o100_640).contains("its group"), "{source}");
        assert_eq!(warnings(0o100_600), "", "{source}");
    }
}

#[test]
fn the_order_is_that_of_the_table_and_later_sources_are_not_read() {
    let mut around = Around::default();
    for (source, path, write) in FILES.iter().rev() {
        around = around.write(path, &write(ID, KEY, ""));
        assert_eq!(around.first().unwrap().source, *source);
    }
    around = around.set("TENCENTCLOUD_SECRET_ID", OTHER_ID).set("TENCENTCLOUD_SECRET_KEY", KEY);
    assert_eq!(around.first().unwrap().source, "tencentcloud_env");
    around = around.set("COS_SECRET_ID", ID).set("COS_SECRET_KEY", KEY);
    assert_eq!(around.first().unwrap().source, "cos_env");
    let words: Vec<&str> = look(&around, &Wishes::default()).map(|entry| entry.source).collect();
    let wanted = [
        "cos_env",
        "tencentcloud_env",
        "profile",
        "coscli",
        "coscmd",
        "tccli",
        "tencentcloud",
        "tke_web_identity",
        "cvm_role",
    ];
    assert_eq!(words, wanted);
    // A source that is wrong is not passed over.
    let half = Around::default().set("COS_SECRET_ID", ID).write(".cos.conf", &FILES[1].2(ID, KEY, ""));
    assert!(half.fault().contains("COS_SECRET_KEY is not"));
}

#[test]
fn the_token_of_every_name_is_read() {
    for (family, tokens) in [
        ("COS", &["COS_SESSION_TOKEN"][..]),
        ("TENCENTCLOUD", &["TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN", "TENCENTCLOUD_SESSION_TOKEN"]),
    ] {
        for token in tokens {
            let around = Around::default().set(&format!("{family}_SECRET_ID"), ID).set(token, TOKEN);
            let around = around.set(&format!("{family}_SECRET_KEY"), KEY);
            assert_eq!(around.key().token_text(), Some(TOKEN), "{token}");
        }
    }
}

#[test]
fn a_temporary_key_that_ended_is_an_error() {
    let credentials = |end: &str| {
        let text = format!("[default]\nsecret_id={ID}\nsecret_key={KEY}\ntoken={TOKEN}\nexpired_time={end}\n");
        Around::default().write(".tencentcloud/credentials", &text)
    };
    for end in [&(NOW - 90).to_string(), "2026-11-23T23:58:30Z", &format!("{}000", NOW - 90)] {
        let fault = credentials(end).fault();
        assert!(fault.contains("expired 1 min ago, at 2026-11-23T23:58:30Z"), "{fault}");
    }
    let key = credentials(&(NOW + 60).to_string()).key();
    assert_eq!(key.expires_at.unwrap().as_second(), NOW + 60);
    assert!(credentials("soon").fault().contains("expired_time in line 5"));
}

#[test]
fn json_is_read_in_every_shape() {
    let end = NOW + 600;
    for text in [
        format!(r#"{{"secretId":"{ID}","secretKey":"{KEY}","token":"{TOKEN}","type":"oauth","expiresAt":{end}}}"#),
        format!(
            r#"{{"credentials":{{"tmpSecretId":"{ID}","tmpSecretKey":"{KEY}","sessionToken":"{TOKEN}"}},"expiredTime":{end}}}"#
        ),
        format!(
            r#"{{"TmpSecretId":"{ID}","TmpSecretKey":"{KEY}","Token":"{TOKEN}","ExpiredTime":{end},"Code":"Success"}}"#
        ),
        format!(
            r#"{{"Credentials":{{"TmpSecretId":"{ID}","TmpSecretKey":"{KEY}","Token":"{TOKEN}"}},"ExpiredTime":{end}}}"#
        ),
    ] {
        let key = Around::default().write(".tccli/default.credential", &text).key();
        assert_eq!((key.secret_id.as_str(), key.token_text()), (ID, Some(TOKEN)), "{text}");
        assert_eq!(key.expires_at.map(Timestamp::as_second), Some(end), "{text}");
    }
}

#[test]
fn coscli_hides_its_keys_and_they_are_found() {
    let path = ".cos.yaml";
    for text in ["AKID", "exactly16bytes!!", "", KEY] {
        assert_eq!(coscli::plain_value(&hidden(text)), text);
    }
    let key = Around::default().write(path, &FILES[0].2(&hidden(ID), &hidden(KEY), &hidden(TOKEN))).key();
    assert_eq!((key.secret_id.as_str(), key.secret_key.expose_secret(), key.token_text()), (ID, KEY, Some(TOKEN)));
    let switched =
        format!("cos:\n  base:\n    secretid: {ID}\n    secretkey: {}\n    disableencryption: \"true\"\n", hidden(KEY));
    assert_eq!(Around::default().write(path, &switched).key().secret_key.expose_secret(), hidden(KEY));
    let unquoted = switched.replace("\"true\"", "true");
    assert_eq!(Around::default().write(path, &unquoted).key().secret_key.expose_secret(), hidden(KEY));
}

#[test]
fn coscli_may_ask_for_a_role() {
    let around = Around::default().write(".cos.yaml", "cos:\n  base:\n    mode: CvmRole\n    cvmrolename: probe\n");
    assert!(around.first().is_none(), "the metadata service may not be asked");
    let wishes = Wishes { metadata: Metadata::Allowed, ..Wishes::default() };
    let entry = around.first_with(&wishes).unwrap();
    assert_eq!(entry.source, "coscli");
    assert!(matches!(entry.state, State::Obtainable(Grant::Role { name: Some(name) }) if name == "probe"));
}

#[test]
fn coscmds_file_is_read_with_its_old_name_and_odd_keys() {
    let around = Around::default().write(".cos.conf", "[common]\naccess_id = AKIDx\nsecret_key = ab=c#d;e:f\n");
    let key = around.key();
    assert_eq!((key.secret_id.as_str(), key.secret_key.expose_secret()), ("AKIDx", "ab=c#d;e:f"));
}

#[test]
fn regions_of_neighbours_are_known() {
    let region = |path: &str, text: &str| {
        Around::default().write(path, text).first().unwrap().regions.of("examplebucket-1250000000").map(str::to_owned)
    };
    for (source, path, write) in FILES.iter().filter(|(source, ..)| *source != "tccli") {
        assert_eq!(region(path, &write(ID, KEY, "")).as_deref(), Some("ap-beijing"), "{source}");
    }
    let endpoint = format!("[common]\nsecret_id={ID}\nsecret_key={KEY}\nendpoint=cos.ap-nanjing.myqcloud.com\n");
    assert_eq!(region(".cos.conf", &endpoint).as_deref(), Some("ap-nanjing"));
    let tccli = Around::default()
        .write(FILES[2].1, &FILES[2].2(ID, KEY, ""))
        .write(".tccli/default.configure", r#"{"_sys_param": {"region": "ap-tokyo", "output": "json"}}"#);
    assert_eq!(tccli.first().unwrap().regions.of("any"), Some("ap-tokyo"));
    let buckets = Around::default().write(FILES[0].1, &FILES[0].2(ID, KEY, "")).first().unwrap().regions;
    assert_eq!((buckets.of("b"), buckets.of("other-1250000000")), (Some("ap-beijing"), None));
}

#[test]
fn a_profile_is_a_section_or_a_file_and_has_to_exist() {
    let around = Around::default()
        .write(
            ".tencentcloud/credentials",
            &format!("[default]\nsecret_id=a\nsecret_key=b\n[Work]\nsecret_id={ID}\nsecret_key={KEY}\n"),
        )
        .write(".tccli/other.credential", &FILES[2].2(OTHER_ID, KEY, ""))
        .write(".cos.conf", &FILES[1].2("AKIDz", KEY, ""));
    let found = |name: &str| {
        let wishes = Wishes { profile: Some(name.to_owned()), ..Wishes::default() };
        let entry = around.first_with(&wishes).unwrap();
        assert_eq!(entry.source, "profile");
        match entry.state {
            State::Ready(credential) => Ok(credential.secret_id),
            State::Faulty(error) => Err(error.to_string()),
            state => panic!("{state:?}"),
        }
    };
    assert_eq!(found("Work").as_deref(), Ok(ID));
    assert_eq!(found("other").as_deref(), Ok(OTHER_ID));
    let missing = found("nobody").unwrap_err();
    assert!(missing.contains("'nobody'") && missing.contains("Work, default, other"), "{missing}");
    assert!(found("../x").unwrap_err().contains("not a profile"));
}

#[test]
fn the_file_of_the_sdks_may_be_elsewhere() {
    let named = Around::default().set("TENCENTCLOUD_CREDENTIALS_FILE", "/home/user/elsewhere");
    assert!(named.fault().contains("TENCENTCLOUD_CREDENTIALS_FILE names /home/user/elsewhere"));
    let named = named.write("elsewhere", &FILES[3].2(ID, KEY, "")).write(FILES[3].1, &FILES[3].2(OTHER_ID, KEY, ""));
    assert_eq!(named.key().secret_id, ID);
    let mut machine = Around::default();
    machine.files.insert("/etc/tencentcloud/credentials".into(), (FILES[3].2(ID, KEY, ""), 0o600));
    assert_eq!(machine.key().secret_id, ID);
}

#[test]
fn a_pod_of_tke_is_known_by_its_variables() {
    let around = Around::default().set("TKE_PROVIDER_ID", "p").set("TKE_ROLE_ARN", "qcs::cam::uin/1:roleName/r");
    assert!(around.fault().contains("TKE_WEB_IDENTITY_TOKEN_FILE is not"));
    let around = around.set("TKE_WEB_IDENTITY_TOKEN_FILE", "/home/user/token").set("TKE_REGION", "ap-beijing");
    assert!(around.fault().contains("/home/user/token"));
    let around = around.write("token", &format!("{TOKEN}\n"));
    let entry = around.first().unwrap();
    assert_eq!(entry.regions.of("any"), Some("ap-beijing"));
    let State::Obtainable(Grant::WebIdentity(identity)) = entry.state else { panic!("{:?}", entry.state) };
    assert_eq!(identity.token.expose_secret(), TOKEN);
    assert!(!format!("{identity:?}").contains(TOKEN));
    assert!(around.write("token", "\n").fault().contains("is empty"));
}

#[test]
fn nothing_secret_is_shown() {
    let around = Around::default().write(FILES[1].1, &FILES[1].2(ID, KEY, TOKEN));
    let shown = format!("{:?} {:?} {}", around.key(), around.first(), around.key().masked_id());
    assert!(!shown.contains(KEY) && !shown.contains(TOKEN), "{shown}");
    assert_eq!(around.key().masked_id(), "AKID****0001");
    assert_eq!(Credential { secret_id: "short".into(), ..around.key() }.masked_id(), "****");
}

#[test]
fn files_made_to_hurt_are_survived() {
    let line = |n: usize| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]", n - 1);
    let laughs = (1..30).map(line).collect::<Vec<_>>().join("\n");
    for text in [
        format!("a0: &a0 {KEY}\n{laughs}"),
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "- ".repeat(100_000),
        "a: &a [*a]\n".to_owned(),
        format!("[{}]\n", "x".repeat(1_000_000)),
        "\u{feff}[common]\r\nsecret_id = a\r\n".to_owned(),
    ] {
        for (source, path, _) in FILES {
            let shown = format!("{:?}", Around::default().write(path, &text).first());
            assert!(shown.len() < 2000 && !shown.contains(KEY), "{source}: {shown:.300}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_a_value_or_an_answer(text in "\\PC{0,80}|[A-Za-z0-9+/=]{0,80}") {
        let _ = coscli::plain_value(&text);
        let answer = serde_json::json!({ "TmpSecretId": text, "TmpSecretKey": KEY, "Token": text, "ExpiredTime": text });
        let now = Timestamp::from_second(NOW).unwrap();
        let shown = format!("{:?}", temporary_key(&answer, "STS", now));
        prop_assert!(!shown.contains(KEY), "{}", shown);
    }

    #[test]
    fn any_file_is_read_or_refused_without_being_quoted(
        before in "\\PC{0,30}|[\\[\\]{}:=\"'\\n &*!|>-]{0,30}",
        after in "\\PC{0,30}|[\\[\\]{}:=\"'\\n &*!|>-]{0,30}",
        keep in 0..400_usize,
        file in 0..FILES.len(),
    ) {
        let (_, path, write) = FILES[file];
        let whole = write(ID, &format!("{before}{KEY}{after}"), TOKEN);
        let cut: String = whole.chars().take(keep).collect();
        for text in [&whole, &cut, &format!("{before}{KEY}{after}")] {
            let around = Around::default().write(path, text);
            for entry in look(&around, &Wishes::default()) {
                let shown = format!("{entry:?} {}", match &entry.state {
                    State::Faulty(error) => error.to_string(),
                    State::Absent(reason) => reason.clone(),
                    _ => String::new(),
                });
                prop_assert!(!shown.contains(KEY), "{}", shown);
                prop_assert!(!shown.contains(TOKEN), "{}", shown);
            }
        }
    }
}
