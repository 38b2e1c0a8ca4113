//! The definitions for Nagios and Icinga: their command lines are run, and what comes of them is what a plugin may say.

use super::{accepted, copied};
use crate::support::{RunningLab, repository, run};

/// The command line of the definition, with its macros filled in.
fn command_line(bucket: &str, region: &str) -> String {
    let text = copied("nagios-cosprobe.cfg");
    let line = text.lines().find_map(|line| line.trim().strip_prefix("command_line")).unwrap();
    line.replace("$ARG1$", bucket).replace("$ARG2$", region)
}

/// Whether a text is performance data: `'label'=value[unit];[warn];[crit];[min];[max]`, with blanks between.
fn is_performance_data(text: &str) -> bool {
    let is_number = |text: &str| text.is_empty() || text.parse::<f64>().is_ok();
    text.split(' ').all(|one| {
        let Some((label, values)) = one.rsplit_once('=') else { return false };
        let plain = label.trim_matches('\'');
        let is_quoted = label.starts_with('\'') && label.ends_with('\'') && label.len() > 2;
        let mut values = values.split(';');
        let value = values.next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let is_label = is_quoted || label.chars().all(|c| c.is_ascii_alphanumeric());
        is_label && !plain.contains('\'') && !value.is_empty() && is_number(value) && values.all(is_number)
    })
}

#[test]
fn the_command_of_nagios_ends_as_a_plugin_does() {
    for (scenario, code, word) in
        [("healthy-private", 0, "OK"), ("one-address-dead", 1, "WARNING"), ("all-refused", 2, "CRITICAL")]
    {
        let lab = RunningLab::start(scenario);
        let words = accepted(&command_line(lab.target(), "ap-guangzhou"));
        let flags = ["--control=never", "--trace=never"].map(str::to_owned);
        let all = words.iter().chain(lab.flags()).chain(&flags).map(String::as_str);
        let ran = run(all);
        assert_eq!(ran.code, Some(code), "{scenario}: {ran:?}");
        let first = ran.stdout.lines().next().unwrap();
        assert!(first.starts_with(&format!("COSPROBE {word} - ")), "{scenario}: {first}");
        let (_, numbers) = first.split_once(" | ").unwrap();
        assert!(is_performance_data(numbers) && numbers.starts_with("time="), "{scenario}: {numbers}");
        assert!(!ran.stdout.lines().skip(1).any(|line| line.contains('|')), "{scenario}: {ran:?}");
    }
    let saved = repository("tests/evidence/dns-interrupted.json");
    let ran = run(["diagnose", "--from", saved.to_str().unwrap(), "--format", "nagios"]);
    assert_eq!((ran.code, ran.stdout.starts_with("COSPROBE UNKNOWN - ")), (Some(3), true), "{ran:?}");
}

/// The service names the command, and gives as many arguments as that has macros.
#[test]
fn the_service_of_nagios_fits_its_command() {
    let text = copied("nagios-cosprobe.cfg");
    let value = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap().trim();
    let call: Vec<&str> = value("check_command").split('!').collect();
    assert_eq!((call[0], call.len()), (value("command_name"), 3));
    accepted(&command_line(call[1], call[2]));
}

/// Every argument that Icinga might put is one that the program takes.
#[test]
fn the_command_of_icinga_is_taken() {
    let text = copied("icinga2-cosprobe.conf");
    let quoted = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let setting = |name: &str| {
        let line = text.lines().find(|line| line.trim().starts_with(&format!("vars.{name} =")));
        line.and_then(|line| quoted(line).pop())
    };
    let command = quoted(text.lines().find(|line| line.trim().starts_with("command =")).unwrap());
    let (_, arguments) = text.split_once("arguments = {\n").unwrap();
    let mut line = command.join(" ");
    let mut seen = 0;
    for argument in arguments.split("\n  }").next().unwrap().lines() {
        let words = quoted(argument);
        let value = words[1].trim_matches('$');
        let given = match value {
            "cos_expect" => "private".to_owned(),
            "cos_fail_on" => "warning".to_owned(),
            _ => setting(value).unwrap_or_else(|| value.to_owned()),
        };
        let is_switch = argument.contains("set_if");
        let is_place = argument.contains("skip_key = true");
        let parts = [(!is_place).then(|| words[0].clone()), (!is_switch).then_some(given)];
        for part in parts.into_iter().flatten() {
            line = format!("{line} {part}");
        }
        seen += 1;
    }
    let words = accepted(&line);
    assert!(seen >= 6 && words.contains(&"examplebucket-1250000000".to_owned()), "{words:?}");
    // Icinga kills what takes longer.
    let deadline: u32 = setting("cos_deadline").unwrap().parse().unwrap();
    let limit = text.lines().find_map(|line| line.trim().strip_prefix("timeout = ")?.strip_suffix('s')).unwrap();
    assert!(limit.parse::<u32>().unwrap() > deadline);
}
