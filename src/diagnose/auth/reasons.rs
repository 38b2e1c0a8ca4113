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

/// What is the case, in words.
pub(super) fn what(row: &CodeRow) -> &'static str {
    match row.code {
        "AUT001" => "the signature does not match",
        "AUT002" => "the key is not known",
        "AUT003" => "the signed request is refused",
        "AUT004" => "the signature's time window is over or has not begun",
        "AUT005" => "the temporary key has expired",
        "AUT006" => "the token of the temporary key is not accepted",
        "AUT007" => "the bucket demands that more of the request be signed",
        "AUT009" => "a rule of the bucket refuses the request",
        "BKT001" => "COS says that there is no such bucket",
        "BKT002" => "the account or the content is suspended",
        "BKT003" => "the bucket may not be addressed in path style",
        "BKT004" => "acceleration is not enabled",
        "BKT005" => "there is no website configuration",
        "BKT006" => "the custom domain is not bound to a bucket",
        "BKT007" => "there is no such object",
        "HTP002" => "COS sends the request elsewhere",
        _ => "COS refuses the request",
    }
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
        "BKT003" => finding.help("you: put the bucket into the host name: BUCKET-APPID.cos.REGION.myqcloud.com"),
        "BKT004" => finding.help("bucket's owner: enable global acceleration for the bucket, and wait up to 15 minutes; or use the default endpoint"),
        "BKT005" => finding.help("bucket's owner: enable the static website; or use the default endpoint"),
        "BKT006" => finding.help("bucket's owner: bind the domain to the bucket in the COS console; or use the default endpoint"),
        "BKT007" => finding.help("you: check the key; without the right to list, COS may say 403 for a missing object"),
        "HTP002" => finding.help("you: redirects are not followed; check the target of the redirect, and the bucket's website or origin rules"),
        _ => finding.help(DIAGNOSE),
    }
}
