//! Tests that need a machine of their own: they run once more as root of new namespaces, where what they change is theirs.

use std::io::Write;
use std::process::Command;

/// Tells the process in the namespaces that it is there.
const INSIDE: &str = "COSPROBE_TEST_INSIDE";

/// Does the work of the test with this name in a network and a mount namespace, whose loopback is up.
pub(crate) fn in_namespaces(test: &str, work: impl FnOnce()) {
    if std::env::var(INSIDE).is_ok_and(|inside| inside == test) {
        assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
        return work();
    }
    let can = Command::new("unshare").args(["-rmn", "ip", "link", "set", "lo", "up"]).output();
    if !can.as_ref().is_ok_and(|output| output.status.success()) {
        let is_required = std::env::var("COSPROBE_LAB").is_ok_and(|value| value == "require");
        assert!(!is_required, "COSPROBE_LAB=require, and there can be no namespaces: {can:?}");
        writeln!(std::io::stderr(), "skipped {test}: there can be no namespaces here").expect("standard error");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    command.args(["-rmn", "--kill-child"]).arg(own).args([test, "--exact", "--nocapture"]).env(INSIDE, test);
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
