//! Where the report goes, and what happens when it cannot go there.

use std::fs::{File, OpenOptions};
use std::process::Command;

use crate::namespaces::in_namespaces;
use crate::support::{Cosprobe, read, repository, run};

const REPORT: &str = "tests/golden/bad-signature.json";

fn diagnose() -> Cosprobe {
    Cosprobe::new(["diagnose", "--from"]).arguments([repository(REPORT)])
}

#[test]
fn a_report_is_written_to_a_file_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.json");
    for attempt in ["a new file", "an existing one"] {
        let ran = diagnose().arguments(["--format", "json", "-o"]).arguments([&path]).run();
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(1), "", ""), "{attempt}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), read(REPORT), "{attempt}");
        let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["report.json"], "{attempt}: nothing is left beside it");
    }
}

#[test]
fn a_link_stays_a_link_and_a_relative_name_works() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (directory.path().join("target"), directory.path().join("link"));
    std::fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let ran = diagnose().arguments(["--format", "json", "-o", "link"]).directory(directory.path()).run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read_to_string(&target).unwrap(), read(REPORT));
}

#[test]
fn a_dash_is_standard_output() {
    let ran = diagnose().arguments(["--format", "json", "-o", "-"]).run();
    assert_eq!(ran.stdout, read(REPORT));
}

#[test]
fn a_report_that_cannot_be_written_is_shown_on_standard_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing").join("report.txt");
    let (table, json) = (diagnose().run().stdout, read(REPORT));
    for (format, text) in [("table", table), ("json", json)] {
        let ran = diagnose().arguments(["--format", format, "-o"]).arguments([&path]).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{format}: {ran:?}");
        assert!(ran.stderr.contains(text.trim_end()), "{format}: {ran:?}");
        assert!(ran.stderr.contains(&format!("cannot write {}", path.display())), "{format}: {ran:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for arguments in [&["schema"][..], &["explain", "--list"], &["demo", "--list"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = Cosprobe::new(arguments).stdout(full).run();
        assert_eq!(ran.code, Some(5), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains("cannot write standard output"), "{arguments:?}: {ran:?}");
    }
    let ran = diagnose().stdout(OpenOptions::new().write(true).open("/dev/full").unwrap()).run();
    assert!(ran.code == Some(5) && ran.stderr.contains("AUT001"), "{ran:?}");
}

#[test]
fn a_device_that_is_full_is_an_error() {
    let ran = diagnose().arguments(["--format", "json", "-o", "/dev/full"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{ran:?}");
    assert!(ran.stderr.contains("cannot write /dev/full") && ran.stderr.contains(read(REPORT).trim_end()), "{ran:?}");
}

#[test]
fn a_report_for_which_the_disk_has_no_room_leaves_the_old_one_and_nothing_else() {
    in_namespaces("cli::output::a_report_for_which_the_disk_has_no_room_leaves_the_old_one_and_nothing_else", || {
        let disk = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4k", "none"]).arg(disk.path());
        assert!(mount.status().unwrap().success());
        let path = disk.path().join("report.json");
        std::fs::write(&path, "old").unwrap();
        let report = read(REPORT);
        assert!(report.len() > 4096, "it would fit");
        let ran = diagnose().arguments(["--format", "json", "-o"]).arguments([&path]).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{ran:?}");
        assert!(ran.stderr.contains("No space left on device") && ran.stderr.contains(report.trim_end()), "{ran:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        let names: Vec<_> = std::fs::read_dir(disk.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["report.json"]);
    });
}

#[test]
fn a_closed_pipe_is_no_error() {
    for arguments in [&["schema"][..], &["explain", "AUT001"], &["--help"], &["--version"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Cosprobe::new(arguments).stdout(writer).run();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = diagnose().stdout(writer).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "the verdict is told all the same");
}

#[test]
fn quiet_prints_nothing_and_the_exit_code_tells() {
    let ran = diagnose().arguments(["--quiet"]).run();
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(1), "", ""));
    let demo = run(["demo", "-q"]);
    assert_eq!((demo.code, demo.stdout.as_str(), demo.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn quiet_still_writes_the_file_that_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.json");
    let ran = diagnose().arguments(["-q", "--format", "json", "-o"]).arguments([&path]).run();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), read(REPORT));
}

#[test]
fn what_is_no_terminal_gets_no_colour() {
    for variables in [&[][..], &[("NO_COLOR", "1")], &[("CLICOLOR_FORCE", "1"), ("TERM", "xterm-256color")]] {
        let command = variables.iter().fold(diagnose(), |command, (name, value)| command.variable(name, value));
        let ran = command.run();
        assert!(!ran.stdout.is_empty() && !ran.stdout.contains('\u{1b}'), "{variables:?}: {ran:?}");
    }
    let demo = run(["demo", "--no-color"]);
    assert!(!demo.stdout.contains('\u{1b}') && !demo.stderr.contains('\u{1b}'), "{demo:?}");
}

#[test]
fn the_format_can_be_set_by_a_variable_and_a_flag_goes_first() {
    let ran = diagnose().variable("COSPROBE_FORMAT", "json").run();
    assert_eq!(ran.stdout, read(REPORT));
    let ran = diagnose().variable("COSPROBE_FORMAT", "json").arguments(["--format", "table"]).run();
    assert!(ran.last_line().starts_with("degraded"), "{ran:?}");
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    let ran = diagnose().arguments(["-o", "/dev/null"]).run();
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(1), "", ""));
    assert!(!File::open("/dev/null").unwrap().metadata().unwrap().is_file());
}
