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
pub(super) fn what(row: &CodeRow, error: Option<&CosError>, subject: &str) -> String {
    match row.code {
        "AUT001" => format!("the signature for {subject} does not match"),
        "AUT002" => format!("COS does not know the key that is used for {subject}"),
        "AUT003" => format!("COS refuses the signed request to {subject}"),
        "AUT004" => format!("the time window of the signature for {subject} is over or has not begun"),
        "AUT005" => format!("the temporary key that is used for {subject} has expired"),
        "AUT006" => format!("COS does not accept the token of the temporary key that is used for {subject}"),
        "AUT007" => format!("{subject} demands that more of the request be signed"),
        "AUT009" => format!("a rule of the bucket refuses the request to {subject}"),
        "BKT001" => format!("COS has no bucket {subject}"),
        "BKT002" if is_unpaid(error) => format!("the account behind {subject} is in arrears"),
        "BKT002" => format!("the account or the content behind {subject} is suspended"),
        "BKT003" => format!("{subject} may not be addressed in path style"),
        "BKT004" => format!("acceleration is not enabled for {subject}"),
        "BKT005" => format!("there is no website configuration for {subject}"),
        "BKT006" => format!("the custom domain {subject} is not bound to a bucket"),
        "BKT007" => format!("there is no object {subject}"),
        "HTP002" => format!("COS sends the request to {subject} elsewhere"),
        _ => format!("COS refuses the request to {subject}"),
    }
}

/// Whether COS speaks of a bill. It has one code for that and for content that is blocked (COS documentation, "Error Codes").
fn is_unpaid(error: Option<&CosError>) -> bool {
    error.is_some_and(|error| error.says("arrears"))
}

/// Where COS explains a request id.
pub(in super::super) const DIAGNOSE: &str =
    "you: https://console.cloud.tencent.com/cos/diagnose explains the request id";

/// What to do, and who does it.
pub(in super::super) fn help(row: &CodeRow, finding: Finding, target: &Target) -> Finding {
    match row.code {
        "AUT002" => finding
            .help("you: check the secret id (it begins with AKID); in the CAM console, see that the key exists and is enabled")
            .help("you: a temporary key is known only together with its token: set COS_SESSION_TOKEN"),
        "AUT003" if target.role == EndpointRole::Service => {
            finding.help("account's owner: grant the key name/cos:GetService in CAM, or check a bucket").help(DIAGNOSE)
        }
        "AUT003" if target.asks_for_object() || target.asks_for_stand_in() => finding
            .help("bucket's owner: grant the key name/cos:HeadObject on this object, in CAM or by bucket policy (the GET that asked for the reason needs name/cos:GetObject)")
            .help(DIAGNOSE),
        "AUT003" => finding
            .help("bucket's owner: grant the key name/cos:HeadBucket on this bucket, in CAM or by bucket policy (the GET that asked for the reason needs name/cos:GetBucket)")
            .help(DIAGNOSE),
        "AUT005" => finding.help("you: fetch a new temporary key; the program that hands it out must refresh it in time"),
        "AUT006" => finding
            .help("you: use id, key and token of one and the same temporary key; a token that was cut off, or that was left over from an earlier key, is refused like this")
            .help("you: with a lasting key, unset the token: COS_SESSION_TOKEN, TENCENTCLOUD_TOKEN"),
        "AUT009" => finding
            .help("bucket's owner: look at the hotlink protection (referer list) and at the conditions in the bucket policy (source address, VPC, headers): they refuse this request")
            .help(DIAGNOSE),
        "BKT002" => finding.help("account's owner: settle the account in the billing center; for blocked content, ask Tencent support with the request id"),
        "BKT003" => {
            let (bucket, region) = (target.bucket.as_deref(), target.region.as_deref());
            let (bucket, region) = (bucket.unwrap_or("BUCKET-APPID"), region.unwrap_or("REGION"));
            finding.help(format!("you: put the bucket into the host name: {bucket}.cos.{region}.myqcloud.com"))
        }
        "BKT004" => finding.help("bucket's owner: enable global acceleration for the bucket, and wait up to 15 minutes; or use the default endpoint"),
        "BKT005" => finding.help("bucket's owner: enable the static website; or use the default endpoint"),
        "BKT006" => finding.help("bucket's owner: bind the domain to the bucket in the COS console; or use the default endpoint"),
        "BKT007" => finding.help("you: check the key; without the right to list, COS may say 403 for a missing object"),
        "HTP002" => finding.help("you: redirects are not followed; check the target of the redirect, and the bucket's website or origin rules"),
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
            what(&BKT002, Some(&error), "h")
        };
        let unpaid = "Due to your account is arrears, it is unavailable until you recharge.";
        assert_eq!(what("UnavailableForLegalReasons", unpaid), "the account behind h is in arrears");
        for (code, message) in [("UnavailableForLegalReasons", ""), ("PaymentRequired", "")] {
            assert_eq!(what(code, message), "the account or the content behind h is suspended");
        }
    }
}
