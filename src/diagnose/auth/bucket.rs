//! Where a bucket is that COS does not know in the region that was asked.

use super::super::Finding;
use super::super::view::{counted, listed};
use crate::evidence::{BucketSearch, Evidence, ObservationId, Stage};
use crate::target::Target;
use crate::text;

/// Adds what the search in the other regions found.
pub(super) fn searched(finding: Finding, evidence: &Evidence, target: &Target) -> Finding {
    let all = || {
        let observations = evidence.of_endpoint(Stage::HttpRoundTrip, &target.host);
        observations.filter_map(|observation| Some((observation.id, observation.detail.bucket_search()?)))
    };
    let looks: Vec<(ObservationId, &BucketSearch)> =
        all().filter(|(_, look)| look.status.is_some() && look.request_id.is_some()).collect();
    let found: Vec<&BucketSearch> = looks.iter().map(|(_, look)| *look).filter(|look| look.is_found()).collect();
    let finding = finding.citing(looks.iter().map(|(id, _)| *id));
    match (looks.len(), found.as_slice()) {
        (0, _) => {
            let finding = finding.help(text!("you: check the bucket's name, its APPID and its region in the COS console; a wrong region gives the same answer"));
            match all().next() {
                None => finding.help(text!("you: `--search-regions` looks for it in every region")),
                Some((id, _)) => finding.adding(text!(", and no other region could be asked")).citing([id]),
            }
        }
        (_, [first, ..]) => {
            let there = text!(
                ", but one of this name is in {regions}",
                regions = listed(found.iter().map(|look| &look.region))
            );
            let advice = text!(
                "you: use the bucket's own region: {host}, or --region {region}",
                host = &first.host,
                region = &first.region
            );
            finding.adding(there).help(advice)
        }
        (count, []) => {
            let regions = counted(
                count,
                text!("1 other region that answered"),
                text!("{count} other regions that answered", count),
            );
            finding
                .adding(text!(", nor in {regions}", regions))
                .help(text!("you: check the bucket's name and its APPID in the COS console; it may have been deleted"))
        }
    }
}
