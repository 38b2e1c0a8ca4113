//! Help, version, and the promise that every flag can be set by a variable.

use clap::CommandFactory;
use cosprobe::cli::Cli;

use crate::support::{Cosprobe, run};

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["-h"], &["--version"], &["-V"], &["help"]] {
        let ran = run(arguments.iter().copied());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!ran.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(run(["--version"]).stdout, format!("cosprobe {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_command_has_help() {
    let command = Cli::command();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    assert!(names.len() >= 6, "{names:?}");
    let overview = run(["--help"]).stdout;
    for name in names {
        assert!(overview.contains(name), "{name} is not in the overview");
        let ran = run([name, "--help"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{name}");
        assert!(ran.stdout.contains(&format!("Usage: cosprobe {name}")), "{name}: {}", ran.stdout);
    }
}

/// A command and all below it.
fn with_inner(command: &clap::Command) -> Vec<&clap::Command> {
    let inner = command.get_subcommands().flat_map(with_inner);
    std::iter::once(command).chain(inner).collect()
}

#[test]
fn every_argument_is_described() {
    for command in with_inner(&Cli::command()) {
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
        }
    }
}

#[test]
fn every_flag_of_check_is_also_a_variable() {
    let command = Cli::command();
    let check = command.find_subcommand("check").unwrap();
    let mut seen = 0;
    for argument in check.get_arguments() {
        let Some(flag) = argument.get_long().filter(|flag| *flag != "help") else { continue };
        let variable = format!("COSPROBE_{}", flag.to_uppercase().replace('-', "_"));
        assert_eq!(argument.get_env().and_then(std::ffi::OsStr::to_str), Some(variable.as_str()), "--{flag}");
        seen += 1;
    }
    assert!(seen > 20, "only {seen} flags were found");
}

#[test]
fn no_argument_takes_a_secret() {
    for command in with_inner(&Cli::command()) {
        // One with a fixed set of words takes no secret, whatever its name is.
        for argument in command.get_arguments().filter(|argument| argument.get_possible_values().is_empty()) {
            let flag = argument.get_long().unwrap_or_default();
            let words = ["secret", "password", "token", "credential"];
            assert!(words.iter().all(|word| !flag.contains(word)), "{} --{flag}", command.get_name());
        }
    }
}

#[test]
fn no_command_at_all_shows_the_way() {
    let ran = run([]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("Usage: cosprobe"), "{ran:?}");
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    let ran = Cosprobe::new(["check", "127.0.0.1:9"]).variable("COSPROBE_FORMAT", "yaml").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("'yaml'") && ran.stderr.contains("--format"), "{ran:?}");
}
