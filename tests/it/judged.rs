//! Judging recorded evidence: one row for each combination of observations in `tests/evidence`, with everything that it must
//! come to. Severity and confidence count, and what folds under what.

mod flows;
mod resolution;
mod sender;
mod size;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cosprobe::diagnose::Severity;
use cosprobe::report::{Report, exit_code};

/// File, exit code, status, route, roots as `code:severity:confidence`, symptoms as `code<cause`.
type Row = (&'static str, u8, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("aaaa-servfail", 0, "degraded", "public", "DNS003:warning:high", ""),
    ("accel400", 0, "healthy", "public", "", ""),
    ("accel400anon", 0, "healthy", "public", "", ""),
    ("acceleration-off", 1, "degraded", "public", "BKT004:error:high", ""),
    ("all-other", 1, "unreachable", "public", "TCP003:error:medium", ""),
    ("anon404nobody", 1, "degraded", "public", "BKT001:error:medium", ""),
    ("anon451", 1, "degraded", "public", "BKT002:error:high", ""),
    ("bucket-found-in-one", 1, "degraded", "public", "BKT001:error:high", ""),
    ("bucket-found-in-two", 1, "degraded", "public", "BKT001:error:high", ""),
    ("bucket-found-nowhere", 1, "degraded", "public", "BKT001:error:high", ""),
    ("bucket-search-portal", 1, "degraded", "public", "BKT001:error:high", ""),
    ("bucket-search-unanswered", 1, "degraded", "public", "BKT001:error:high", ""),
    ("canary-absence-unknown", 0, "degraded", "public", "BKT009:warning:high", ""),
    ("canary-altered-on-the-way", 1, "degraded", "public", "BKT010:error:high", ""),
    ("canary-altered-undeleted", 1, "degraded", "public", "BKT008:error:high BKT010:error:high", ""),
    ("canary-delete-portal", 1, "degraded", "public", "BKT008:error:high", ""),
    ("canary-delete-unanswered", 1, "degraded", "public", "BKT008:error:high HTP005:error:medium", ""),
    ("canary-delete403", 1, "degraded", "public", "BKT008:error:high", ""),
    ("canary-delete404", 0, "healthy", "public", "", ""),
    ("canary-exists", 0, "degraded", "public", "BKT009:warning:high", ""),
    ("canary-fine", 0, "healthy", "public", "", ""),
    ("canary-fine-form", 0, "healthy", "public", "", ""),
    ("canary-form403", 1, "degraded", "public", "AUT003:error:high", ""),
    ("canary-interrupted", 130, "inconclusive", "public", "", ""),
    ("canary-look-unanswered", 1, "degraded", "public", "HTP005:error:medium BKT009:warning:high", ""),
    ("canary-of-another", 1, "degraded", "public", "BKT010:error:medium", "BKT008<BKT010"),
    ("canary-read404", 1, "degraded", "public", "BKT010:error:medium", ""),
    ("canary-unanswered-absent", 1, "degraded", "public", "HTP005:error:medium BKT008:warning:medium", ""),
    ("canary-unanswered-deleted", 1, "degraded", "public", "HTP005:error:medium", ""),
    ("canary-unanswered-others", 1, "degraded", "public", "BKT010:error:medium HTP005:error:medium", "BKT008<BKT010"),
    ("canary-unanswered-portal", 1, "degraded", "public", "BKT008:error:medium HTP005:error:medium", ""),
    ("canary-unanswered-unread", 130, "degraded", "public", "BKT008:error:medium HTP005:error:medium", ""),
    ("canary-unread", 1, "degraded", "public", "AUT003:error:high", ""),
    ("canary-write-portal", 1, "degraded", "public", "HTP001:error:high", ""),
    ("canary-write-portal200", 1, "degraded", "public", "HTP001:error:high", ""),
    ("canary-write-slowdown", 0, "degraded", "public", "HTP004:warning:high", ""),
    ("canary-write307", 0, "degraded", "public", "HTP008:warning:high", ""),
    ("canary-write403", 1, "degraded", "public", "AUT003:error:high", ""),
    ("canary-write409", 0, "degraded", "public", "BKT009:warning:high", ""),
    ("canary-write503", 1, "degraded", "public", "HTP003:error:high", ""),
    ("canary-write503-deleted", 1, "degraded", "public", "HTP003:error:high", ""),
    ("canary-write503-unread", 1, "degraded", "public", "BKT008:error:medium HTP003:error:high", ""),
    ("clock-age", 0, "healthy", "public", "", ""),
    ("clock-disagree", 0, "degraded", "public", "HST004:warning:low", ""),
    ("clock-id-of-another-minute", 0, "healthy", "public", "", ""),
    ("clock-one-answer", 1, "degraded", "public", "HST004:error:high", ""),
    ("clock-one-answer-id-apart", 0, "degraded", "public", "HST004:warning:low", ""),
    ("clock-one-answer-no-id", 1, "unreachable", "public", "HST004:error:medium", ""),
    ("clock-one-server-apart", 0, "degraded", "public", "HST004:warning:low", ""),
    ("clock-two-answers-no-id", 1, "unreachable", "public", "HST004:error:high", ""),
    ("clock-via", 0, "healthy", "public", "", ""),
    ("clock16-proved", 1, "degraded", "public", "HST004:error:high", "AUT004<HST004"),
    ("clock16-proved-via", 1, "degraded", "public", "HST004:error:high", "AUT004<HST004"),
    ("clock2-proved", 1, "degraded", "public", "AUT004:error:high", ""),
    ("clock2-proved-mismatch", 1, "degraded", "public", "AUT004:error:high", ""),
    ("clock2-proved-no-object", 1, "degraded", "public", "AUT004:error:high BKT007:warning:high", ""),
    ("clock20-wrong-key", 1, "degraded", "public", "AUT001:error:high HST004:error:high", ""),
    ("clock7-behind", 0, "degraded", "public", "HST004:warning:high", ""),
    ("cname400", 0, "degraded", "public", "HTP008:warning:medium", ""),
    ("custom-nocos200", 0, "degraded", "public", "HTP001:warning:medium", ""),
    ("degraded-plus-inconclusive", 1, "degraded", "public", "AUT003:error:high", ""),
    ("dns002-mixed-halves", 0, "degraded", "public", "DNS002:warning:medium", ""),
    ("dns-localreject", 1, "unreachable", "unknown", "DNS002:error:high", ""),
    ("dns-other", 1, "unreachable", "unknown", "DNS003:error:high", ""),
    ("dnswarn-deadline", 3, "inconclusive", "public", "DNS002:warning:high", ""),
    ("expect-private-ambiguous", 4, "degraded", "unknown", "RTE005:error:medium", ""),
    ("expect-private-deadline", 3, "inconclusive", "public", "RTE005:error:high", ""),
    ("expect-private-fakeip", 4, "degraded", "unknown", "RTE005:error:medium DNS007:warning:high", ""),
    ("expect-private-tcp002", 1, "unreachable", "public", "TCP002:error:medium RTE005:error:high", ""),
    ("expect-private-unreachable-other", 1, "unreachable", "public", "TCP003:error:medium RTE005:error:high", ""),
    ("expect-public-private-dead", 1, "unreachable", "private", "RTE002:error:medium RTE005:error:high", "TCP002<RTE002"),
    ("expired-right-clock", 1, "degraded", "public", "AUT004:error:medium", ""),
    ("fakeip-dead", 1, "unreachable", "unknown", "DNS007:error:high", "HTP006<DNS007 TLS004<DNS007"),
    ("flapping-rst", 0, "degraded", "public", "TCP005:warning:medium", ""),
    ("flapping-timeout", 0, "degraded", "public", "TCP005:warning:medium", ""),
    ("head403get200", 1, "degraded", "public", "AUT003:error:medium", ""),
    ("head403get416", 0, "degraded", "public", "HTP008:warning:high", ""),
    ("head403getNoSuchKey", 0, "degraded", "public", "BKT007:warning:high", ""),
    ("loop-router-twice", 1, "unreachable", "public", "PTH003:error:medium", "TCP002<PTH003"),
    ("three-targets", 1, "unreachable", "public", "DNS001:error:medium", ""),
    ("healthy-plus-inconclusive", 3, "inconclusive", "public", "", ""),
    ("hosts-dead-dns-ok", 1, "degraded", "public", "HST003:error:high", "TCP002<HST003 TCP007<HST003"),
    ("hosts-ok-dnstimeout", 0, "degraded", "public", "DNS002:warning:high HST003:warning:high", ""),
    ("hosts-ok-nxdomain", 0, "degraded", "public", "DNS001:warning:medium HST003:warning:high", ""),
    ("hosts-private-dns-public", 0, "degraded", "private", "HST003:warning:high", ""),
    ("hosts-wrong-server", 1, "degraded", "public", "HST003:error:high", "HTP001<HST003 TLS002<HST003"),
    ("hst001-with-working-ip", 1, "unreachable", "public", "DNS002:error:high", ""),
    ("htp001-folds-real-expired", 1, "degraded", "public", "HTP001:error:high TLS001:error:high", ""),
    ("http-other", 1, "unreachable", "public", "HTP006:error:medium", ""),
    ("insecure-impostor", 0, "healthy", "public", "", ""),
    ("intermediate-expired", 1, "degraded", "public", "TLS001:error:high", ""),
    ("interrupted-but-done", 130, "healthy", "public", "", ""),
    ("ip80", 0, "degraded", "public", "HTP008:warning:medium", ""),
    ("ip-target-cos", 0, "healthy", "public", "", ""),
    ("key-unknown-none-passes", 1, "degraded", "public", "AUT002:error:high", ""),
    ("key-unknown-trimmed", 1, "degraded", "public", "AUT002:error:high", ""),
    ("linklocal-v6-answer", 1, "unreachable", "unknown", "DNS006:error:high", ""),
    ("localreject-one", 1, "degraded", "public", "HST005:error:high", ""),
    ("mix5xx", 1, "degraded", "public", "HTP003:error:medium HTP004:warning:medium", ""),
    ("no-nameserver", 1, "unreachable", "unknown", "DNS002:error:high", ""),
    ("norecords-and-silent", 1, "unreachable", "unknown", "DNS009:error:high DNS002:warning:high", ""),
    ("nosuchbucket-oneaddr", 1, "degraded", "public", "BKT001:error:high", ""),
    ("nx-and-silent", 1, "unreachable", "unknown", "DNS001:error:medium DNS002:warning:high", ""),
    ("obj404", 0, "degraded", "public", "BKT007:warning:high", ""),
    ("obj404anon", 0, "degraded", "public", "BKT007:warning:medium", ""),
    ("one-503-no-body", 1, "degraded", "public", "HTP003:error:medium", ""),
    ("one-noroute", 0, "degraded", "public", "TCP007:warning:high", ""),
    ("one-other", 0, "degraded", "public", "TCP007:warning:high", "TCP003<TCP007"),
    ("p8443", 1, "degraded", "public", "TCP002:error:medium", ""),
    ("pathstyle", 1, "degraded", "public", "BKT003:error:high", ""),
    ("policy-condition", 1, "degraded", "public", "AUT009:error:high", ""),
    ("policy-condition-anonymous", 1, "degraded", "public", "AUT009:error:high", ""),
    ("port80only", 0, "healthy", "public", "", ""),
    ("portal80-reset443", 1, "unreachable", "public", "HTP001:error:high TLS004:error:medium", ""),
    ("private-dead-public-ok", 0, "degraded", "mixed", "RTE004:warning:high TCP007:warning:medium", "TCP002<TCP007"),
    ("private-ip-target-dead", 1, "unreachable", "private", "RTE002:error:high", "TCP002<RTE002"),
    ("private-noroute", 1, "unreachable", "private", "RTE002:error:medium", ""),
    ("private-timeout-and-refused", 1, "unreachable", "private", "TCP001:error:medium TCP002:error:medium", ""),
    ("public-read", 0, "healthy", "public", "", ""),
    ("redir301", 0, "degraded", "public", "HTP002:warning:high", ""),
    ("referer", 1, "degraded", "public", "AUT009:error:high", ""),
    ("referer-anonymous", 1, "degraded", "public", "AUT009:error:high", ""),
    ("referer-signed", 1, "degraded", "public", "AUT009:error:high", ""),
    ("res-noroute-timeout", 1, "unreachable", "unknown", "DNS002:error:high", ""),
    ("reserved-answer", 1, "unreachable", "unknown", "DNS006:error:high", ""),
    ("server-only-no-reqid-warn", 0, "unreachable", "public", "DNS002:warning:high", ""),
    ("sig-host-unsigned", 1, "degraded", "public", "AUT001:error:high", ""),
    ("sig-key-trimmed", 1, "degraded", "public", "AUT001:error:high", ""),
    ("sig-none-passes", 1, "degraded", "public", "AUT001:error:medium", ""),
    ("sig-other-host", 1, "degraded", "public", "AUT001:error:high", ""),
    ("sig-other-path", 1, "degraded", "public", "AUT001:error:high", ""),
    ("sig-portal-passes", 1, "degraded", "public", "AUT001:error:medium", ""),
    ("sig-same-text", 1, "degraded", "public", "AUT001:error:high", ""),
    ("sig-without-token", 1, "degraded", "public", "AUT001:error:high", ""),
    ("signed400", 0, "degraded", "public", "HTP008:warning:high", ""),
    ("signed402", 1, "degraded", "public", "BKT002:error:high", ""),
    ("signed403-without-a-reason", 1, "degraded", "public", "AUT003:error:low HTP005:error:medium", ""),
    ("signed451", 1, "degraded", "public", "BKT002:error:high", ""),
    ("signedInvalidToken", 1, "degraded", "public", "AUT006:error:high", ""),
    ("signed-mixed", 1, "degraded", "public", "AUT003:error:medium", ""),
    ("sinkhole-one", 1, "degraded", "public", "DNS006:error:high", ""),
    ("skew10-expired", 1, "degraded", "public", "HST004:error:high", "AUT004<HST004"),
    ("skew20", 1, "degraded", "public", "HST004:error:high", "AUT004<HST004"),
    ("slowdns-deadline", 3, "inconclusive", "public", "DNS008:warning:high", ""),
    ("stall-one", 1, "degraded", "public", "HTP005:error:medium", ""),
    ("stand-in-403", 1, "degraded", "public", "AUT003:error:low", ""),
    ("stand-in-404", 0, "healthy", "public", "", ""),
    ("strict-does-not-pass", 1, "degraded", "public", "AUT007:error:high", ""),
    ("strict-passes", 1, "degraded", "public", "AUT007:error:high", ""),
    ("svc403", 1, "degraded", "public", "AUT003:error:high", ""),
    ("svc405", 0, "degraded", "public", "HTP008:warning:high", ""),
    ("system-norecords-extra-ok", 0, "degraded", "public", "DNS009:warning:high", ""),
    ("system-nx-extra-ok", 0, "degraded", "public", "DNS001:warning:medium", ""),
    ("tcponly-warning", 0, "degraded", "public", "DNS002:warning:high", ""),
    ("tls-reset-one", 1, "degraded", "public", "TLS004:error:medium", ""),
    ("tls-revoked-word", 1, "degraded", "public", "TLS003:error:medium", ""),
    ("token-message", 1, "degraded", "public", "AUT006:error:high", ""),
    ("trusted-with-expired-extra", 0, "healthy", "public", "", ""),
    ("two-targets-symptoms", 0, "degraded", "public", "TCP007:warning:high TCP007:warning:medium", "TCP001<TCP007 TCP002<TCP007"),
    ("v4-dead-v6-ok", 0, "degraded", "public", "TCP007:warning:medium", "TCP002<TCP007"),
    ("v4-noroute-v6-ok", 0, "healthy", "public", "", ""),
    ("v6-dead-plus-v4-dead", 0, "degraded", "public", "TCP007:warning:medium TCP011:warning:medium", "TCP002<TCP007 TCP002<TCP011"),
    ("v6wide", 0, "degraded", "public", "TCP007:warning:high", "TCP004<TCP007"),
    ("website-page", 1, "degraded", "public", "BKT005:error:high", ""),
    ("website-page-missing", 0, "degraded", "public", "BKT007:warning:high", ""),
    ("website404", 1, "degraded", "public", "BKT005:error:high", ""),
    ("website-signed403", 0, "healthy", "public", "", ""),
];

/// File, code, and words of its summary or advice: what makes rows of the same code differ.
type Words = (&'static str, &'static str, &'static str);

#[rustfmt::skip]
const SAID: &[Words] = &[
    ("sig-same-text", "AUT001", "the secret key is not the one of this secret id"),
    ("sig-other-host", "AUT001", "the request was changed on the way, header host"),
    ("sig-other-path", "AUT001", "the path was computed percent-encoded"),
    ("sig-none-passes", "AUT001", "for no other way to sign passes (3 tried)"),
    ("sig-portal-passes", "AUT001", "copy secret id and secret key again"),
    ("sig-host-unsigned", "AUT001", "with the Host header unsigned it passes"),
    ("sig-key-trimmed", "AUT001", "without the quotes"),
    ("key-unknown-trimmed", "AUT002", "without the quotes"),
    ("key-unknown-trimmed", "AUT002", "remove what stands around the key"),
    ("key-unknown-none-passes", "AUT002", "check the secret id"),
    ("sig-without-token", "AUT001", "without the token it passes"),
    ("clock16-proved", "HST004", "16 min ahead of COS's (± 0.5 s); COS refuses the signature for it, and takes one that is made with its own time"),
    ("clock16-proved", "AUT004", "the same request signed with COS's time passes"),
    ("clock2-proved", "AUT004", "the same request signed with COS's time passes"),
    ("clock2-proved-mismatch", "AUT004", "the same request signed with COS's time passes"),
    ("clock20-wrong-key", "AUT001", "the secret key is not the one of this secret id"),
    ("clock20-wrong-key", "HST004", "20 min ahead of COS's (± 0.5 s); COS refuses signatures from 15 min on"),
    ("clock7-behind", "HST004", "7 min behind COS's"),
    ("clock-one-answer-id-apart", "HST004", "the answers do not agree about the time"),
    ("strict-passes", "AUT007", "with every header signed it passes"),
    ("bucket-found-in-one", "BKT001", "one of this name is in ap-shanghai;"),
    ("bucket-found-in-one", "BKT001", "--region ap-shanghai"),
    ("bucket-found-in-two", "BKT001", "one of this name is in ap-beijing, ap-shanghai;"),
    ("bucket-found-nowhere", "BKT001", "nor in 2 other regions that answered"),
    ("bucket-search-unanswered", "BKT001", "no other region could be asked"),
    ("bucket-search-portal", "BKT001", "no other region could be asked"),
    ("canary-exists", "BKT009", "an object is there already"),
    ("canary-absence-unknown", "BKT009", "(HEAD: 403): COS did not say that nothing is there"),
    ("canary-write403", "AUT003", "name/cos:PutObject"),
    ("canary-form403", "AUT003", "name/cos:PostObject"),
    ("canary-write-portal", "HTP001", "by PUT is answered 403 without COS's headers"),
    ("canary-delete-portal", "BKT008", "the DELETE was answered 200 by something that is not COS"),
    ("nosuchbucket-oneaddr", "BKT001", "`--search-regions` looks for it in every region"),
    ("canary-unread", "AUT003", "reading examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/cosprobe/canary back is refused: 403"),
    ("canary-unread", "AUT003", "name/cos:GetObject"),
    ("canary-delete403", "BKT008", "IS STILL THERE"),
    ("canary-delete403", "BKT008", "COS refuses to delete it: 403 AccessDenied"),
    ("canary-delete403", "BKT008", "coscli rm 'cos://examplebucket-1250000000/cosprobe/canary'"),
    ("canary-delete-unanswered", "BKT008", "deleting it was not answered"),
    ("canary-unanswered-unread", "BKT008", "MAY STILL BE THERE"),
    ("canary-of-another", "BKT010", "and was not deleted"),
    ("canary-of-another", "BKT008", "keep it if it is not yours"),
    ("canary-altered-on-the-way", "BKT010", "a proxy on the way changes what passes through it"),
];

#[test]
fn every_combination_comes_to_what_its_row_says() {
    let mut wrong = Vec::new();
    for &(name, exit, status, route, roots, symptoms) in rows() {
        let report = read(&directory().join(format!("{name}.json")));
        let is_root =
            |finding: &&cosprobe::diagnose::Finding| finding.is_root() && finding.severity >= Severity::Warning;
        let word =
            |f: &cosprobe::diagnose::Finding| format!("{}:{}:{}", f.code, f.severity.as_str(), f.confidence.as_str());
        let found_roots: Vec<_> = report.findings.iter().filter(is_root).map(word).collect();
        let folded = report.findings.iter().filter_map(|f| Some(format!("{}<{}", f.code, f.caused_by.as_ref()?)));
        let found = (
            exit_code(&report, Severity::Error),
            report.verdict.status.as_str(),
            report.verdict.route.as_str(),
            found_roots.join(" "),
            folded.collect::<Vec<_>>().join(" "),
        );
        let expected = (exit, status, route, roots.to_owned(), symptoms.to_owned());
        if found != expected {
            wrong.push(format!("{name}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_makes_the_difference_is_said() {
    let mut missing = Vec::new();
    for &(name, code, words) in
        { SAID.iter() }.chain(flows::SAID).chain(resolution::SAID).chain(sender::SAID).chain(size::SAID)
    {
        let report = read(&directory().join(format!("{name}.json")));
        let said = |finding: &cosprobe::diagnose::Finding| {
            finding.summary.to_string().contains(words)
                || finding.help.iter().any(|line| line.to_string().contains(words))
        };
        let found: Vec<_> = report.findings.iter().filter(|finding| finding.code == code).collect();
        if !found.iter().any(|finding| said(finding)) {
            missing.push(format!("{name}: '{words}' is not in {found:?}"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn nobody_is_advised_to_delete_what_may_be_somebody_elses() {
    for (name, advised) in
        [("canary-of-another", false), ("canary-unanswered-others", false), ("canary-delete403", true)]
    {
        let report = read(&directory().join(format!("{name}.json")));
        let mut help = report.findings.iter().flat_map(|finding| &finding.help);
        assert_eq!(help.any(|line| line.to_string().contains("coscli rm")), advised, "{name}");
    }
}

/// A router that answers late and forwards at once is not where the time comes.
#[test]
fn no_hop_is_named_where_no_growth_stays() {
    let report = read(&directory().join("slow-router-answers-late.json"));
    let finding = report.findings.iter().find(|finding| finding.code == "TCP006").unwrap();
    assert!(!finding.summary.to_string().contains("hop"), "{}", finding.summary);
}

#[test]
fn every_file_has_a_row() {
    let files = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<_> = files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let with_row: BTreeSet<_> = rows().map(|row| row.0.to_owned()).collect();
    assert_eq!(files, with_row);
    assert_eq!(with_row.len(), rows().count(), "a file has two rows");
}

fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(flows::ROWS).chain(resolution::ROWS).chain(sender::ROWS).chain(size::ROWS)
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evidence")
}

fn read(path: &Path) -> Report {
    let text = fs::read_to_string(path).unwrap();
    Report::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
