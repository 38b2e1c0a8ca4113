use super::file::read;

/// A hash with a cost of 4 in the place of a bar.
const BAR: (&str, &str) = ("|", "$2b$04$OokAfVmHY5xzKdbLyzoMQOnbDsh9S1XtMTxTXtCFV9gJ1fzzd3uV6");
const PAIR: &str = "tls_server_config:\n  cert_file: a\n  key_file: b\n";

/// What is said about a text that is wrong.
fn told(text: &str) -> Vec<String> {
    let text = text.replace(BAR.0, BAR.1);
    read(&text).map_or_else(|mistakes| mistakes.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn what_other_exporters_read_is_read() {
    for text in [
        "",
        "# nothing\n",
        "{}",
        "---\ntls_server_config:\nbasic_auth_users: {}\n",
        "basic_auth_users:\n  anna: |\n  \"bert b\": '|'\n  17: |\n",
        &format!("{PAIR}  min_version: TLS12\n  max_version: TLS13\n  prefer_server_cipher_suites: false\n"),
        &format!(
            "{PAIR}  client_auth_type: NoClientCert\n  cipher_suites:\n  curve_preferences: [X25519, CurveP256, CurveP384]\n"
        ),
        &format!("{PAIR}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: c\n"),
        &format!("{PAIR}  cipher_suites:\n  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n  - TLS_AES_128_GCM_SHA256\n"),
        &format!("{PAIR}  cipher_suites: [TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256]\n  min_version: TLS13\n"),
        "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: sameorigin\n    x-content-type-options: nosniff\n",
    ] {
        assert_eq!(told(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_cannot_be_honoured_is_told_with_its_line_and_what_to_do() {
    let rows: &[(&str, &str)] = &[
        ("a: [", "line "),
        ("a: b: c\n", "it is not YAML there; look at the indentation"),
        ("- a\n", "line 1: it is no table"),
        ("text\n", "line 1: it is no table"),
        ("\n\nno_such: 1\n", "line 3: no_such: there is no such key; there are tls_server_config, "),
        ("rate_limit:\n  burst: 2\n", "line 1: rate_limit: cosprobe cannot do that; there is a limit"),
        ("basic_auth_users: {}\nbasic_auth_users: {}\n", "line 2: the key stands there twice"),
        ("{}\n---\n{}\n", "a second document begins there"),
        ("tls_server_config:\n  cert_file: a\n", "line 1: tls_server_config: key_file is missing"),
        ("tls_server_config:\n  key_file: a\n", "line 1: tls_server_config: cert_file is missing"),
        ("tls_server_config:\n  min_version: TLS13\n", "line 1: tls_server_config: cert_file is missing"),
        ("tls_server_config:\n  cert_file: ''\n", "line 2: tls_server_config.cert_file: it is empty"),
        ("tls_server_config:\n  cert_file: [a]\n", "line 2: tls_server_config.cert_file: it is no text"),
        (
            "tls_server_config:\n  cert: x\n",
            "line 2: tls_server_config.cert: cosprobe cannot do that; write it into a file",
        ),
        (
            "tls_server_config:\n  key: x\n",
            "line 2: tls_server_config.key: cosprobe cannot do that; write it into a file",
        ),
        ("tls_server_config:\n  client_allowed_sans: [x]\n", "line 2: tls_server_config.client_allowed_sans: cosprobe"),
        ("tls_server_config:\n  certfile: x\n", "line 2: tls_server_config.certfile: there is no such key"),
        (
            "PAIR  min_version: TLS10\n",
            "line 4: tls_server_config.min_version: cosprobe cannot do that; there are TLS12, TLS13",
        ),
        (
            "PAIR  min_version: TLS13\n  max_version: TLS12\n",
            "line 1: tls_server_config: min_version is above max_version",
        ),
        (
            "PAIR  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n",
            "line 4: tls_server_config.cipher_suites: cosprobe cannot",
        ),
        (
            "PAIR  cipher_suites:\n  - TLS_AES_128_GCM_SHA256\n  max_version: TLS12\n",
            "none of cipher_suites is for a version",
        ),
        ("PAIR  cipher_suites: TLS_AES_128_GCM_SHA256\n", "line 4: tls_server_config.cipher_suites: it is no list"),
        ("PAIR  curve_preferences: [CurveP521]\n", "there are X25519, CurveP256, CurveP384"),
        (
            "PAIR  prefer_server_cipher_suites: 1\n",
            "line 4: tls_server_config.prefer_server_cipher_suites: it is no switch",
        ),
        (
            "PAIR  client_auth_type: RequireAnyClientCert\n",
            "line 4: tls_server_config.client_auth_type: cosprobe cannot",
        ),
        ("PAIR  client_auth_type: RequestClientCert\n", "VerifyClientCertIfGiven, RequireAndVerifyClientCert"),
        (
            "PAIR  client_auth_type: RequireAndVerifyClientCert\n",
            "line 1: tls_server_config: client_ca_file is missing",
        ),
        ("PAIR  client_ca_file: c\n", "line 4: tls_server_config.client_ca_file: no client is asked for a certificate"),
        ("http_server_config:\n  http2: true\n", "line 2: http_server_config.http2: cosprobe speaks HTTP/1.1 only"),
        (
            "http_server_config:\n  headers:\n    Server: x\n",
            "line 3: http_server_config.headers.Server: there is no such key",
        ),
        ("http_server_config:\n  headers:\n    X-Frame-Options: all\n", "it should be deny or sameorigin"),
        ("http_server_config:\n  headers:\n    X-XSS-Protection: \"a\\nb\"\n", "a header cannot hold that"),
        (
            "basic_auth_users:\n  anna: secret\n",
            "line 2: basic_auth_users: what is behind the name is no hash of bcrypt",
        ),
        ("basic_auth_users:\n  anna:\n", "line 2: basic_auth_users: it is empty"),
        ("basic_auth_users:\n  a:b: |\n", "line 2: basic_auth_users: a name cannot hold a colon"),
        (
            "basic_auth_users:\n  anna: $2b$15$OokAfVmHY5xzKdbLyzoMQOnbDsh9S1XtMTxTXtCFV9gJ1fzzd3uV6\n",
            "a cost of 15 takes too long",
        ),
        ("basic_auth_users: [anna]\n", "line 1: basic_auth_users: it is no table"),
    ];
    for (text, part) in rows {
        let all = told(&text.replace("PAIR", PAIR));
        assert!(all.iter().any(|line| line.contains(part)), "{text}: {all:?}");
        assert!(all.iter().all(|line| line.contains("; ") && !line.contains("$2b")), "{text}: {all:?}");
    }
    let all = told("a: 1\nb: 2\ntls_server_config:\n  c: 1\n");
    assert_eq!(all.len(), 3, "every mistake is told, and no other: {all:?}");
}

#[test]
fn what_could_be_a_secret_is_not_quoted() {
    let secret = "fakeFAKEfakeFAKE0001";
    for text in [
        "basic_auth_users:\n  anna: SECRET\n",
        "basic_auth_users:\n  anna: [SECRET]\n",
        "basic_auth_users:\n  anna: SECRET: SECRET\n",
        "basic_auth_users:\n  SECRET: SECRET\n  SECRET: SECRET\n",
        "basic_auth_users: SECRET\n",
        "basic_auth_users:\n  anna: \"SECRET\n",
        "tls_server_config:\n  key: SECRET\n",
        "PAIR  min_version: SECRET\n",
    ] {
        let all = told(&text.replace("SECRET", secret).replace("PAIR", PAIR));
        assert!(!all.is_empty() && all.iter().all(|line| !line.contains(secret)), "{text}: {all:?}");
    }
}

#[test]
fn no_text_makes_the_reader_panic() {
    use proptest::prelude::*;

    let word = "[-:#{}\\[\\]&*|>'\"!%@` \n\ta-z_0-9]{0,80}";
    let table = prop_oneof!["tls_server_config", "http_server_config", "basic_auth_users", word];
    proptest!(ProptestConfig::with_cases(500), |(table in table, rest in word, bytes in any::<String>())| {
        let _ = (told(&format!("{table}:\n  {rest}")), told(&rest), told(&bytes));
    });
}
