//! The order of the house, as tests: which room may name which, and habits that a compiler does not see.

pub(crate) mod rooms;

use crate::support::{files, read};
use rooms::{breaches, code};

/// Sources without their tests: the modules `tests` are cut off, files of tests are left out.
pub(crate) fn sources() -> Vec<(String, String)> {
    let files = files("src", &[".rs"]);
    assert!(files.len() > 40, "only {} files were found", files.len());
    files.into_iter().filter(|(path, _)| !path.ends_with("/tests.rs")).collect()
}

/// A source without comments and tests.
pub(crate) fn code_of(text: &str) -> String {
    code(text).flat_map(|(_, line)| [line, "\n"]).collect()
}

#[test]
fn rooms_name_only_what_they_may() {
    let found: Vec<String> = sources().iter().flat_map(|(path, text)| breaches(path, text)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for (path, text) in files("src", &[".rs"]).into_iter().chain(files("tests/it", &[".rs"])) {
        let lines = text.lines().count();
        if lines > 400 {
            long.push(format!("{path} has {lines} lines"));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// The places where a word of Rust stands, outside comments and tests.
fn places(words: &[&str], allowed: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !allowed(path)) {
        for (number, line) in code(text) {
            if words.iter().any(|word| rooms::has_word(line, word)) {
                found.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    found
}

#[test]
fn unsafe_code_stays_in_sys() {
    let found = places(&["unsafe"], |path| path == "src/sys.rs" || path.starts_with("src/sys/"));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_main_and_progress_print() {
    let found = places(&["println!", "eprintln!", "print!", "eprint!", "dbg!"], |path| {
        path == "src/main.rs" || path == "src/progress.rs"
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_depends_on_the_order_of_a_hash_map() {
    let found = places(&["HashMap", "HashSet"], |_| false);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_is_left_for_later() {
    // In two parts each, so that this file is not found.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("todo", "!")];
    let further = [concat!("unimple", "mented!"), concat!("#[", "ignore")];
    let mut found = Vec::new();
    for directory in ["src", "tests", "docs"] {
        for (path, text) in files(directory, &[".rs", ".md", ".py", ".sh", ".toml"]) {
            for (number, line) in text.lines().enumerate() {
                let has = words.iter().any(|word| rooms::has_word(line, word));
                if has || further.iter().any(|word| line.contains(word)) {
                    found.push(format!("{path}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The names in the tables of a manifest whose heading ends with `dependencies`.
fn direct_dependencies(manifest: &str) -> Vec<&str> {
    let mut in_dependencies = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if let Some(heading) = line.strip_prefix('[') {
            in_dependencies = heading.trim_end().trim_end_matches(']').ends_with("dependencies");
        } else if in_dependencies && let Some((name, _)) = line.split_once('=') {
            names.push(name.trim());
        }
    }
    names
}

#[test]
fn every_direct_dependency_has_its_reason_in_the_docs() {
    let (manifest, page) = (read("Cargo.toml"), read("docs/contributing.md"));
    let names = direct_dependencies(&manifest);
    assert!(names.contains(&"tokio") && names.contains(&"proptest"), "{names:?}");
    let missing: Vec<_> = names.into_iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/contributing.md does not name {missing:?}");
}

/// Names and versions of the packages in a lock file.
fn locked(text: &str) -> Vec<(&str, &str)> {
    let packages = text.split("[[package]]").skip(1);
    packages.map(|package| (quoted(package, "name"), quoted(package, "version"))).collect()
}

/// The value of a line `name = "value"`.
fn quoted<'a>(text: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"');
    text.lines().find_map(value).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn the_lock_file_holds_one_of_each_and_nothing_that_needs_c() {
    let text = read("Cargo.lock");
    let packages = locked(&text);
    assert!(packages.len() > 100 && packages.iter().any(|(name, _)| *name == "cosprobe"), "{packages:?}");
    for name in ["openssl-sys", "aws-lc-sys"] {
        assert!(packages.iter().all(|(found, _)| *found != name), "{name}");
    }
    for name in ["tokio", "rustls", "hickory-proto", "hyper"] {
        let versions: Vec<_> = packages.iter().filter(|(found, _)| *found == name).collect();
        assert_eq!(versions.len(), 1, "{versions:?}");
    }
}
