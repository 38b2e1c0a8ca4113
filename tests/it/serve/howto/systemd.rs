//! The units: what systemd says of them, whether cosprobe takes their command lines, and whether it works as confined as that.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::super::is_there;
use super::super::service::{Service, eventually, lab_module};
use super::{accepted, copied};
use crate::support::{RunningLab, repository, signal};

const UNITS: [&str; 3] = ["cosprobe.service", "cosprobe-check.service", "cosprobe-check.timer"];
/// What `systemd-analyze security` may find at most, in tenths: an “OK”. What is open is told in the how-to.
const EXPOSURE: &str = "20";

/// The values of a key of a unit.
fn values(unit: &str, key: &str) -> Vec<String> {
    let text = copied(unit);
    let of_key = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    of_key.map(str::to_owned).collect()
}

fn said_by(arguments: &[&str], directory: &TempDir) -> String {
    let output = Command::new("systemd-analyze").args(arguments).current_dir(directory.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

#[test]
fn systemd_takes_the_units_and_finds_them_shut() {
    if !is_there("systemd-analyze") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for unit in UNITS {
        // The program is where it was built.
        let here = copied(unit).replace("/usr/local/bin/cosprobe", env!("CARGO_BIN_EXE_cosprobe"));
        let path = directory.path().join(unit);
        std::fs::write(&path, here).unwrap();
        // systemd has something to say of a unit that all may write.
        std::fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    }
    // Of other units of the machine too, so only what it says of these counts.
    let verified = said_by(&["verify", "--man=no", UNITS[0], UNITS[1], UNITS[2]], &directory);
    assert!(!verified.contains("cosprobe"), "{verified}");
    let page = crate::support::read("docs/howto/run-under-systemd.md");
    for unit in &UNITS[..2] {
        let threshold = format!("--threshold={EXPOSURE}");
        let said = said_by(&["security", "--offline=true", "--no-pager", &threshold, unit], &directory);
        let exposure = said.split_once(&format!("exposure level for {unit}: ")).unwrap().1.split(' ').next().unwrap();
        assert!(page.contains(&format!("exposure of {exposure} ")), "{unit}: {exposure}");
    }
}

#[test]
fn the_command_lines_of_the_units_are_taken() {
    for unit in &UNITS[..2] {
        let lines = values(unit, "ExecStart");
        assert_eq!(lines.len(), 1, "{unit}");
        accepted(&lines[0]);
    }
    assert_eq!(values("cosprobe.service", "ExecReload"), ["kill -HUP $MAINPID"]);
    // What SIGHUP does is held by the tests of serve; the codes are those of the table.
    assert_eq!(values("cosprobe-check.service", "SuccessExitStatus"), ["1 3 4"]);
}

/// The command that confines itself as a unit does, and becomes another.
fn confined(unit: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(repository("tests/systemd/confined.py")).arg(repository(&format!("{}/{unit}", super::DIRECTORY)));
    command.arg(env!("CARGO_BIN_EXE_cosprobe"));
    command
}

/// The names of all series of a probe, with their labels.
fn series(service: &Service, lab: &RunningLab) -> BTreeSet<String> {
    let answer = service.get(&format!("/probe?target={}&module=lab", lab.host()));
    let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[test]
fn the_service_works_without_capabilities_and_behind_the_filter() {
    if !is_there("systemd-analyze") {
        return;
    }
    let lab = RunningLab::start("healthy-private");
    let config = lab_module(&lab) + "anonymous = true\n";
    let free = Service::start(&config);
    let shut = Service::of(confined("cosprobe.service"), tempfile::tempdir().unwrap(), &config, &[]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", shut.process())).unwrap();
    for line in ["CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{line} in {status}");
    }
    let (free, of_shut) = (series(&free, &lab), series(&shut, &lab));
    assert!(free.contains("cosprobe_private_route") && free.len() > 20, "{free:?}");
    assert_eq!(free, of_shut, "the confined service sees as much");
    signal("HUP", shut.process());
    let reloads = || shut.metric("cosprobe_config_last_reload_success_timestamp_seconds", &[]);
    let first = reloads();
    signal("HUP", shut.process());
    eventually("a reload", || (reloads() != first).then_some(()));
}

/// The places in a document at which something is known; those of the elements of a list count as one.
fn known(value: &Value, place: &str, places: &mut BTreeSet<String>) {
    match value {
        Value::Null => {}
        Value::Array(all) => all.iter().for_each(|one| known(one, place, places)),
        Value::Object(fields) => fields.iter().for_each(|(name, one)| known(one, &format!("{place}/{name}"), places)),
        _ => drop(places.insert(place.to_owned())),
    }
}

/// What the metrics do not tell: the state of the clock, routes of the kernel, interfaces.
#[test]
fn a_check_behind_the_filter_sees_all_of_the_machine() {
    if !is_there("systemd-analyze") {
        return;
    }
    let seen = |mut command: Command| {
        command.args(["demo", "--format", "json"]).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        let report: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let mut places = BTreeSet::new();
        for one in report["evidence"].as_array().unwrap().iter().filter(|one| one["stage"] == "host") {
            known(&one["detail"], one["detail"]["type"].as_str().unwrap(), &mut places);
        }
        places
    };
    let free = seen(Command::new(env!("CARGO_BIN_EXE_cosprobe")));
    for place in ["clock/ntp_synchronized", "routes/interfaces/name", "tcp_counters/syn_retransmits"] {
        assert!(free.contains(place), "{place} in {free:?}");
    }
    for unit in &UNITS[..2] {
        assert_eq!(free, seen(confined(unit)), "{unit}");
    }
}

/// What `node_exporter` reads has another owner.
#[test]
fn the_file_of_the_timer_can_be_read_by_others() {
    let words = accepted(&values("cosprobe-check.service", "ExecStart")[0]);
    let place = words.iter().position(|word| word == "--output").unwrap() + 1;
    let state = &values("cosprobe-check.service", "StateDirectory")[0];
    assert_eq!(words[place], format!("/var/lib/{state}/cosprobe.prom"));
    assert!(crate::support::read("docs/howto/run-from-cron.md").contains(&words.join(" ")), "{words:?}");
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("cosprobe.prom");
    let mask = &values("cosprobe-check.service", "UMask")[0];
    let line = ["demo", "--quiet", "--format", "prom", "--output", file.to_str().unwrap()];
    let ran = crate::support::Cosprobe::of_shell(&format!("umask {mask} && exec \"$0\" \"$@\""), line).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    super::super::checked_by_promtool(&std::fs::read_to_string(file).unwrap());
}
