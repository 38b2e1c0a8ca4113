//! What COS says, which finding that is, and what to do about it.
//!
//! COS's documents print some reasons as `Code` and some as `Message`, so both are read (COS documentation, "Error Codes" and
//! "403 error when accessing COS").

use super::super::codes::{
    AUT001, AUT002, AUT003, AUT004, AUT005, AUT006, AUT007, AUT009, BKT001, BKT002, BKT003, BKT004, BKT005, BKT006,
    BKT007, HTP008,
};
use super::super::{CodeRow, Finding};
use crate::evidence::CosError;
use crate::target::{EndpointRole, Target};
use crate::text;
use crate::text::Text;

/// A word that COS uses as code or in the message, and what it means. The first that fits decides: `AccessDenied` is the code of
/// several reasons, of which the message tells.
const REASONS: &[(&str, &CodeRow)] = &[
    ("SignatureDoesNotMatch", &AUT001),
    ("InvalidAccessKeyId", &AUT002),
    ("RequestTimeTooSkewed", &AUT004),
    ("Request has expired", &AUT004),
    ("ExpiredToken", &AUT005),
    // No list of COS has a code for a token that is wrong; these are the words of its relatives.
    ("InvalidToken", &AUT006),
    ("InvalidSecurityToken", &AUT006),
    ("Strict signature missing", &AUT007),
    ("referer", &AUT009),
    ("policy condition", &AUT009),
    ("NoSuchBucket", &BKT001),
    ("UnavailableForLegalReasons", &BKT002),
    ("PaymentRequired", &BKT002),
    ("PathStyleDomainForbidden", &BKT003),
    ("BucketAccelerateNotEnabled", &BKT004),
    ("NoSuchWebsiteConfiguration", &BKT005),
    ("UserCnameInvalid", &BKT006),
    ("NoSuchKey", &BKT007),
    ("AccessDenied", &AUT003),
];

/// What an acceleration endpoint answers to HEAD Bucket, enabled or not (COS documentation, "Global Acceleration" questions).
pub(super) const NOT_ON_ACCELERATION: &str = "ActionAccelerateNotSupported";

/// The finding that an error of COS belongs to.
pub(in super::super) fn row_of(error: &CosError) -> &'static CodeRow {
    REASONS.iter().find(|(word, _)| error.says(word)).map_or(&HTP008, |(_, row)| *row)
}

/// What is the case for an endpoint, a bucket or an object, as one sentence without a full stop.
pub(super) fn what(row: &CodeRow, error: Option<&CosError>, subject: &Text) -> Text {
    match row.code {
        "AUT001" => text!("the signature for {subject} does not match", subject),
        "AUT002" => text!("COS does not know the key that is used for {subject}", subject),
        "AUT003" => text!("COS refuses the signed request to {subject}", subject),
        "AUT004" => text!("the time window of the signature for {subject} is over or has not begun", subject),
        "AUT005" => text!("the temporary key that is used for {subject} has expired", subject),
        "AUT006" => text!("COS does not accept the token of the temporary key that is used for {subject}", subject),
        "AUT007" => text!("{subject} demands that more of the request be signed", subject),
        "AUT009" => text!("a rule of the bucket refuses the request to {subject}", subject),
        "BKT001" => text!("COS has no bucket {subject}", subject),
        "BKT002" if is_unpaid(error) => text!("the account behind {subject} is in arrears", subject),
        "BKT002" => text!("the account or the content behind {subject} is suspended", subject),
        "BKT003" => text!("{subject} may not be addressed in path style", subject),
        "BKT004" => text!("acceleration is not enabled for {subject}", subject),
        "BKT005" => text!("there is no website configuration for {subject}", subject),
        "BKT006" => text!("the custom domain {subject} is not bound to a bucket", subject),
        "BKT007" => text!("there is no object {subject}", subject),
        "HTP002" => text!("COS sends the request to {subject} elsewhere", subject),
        _ => text!("COS refuses the request to {subject}", subject),
    }
}

/// Whether COS speaks of a bill. It has one code for that and for content that is blocked (COS documentation, "Error Codes").
fn is_unpaid(error: Option<&CosError>) -> bool {
    error.is_some_and(|error| error.says("arrears"))
}

/// Where COS explains a request id.
pub(in super::super) const DIAGNOSE: Text =
    text!("you: https://console.cloud.tencent.com/cos/diagnose explains the request id");

/// What to do, and who does it.
pub(in super::super) fn help(row: &CodeRow, finding: Finding, target: &Target) -> Finding {
    match row.code {
        "AUT002" => finding
            .help(text!("you: check the secret id (it begins with AKID); in the CAM console, see that the key exists and is enabled"))
            .help(text!("you: a temporary key is known only together with its token: set COS_SESSION_TOKEN")),
        "AUT003" if target.role == EndpointRole::Service => {
            finding.help(text!("account's owner: grant the key name/cos:GetService in CAM, or check a bucket")).help(DIAGNOSE)
        }
        "AUT003" if target.asks_for_object() || target.asks_for_stand_in() => finding
            .help(text!("bucket's owner: grant the key name/cos:HeadObject on this object, in CAM or by bucket policy (the GET that asked for the reason needs name/cos:GetObject)"))
            .help(DIAGNOSE),
        "AUT003" => finding
            .help(text!("bucket's owner: grant the key name/cos:HeadBucket on this bucket, in CAM or by bucket policy (the GET that asked for the reason needs name/cos:GetBucket)"))
            .help(DIAGNOSE),
        "AUT005" => finding.help(text!("you: fetch a new temporary key; the program that hands it out must refresh it in time")),
        "AUT006" => finding
            .help(text!("you: use id, key and token of one and the same temporary key; a token that was cut off, or that was left over from an earlier key, is refused like this"))
            .help(text!("you: with a lasting key, unset the token: COS_SESSION_TOKEN, TENCENTCLOUD_TOKEN")),
        "AUT009" => finding
            .help(text!("bucket's owner: look at the hotlink protection (referer list) and at the conditions in the bucket policy (source address, VPC, headers): they refuse this request"))
            .help(DIAGNOSE),
        "BKT002" => finding.help(text!("account's owner: settle the account in the billing center; for blocked content, ask Tencent support with the request id")),
        "BKT003" => {
            let (bucket, region) = (target.bucket.as_deref(), target.region.as_deref());
            let (bucket, region) = (bucket.unwrap_or("BUCKET-APPID"), region.unwrap_or("REGION"));
            finding.help(text!("you: put the bucket into the host name: {bucket}.cos.{region}.myqcloud.com", bucket, region))
        }
        "BKT004" => finding.help(text!("bucket's owner: enable global acceleration for the bucket, and wait up to 15 minutes; or use the default endpoint")),
        "BKT005" => finding.help(text!("bucket's owner: enable the static website; or use the default endpoint")),
        "BKT006" => finding.help(text!("bucket's owner: bind the domain to the bucket in the COS console; or use the default endpoint")),
        "BKT007" => finding.help(text!("you: check the key; without the right to list, COS may say 403 for a missing object")),
        "HTP002" => finding.help(text!("you: redirects are not followed; check the target of the redirect, and the bucket's website or origin rules")),
        _ => finding.help(DIAGNOSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrears_are_told_from_blocked_content() {
        let what = |code: &str, message: &str| {
            let error = CosError { code: code.to_owned(), message: message.to_owned(), ..CosError::default() };
            what(&BKT002, Some(&error), &text!("h")).to_string()
        };
        let unpaid = "Due to your account is arrears, it is unavailable until you recharge.";
        assert_eq!(what("UnavailableForLegalReasons", unpaid), "the account behind h is in arrears");
        for (code, message) in [("UnavailableForLegalReasons", ""), ("PaymentRequired", "")] {
            assert_eq!(what(code, message), "the account or the content behind h is suspended");
        }
    }
}
