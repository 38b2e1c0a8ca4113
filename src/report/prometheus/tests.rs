use super::*;

#[test]
fn names_of_labels_are_those_that_prometheus_takes() {
    assert_eq!(
        ["site", "a-b", "__name__", "9to5", "", "code"].map(label_name),
        ["site", "a_b", "name__", "_9to5", "_", "exported_code"]
    );
}
