//! The image and the objects of Kubernetes. Neither is built or applied here; what they say is held to the program, to each other, and
//! to what Kubernetes calls `restricted`.

use std::process::Command;

use clap::Parser;
use cosprobe::cli::Cli;
use serde_json::{Value, json};

use super::copied;
use crate::support::{read, repository, run};

/// Every document of a file of YAML.
fn documents(name: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&copied(name)).unwrap()
}

fn of_kind(kind: &str) -> Value {
    documents("kubernetes.yaml").into_iter().find(|one| one["kind"] == kind).unwrap()
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// What the program has to take behind its name.
fn taken(arguments: &[String]) {
    let parsed = Cli::try_parse_from(std::iter::once("cosprobe").chain(arguments.iter().map(String::as_str)));
    assert!(parsed.is_ok(), "{arguments:?}\n{:?}", parsed.err());
}

#[test]
fn the_pods_are_confined() {
    let pod = &of_kind("DaemonSet")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let rows = [
        (pod, "/automountServiceAccountToken", json!(false)),
        (pod, "/hostNetwork", json!(false)),
        (pod, "/securityContext/runAsNonRoot", json!(true)),
        (pod, "/securityContext/seccompProfile/type", json!("RuntimeDefault")),
        (container, "/securityContext/allowPrivilegeEscalation", json!(false)),
        (container, "/securityContext/readOnlyRootFilesystem", json!(true)),
        (container, "/securityContext/capabilities", json!({"drop": ["ALL"]})),
    ];
    for (whose, place, wanted) in rows {
        assert_eq!(whose.pointer(place), Some(&wanted), "{place}");
    }
    for place in ["/resources/requests/cpu", "/resources/requests/memory", "/resources/limits/memory"] {
        assert!(container.pointer(place).is_some_and(Value::is_string), "{place}");
    }
    let enforced = "/metadata/labels/pod-security.kubernetes.io~1enforce";
    assert_eq!(of_kind("Namespace").pointer(enforced), Some(&json!("restricted")));
}

#[test]
fn the_parts_name_each_other() {
    let all = [documents("kubernetes.yaml"), documents("podmonitor.yaml")].concat();
    let namespace = of_kind("Namespace")["metadata"]["name"].clone();
    for one in all.iter().filter(|one| one["kind"] != "Namespace") {
        assert_eq!(one["metadata"]["namespace"], namespace, "{}", one["kind"]);
    }
    let set = of_kind("DaemonSet");
    let (template, pod) = (&set["spec"]["template"], &set["spec"]["template"]["spec"]);
    let labels = &template["metadata"]["labels"];
    let monitor = &documents("podmonitor.yaml")[0];
    let policy = of_kind("NetworkPolicy");
    for selector in [&set["spec"]["selector"], &policy["spec"]["podSelector"], &monitor["spec"]["selector"]] {
        assert_eq!(&selector["matchLabels"], labels);
    }
    // The port by its name and by its number.
    let container = &pod["containers"][0];
    let port = &container["ports"][0];
    for user in [
        &monitor["spec"]["podMetricsEndpoints"][0]["port"],
        &container["livenessProbe"]["httpGet"]["port"],
        &container["readinessProbe"]["httpGet"]["port"],
    ] {
        assert_eq!(user, &port["name"]);
    }
    let number = port["containerPort"].to_string();
    assert_eq!(template["metadata"]["annotations"]["prometheus.io/port"], number.as_str());
    assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"].to_string(), number);
    let arguments = words(&container["args"]);
    taken(&arguments);
    assert!(arguments.ends_with(&["--web.listen-address".to_owned(), format!(":{number}")]), "{arguments:?}");
    // Each mount has its volume, and what is named in one is there.
    let mounts = container["volumeMounts"].as_array().unwrap();
    let place = |name: &str| mounts.iter().find(|mount| mount["name"] == name).unwrap()["mountPath"].as_str().unwrap();
    let file = of_kind("ConfigMap")["data"].as_object().unwrap().keys().next().unwrap().clone();
    assert!(arguments.contains(&format!("{}/{file}", place("config"))), "{arguments:?}");
    assert_eq!(pod["volumes"][0]["configMap"]["name"], of_kind("ConfigMap")["metadata"]["name"]);
    let key = container["env"].as_array().unwrap().iter().find(|one| one["name"] == "TENCENTCLOUD_CREDENTIALS_FILE");
    assert_eq!(key.unwrap()["value"], format!("{}/credentials", place("key")));
}

#[test]
fn the_pages_that_kubernetes_asks_for_are_there() {
    let container = &of_kind("DaemonSet")["spec"]["template"]["spec"]["containers"][0];
    let service = super::super::service::Service::start("");
    for probe in ["livenessProbe", "readinessProbe"] {
        let answer = service.get(container[probe]["httpGet"]["path"].as_str().unwrap());
        assert_eq!(answer.status, 200, "{probe}");
    }
    let scraped = documents("podmonitor.yaml")[0]["spec"]["podMetricsEndpoints"][0]["path"].clone();
    assert_eq!(service.get(scraped.as_str().unwrap()).status, 200);
}

#[test]
fn the_embedded_file_is_good() {
    let directory = tempfile::tempdir().unwrap();
    let map = of_kind("ConfigMap");
    let file = directory.path().join("cosprobe.toml");
    std::fs::write(&file, map["data"]["cosprobe.toml"].as_str().unwrap()).unwrap();
    let ran = run(["serve", "--config.check", "--config.file", file.to_str().unwrap()]);
    assert!(ran.code == Some(0) && ran.stdout.contains("1 targets"), "{ran:?}");
}

/// The instructions of the file, as words.
fn instructions() -> Vec<Vec<String>> {
    let text = copied("Containerfile");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn the_image_is_built_from_what_is_there() {
    let all = instructions();
    let of = |name: &str| all.iter().filter(|words| words[0] == name).cloned().collect::<Vec<_>>();
    let manifest = read("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"')).unwrap();
    assert!(of("FROM")[0][1].contains(&format!("rust:{version}-")), "the toolchain is the one that is tested");
    // A workspace with no more than what is copied; cargo has to take its manifest.
    let context = tempfile::tempdir().unwrap();
    let mut copies = Vec::new();
    for copy in of("COPY").iter().filter(|copy| !copy[1].starts_with("--from")) {
        for source in &copy[1..copy.len() - 1] {
            let to = context.path().join(source);
            std::os::unix::fs::symlink(repository(source).canonicalize().unwrap(), to).unwrap();
            copies.push(source.clone());
        }
    }
    let build = &of("RUN")[0];
    assert!(build.join(" ").starts_with("RUN cargo build --profile dist --locked"), "{build:?}");
    assert!(manifest.contains("[profile.dist]"));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"]).current_dir(context.path());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    // What the sources take in beside themselves is copied too.
    for (path, text) in crate::support::files("src", &[".rs"]) {
        for part in text.split("\"../../").skip(1).filter_map(|rest| rest.split(['/', '"']).next()) {
            assert!(copies.iter().any(|copied| copied == part), "{path} takes in {part}");
        }
    }
}

#[test]
fn the_image_starts_the_program_and_nobody_else() {
    let all = instructions();
    let last = |name: &str| all.iter().rev().find(|words| words[0] == name).unwrap()[1..].join(" ");
    let copied: Vec<String> = last("COPY").split(' ').map(str::to_owned).collect();
    assert_eq!(copied[..2], ["--from=build", "/src/target/dist/cosprobe"]);
    let entry: Value = serde_json::from_str(&last("ENTRYPOINT")).unwrap();
    assert_eq!(entry, json!([copied[2]]));
    let arguments: Value = serde_json::from_str(&last("CMD")).unwrap();
    taken(&words(&arguments));
    let pod = &of_kind("DaemonSet")["spec"]["template"]["spec"];
    let user = &pod["securityContext"]["runAsUser"];
    assert_eq!(last("USER"), format!("{user}:{}", pod["securityContext"]["runAsGroup"]));
    assert!(user.as_u64().unwrap() > 0);
    assert_eq!(last("EXPOSE"), pod["containers"][0]["ports"][0]["containerPort"].to_string());
    // The image, as it is called with a check.
    let page = read("docs/howto/run-in-kubernetes.md");
    let image = pod["containers"][0]["image"].as_str().unwrap();
    let check = page.lines().find_map(|line| line.strip_prefix(&format!("docker run --rm {image} "))).unwrap();
    taken(&check.split(' ').map(str::to_owned).collect::<Vec<_>>());
}
