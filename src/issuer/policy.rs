//! What a temporary key may do.

use serde_json::json;

/// The requests of a check, and no more: HEAD, and the small GET that asks why a HEAD was refused.
const ACTIONS: [&str; 4] = ["name/cos:HeadBucket", "name/cos:HeadObject", "name/cos:GetBucket", "name/cos:GetObject"];

/// A policy that allows what a check asks of some buckets, given with their regions where they are known.
///
/// Form of the resource: COS documentation, "Using a Temporary Key to Access COS".
pub fn policy_for<'a>(buckets: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let resource = |(bucket, region): (&str, Option<&str>)| {
        let owner = bucket.rsplit('-').next().unwrap_or_default();
        format!("qcs::cos:{}:uid/{owner}:{bucket}/*", region.unwrap_or("*"))
    };
    let resources: Vec<String> = buckets.into_iter().map(resource).collect();
    let statement = json!({ "effect": "allow", "action": ACTIONS, "resource": resources });
    json!({ "version": "2.0", "statement": [statement] }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_the_bucket_and_nothing_else() {
        let policy = policy_for([("a-b-1250000000", Some("ap-guangzhou")), ("c-1250000001", None)]);
        let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
        let resources = &policy["statement"][0]["resource"];
        assert_eq!(resources[0], "qcs::cos:ap-guangzhou:uid/1250000000:a-b-1250000000/*");
        assert_eq!(resources[1], "qcs::cos:*:uid/1250000001:c-1250000001/*");
        assert_eq!(resources.as_array().unwrap().len(), 2);
        assert!(policy["statement"][0]["action"].as_array().unwrap().iter().all(|action| {
            let action = action.as_str().unwrap();
            action.starts_with("name/cos:Head") || action.starts_with("name/cos:Get")
        }));
    }
}
