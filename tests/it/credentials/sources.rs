//! The sources through the real binary: the list of them, which one is used, and what is refused.

use std::os::unix::fs::PermissionsExt;

use super::{Home, ID, KEY, with_key};
use crate::support::{Cosprobe, RunningLab};

const EXAMPLE: &str = "examplebucket-1250000000";

#[test]
fn the_list_names_every_source_and_the_one_that_is_used() {
    let home = Home::new().with_coscmd();
    let path = home.write(".tencentcloud/credentials", &format!("[default]\nsecret_id={ID}\nsecret_key='{KEY}'\n"));
    std::fs::set_permissions(home.path().join(".cos.conf"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = home.run(["credentials"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    for named in
        ["AKID****0001: used", "~/.cos.yaml", "no such file", "fault, see below", "chmod 600", "--metadata never"]
    {
        assert!(ran.stdout.contains(named), "{named}: {}", ran.stdout);
    }
    assert_eq!(ran.last_line(), "~/.cos.conf is used");

    let document = home.run(["credentials", "--format=json"]).run().json();
    assert_eq!(document["used"], "coscmd");
    let states: Vec<&str> =
        document["sources"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
    let absent = "absent";
    assert_eq!(states, [absent, absent, absent, absent, "used", absent, "faulty", absent, absent]);
    assert_eq!(document["sources"][4]["secret_id"], "AKID****0001");
    assert_eq!(document["sources"][4]["regions"][0], "ap-guangzhou");
    let reason = document["sources"][6]["reason"].as_str().unwrap();
    assert!(reason.contains(path.to_str().unwrap()) && reason.contains("secret_key in line 3"), "{reason}");
}

#[test]
fn the_exit_code_tells_whether_a_key_is_used() {
    let none = Home::new().run(["credentials"]).run();
    assert_eq!((none.code, none.last_line()), (Some(1), "there is no key: requests are anonymous"), "{none:?}");
    let faulty = Home::new().with_coscmd().run(["credentials"]).variable("COS_SECRET_ID", ID).run();
    assert_eq!(faulty.code, Some(2), "{faulty:?}");
    assert!(faulty.stdout.contains("fault: COS_SECRET_ID is set and COS_SECRET_KEY is not"), "{faulty:?}");
    assert!(faulty.stdout.contains("AKID****0001: not used, an"), "{faulty:?}");
    assert_eq!(with_key(["credentials"]).run().code, Some(0));
    let profile = Home::new().with_coscmd().run(["credentials", "--profile=nobody"]).run();
    assert!(profile.code == Some(2) && profile.stdout.contains("'nobody'"), "{profile:?}");
    let mixed = Cosprobe::new(["credentials", "--format=json", "sts", "federation-token"]).run();
    assert_eq!(mixed.code, Some(2), "{mixed:?}");
}

#[test]
fn a_bucket_without_a_region_gets_that_of_the_keys_source() {
    let lab = RunningLab::start("healthy-private");
    let home = Home::new();
    let conf = |region: &str| {
        let key = format!("secret_id = {}\nsecret_key = {}", lab.secret_id(), lab.secret_key());
        home.write(".cos.conf", &format!("[common]\n{key}\nregion = {region}\n"));
    };
    let check = |flags: &[&str]| {
        let check = lab.check().variable("COS_SECRET_ID", "").variable("COS_SECRET_KEY", "");
        check
            .variable("HOME", home.path().to_str().unwrap())
            .arguments([EXAMPLE, "--format=json"])
            .arguments(flags)
            .run()
    };
    for region in ["ap-guangzhou", "gz"] {
        conf(region);
        std::fs::set_permissions(home.path().join(".cos.conf"), std::fs::Permissions::from_mode(0o640)).unwrap();
        let ran = check(&[]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stderr.contains("hint: region ap-guangzhou") && ran.stderr.contains(".cos.conf"), "{ran:?}");
        assert!(ran.stderr.contains("can be read by its group (mode 0640): chmod 600"), "{ran:?}");
        assert_eq!(ran.report().targets[0].region.as_deref(), Some("ap-guangzhou"));
    }
    conf("ap-beijing");
    let ran = check(&["--region=ap-guangzhou"]);
    assert!(ran.code == Some(0) && !ran.stderr.contains("region"), "{ran:?}");
    let anonymous = check(&["--anonymous"]);
    assert!(anonymous.code == Some(2) && anonymous.stderr.contains("--region"), "{anonymous:?}");
    assert!(lab.stop().signed > 0);
}

#[test]
fn a_check_without_a_key_says_where_it_looked() {
    let lab = RunningLab::start("healthy-private");
    let home = Home::new();
    let check = lab.check().variable("COS_SECRET_ID", "").variable("COS_SECRET_KEY", "");
    let report = check.variable("HOME", home.path().to_str().unwrap()).arguments([lab.host(), "--format=json"]).run();
    let report = report.report();
    let finding = report.findings.iter().find(|finding| finding.code == "AUT008").unwrap();
    let file = |name: &str| home.path().join(name).display().to_string();
    let files = [".cos.yaml", ".cos.conf", ".tccli/default.credential", ".tencentcloud/credentials"].map(file);
    for named in [
        "looked in COS_SECRET_ID, TENCENTCLOUD_SECRET_ID, TKE_ROLE_ARN (not set); ".to_owned(),
        format!("; {} (no such file); ", files.join(", ")),
        "metadata service (not asked: --metadata never)".to_owned(),
    ] {
        assert!(finding.summary.to_string().contains(&named), "{named}: {}", finding.summary);
    }
}

#[test]
fn a_faulty_source_stops_a_check_before_anything_is_sent() {
    let lab = RunningLab::start("healthy-private");
    let home = Home::new();
    let end = jiff::Timestamp::now().as_second() - 60;
    for (text, named) in [
        (format!("[default]\nsecret_id={ID}\n"), "secret_key"),
        (format!("[default]\nsecret_id={KEY}\nsecret_key={ID}\n"), "swapped"),
        (format!("[default]\nsecret_id={ID}\nsecret_key={KEY}\ntoken=t\nexpired_time={end}\n"), "expired"),
        ("[default\n".to_owned(), "line 1"),
        (format!("[default]\nsecret_id={ID}\nsecret_key={KEY}\n{}", "# long\n".repeat(200_000)), "larger than 1 MiB"),
    ] {
        let path = home.write(".tencentcloud/credentials", &text);
        let check = lab.check().variable("COS_SECRET_ID", "").variable("COS_SECRET_KEY", "");
        let ran = check.variable("HOME", home.path().to_str().unwrap()).arguments([lab.host()]).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(named) && ran.stderr.contains(path.to_str().unwrap()), "{named}: {ran:?}");
        assert!(!ran.stderr.contains(KEY), "{ran:?}");
    }
    let calls = lab.stop();
    assert_eq!((calls.http, calls.https), (0, 0), "{calls:?}");
}

#[test]
fn a_user_without_a_home_is_checked_without_a_key() {
    for home in ["/dev/null", "/nonexistent", ""] {
        let lab = RunningLab::start("healthy-private");
        let check = lab.check().variable("COS_SECRET_ID", "").variable("COS_SECRET_KEY", "");
        let ran = check.variable("HOME", home).arguments([lab.host()]).run();
        assert!(ran.code == Some(0) && ran.stderr.is_empty(), "{home}: {ran:?}");
    }
}

#[test]
fn what_is_no_text_file_holds_nothing_up() {
    let home = Home::new();
    std::fs::create_dir(home.path().join(".cos.yaml")).unwrap();
    let ran = home.run(["sign"]).run();
    assert!(ran.code == Some(2) && ran.stderr.contains("not a regular file"), "{ran:?}");
    std::fs::remove_dir(home.path().join(".cos.yaml")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(home.path().join(".cos.yaml")).status().unwrap();
    assert!(pipe.success());
    let ran = home.run(["sign"]).run();
    assert!(ran.code == Some(2) && ran.stderr.contains("not a regular file"), "{ran:?}");
    std::fs::remove_file(home.path().join(".cos.yaml")).unwrap();
    std::fs::write(home.path().join(".cos.conf"), b"[common]\nsecret_id = \xff\n").unwrap();
    let ran = home.run(["sign"]).run();
    assert!(ran.code == Some(2) && ran.stderr.contains(".cos.conf: it is not UTF-8"), "{ran:?}");
}

#[test]
fn a_demo_needs_no_key_and_reads_none() {
    let home = Home::new();
    home.write(".cos.conf", "[common\n");
    let ran = home.run(["demo", "--quiet"]).variable("COS_SECRET_ID", ID).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
}

#[test]
fn a_profile_that_variables_go_before_is_told() {
    let lab = RunningLab::start("healthy-private");
    let ran = lab.check().arguments([lab.host(), "--profile=work"]).run();
    assert!(ran.code == Some(0) && ran.stderr.contains("--profile is not used"), "{ran:?}");
}
