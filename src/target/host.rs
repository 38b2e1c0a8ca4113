//! The names of COS hosts: reading them, and building one from a bucket, a region and a role.
//!
//! Sources: COS documentation "Regions and Access Endpoints", "Creating a Request", the tencentcos.cn announcement of
//! 2022-07-25, "Global Acceleration", "Static Website", "IPv4 and IPv6 dual-stack"; the old forms from Tencent's SDKs.

use super::{EndpointRole, ROLES};
use crate::region::{self, REGIONS};

/// The suffixes under which COS itself answers.
pub const COS_SUFFIXES: &[&str] = &["myqcloud.com", "tencentcos.cn"];

/// Regions of the old v4 names, which stand right before the suffix.
const LEGACY_REGIONS: &[&str] =
    &["cn-north", "cn-south", "cn-south-2", "cn-east", "cn-southwest", "sg", "cosgz", "cossh", "costj"];

/// What the labels of a COS host say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostForm {
    /// The kind of endpoint.
    pub role: EndpointRole,
    /// The bucket with its APPID, where the host names one.
    pub bucket: Option<String>,
    /// The region, where the host names one.
    pub region: Option<String>,
}

/// Why a host under a COS suffix is not usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostProblem(pub String);

/// Whether a host name ends in a suffix under which COS answers.
pub(super) fn has_cos_suffix(host: &str) -> bool {
    COS_SUFFIXES.iter().any(|suffix| host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')))
}

impl HostForm {
    /// Reads a lower-case host name. `None`: not under a COS suffix, or a form that COS does not document.
    pub fn read(host: &str) -> Result<Option<Self>, HostProblem> {
        let Some(rest) = COS_SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix)?.strip_suffix('.')) else {
            return Ok(None);
        };
        let labels: Vec<&str> = rest.split('.').collect();
        let form = |role, bucket: Option<&str>, region: Option<&str>| {
            Some(Self { role, bucket: bucket.map(str::to_owned), region: region.map(str::to_owned) })
        };
        let found = match *labels.as_slice() {
            ["service", "cos" | "cos-internal"] => form(EndpointRole::Service, None, None),
            ["service", "ci"] => form(EndpointRole::DataProcessing, None, None),
            ["cos" | "cos-internal", "accelerate"] => None,
            ["cos" | "cos-internal", region] => form(EndpointRole::Service, None, Some(region)),
            ["ci", region] => form(EndpointRole::DataProcessing, None, Some(region)),
            [bucket, "cos", "accelerate"] => form(EndpointRole::Accelerate, Some(bucket), None),
            [bucket, "cos-internal", "accelerate"] => form(EndpointRole::AccelerateInternal, Some(bucket), None),
            [bucket, "cos", region] => form(EndpointRole::Default, Some(bucket), Some(region)),
            [bucket, "cos-internal", region] => form(EndpointRole::Internal, Some(bucket), Some(region)),
            [bucket, "cos-website", region] => form(EndpointRole::Website, Some(bucket), Some(region)),
            [bucket, "cos-website-internal", region] => form(EndpointRole::WebsiteInternal, Some(bucket), Some(region)),
            [bucket, "cos-dualstack", region] => form(EndpointRole::Dualstack, Some(bucket), Some(region)),
            [bucket, _, "cos-cdc", region] => form(EndpointRole::DedicatedCluster, Some(bucket), Some(region)),
            [bucket, "ci" | "pic", region] => form(EndpointRole::DataProcessing, Some(bucket), Some(region)),
            [bucket, "file"] => form(EndpointRole::Cdn, Some(bucket), None),
            [bucket, region] if LEGACY_REGIONS.contains(&region) => {
                form(EndpointRole::Legacy, Some(bucket), Some(region))
            }
            _ => None,
        };
        if let Some(form) = &found {
            form.check().map_err(HostProblem)?;
        }
        Ok(found)
    }

    fn check(&self) -> Result<(), String> {
        if let Some(bucket) = &self.bucket {
            check_bucket(bucket)?;
        }
        match &self.region {
            Some(region) if self.role != EndpointRole::Legacy && !region::has_region_shape(region) => {
                Err(region_problem(region))
            }
            _ => Ok(()),
        }
    }

    /// The hosts of every kind of endpoint that a bucket can have, in every region that cosprobe knows; some more than once.
    pub fn all_of(bucket: &str) -> impl Iterator<Item = String> {
        let places = REGIONS.iter().flat_map(|region| COS_SUFFIXES.iter().map(move |suffix| (region.id, *suffix)));
        places.flat_map(move |(region, suffix)| {
            ROLES.iter().filter_map(move |(role, _)| Self::build(*role, bucket, region, suffix).ok())
        })
    }

    /// The host of an endpoint of a bucket, or why there is none.
    pub fn build(role: EndpointRole, bucket: &str, region: &str, suffix: &str) -> Result<String, String> {
        let private_suffix = "tencentcos.cn";
        Ok(match role {
            EndpointRole::Default => format!("{bucket}.cos.{region}.{suffix}"),
            EndpointRole::Path | EndpointRole::Service => format!("cos.{region}.{suffix}"),
            EndpointRole::Internal => format!("{bucket}.cos-internal.{region}.{private_suffix}"),
            EndpointRole::Website => format!("{bucket}.cos-website.{region}.{suffix}"),
            EndpointRole::WebsiteInternal => format!("{bucket}.cos-website-internal.{region}.{private_suffix}"),
            EndpointRole::Accelerate => format!("{bucket}.cos.accelerate.{suffix}"),
            EndpointRole::AccelerateInternal => format!("{bucket}.cos-internal.accelerate.{private_suffix}"),
            EndpointRole::Dualstack => format!("{bucket}.cos-dualstack.{region}.{suffix}"),
            other => return Err(format!("cannot build the host of a {}", other.describe())),
        })
    }
}

/// The sentence for a region identifier of the wrong shape.
pub(super) fn region_problem(region: &str) -> String {
    let near = region::near(region);
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
    format!("'{region}' is not a region identifier: it should look like ap-guangzhou{hint}")
}

/// Checks a bucket name with its APPID against COS's naming rules.
///
/// Source: COS documentation "Bucket Overview": `<name>-<APPID>`, lower-case letters, digits and dashes, no dash at either
/// end of the name. A DNS label has at most 63 characters (RFC 1035).
pub fn check_bucket(bucket: &str) -> Result<(), String> {
    let should = "it should look like examplebucket-1250000000, the bucket's name and the account's APPID";
    let Some((name, appid)) = bucket.rsplit_once('-') else {
        return Err(format!("'{bucket}' is not a bucket: the APPID is missing; {should}"));
    };
    if appid.is_empty() || !appid.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("'{bucket}' is not a bucket: the APPID at its end is missing; {should}"));
    }
    if let Some(odd) = name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        return Err(format!("'{bucket}' is not a bucket: {odd:?} cannot be part of its name; {should}"));
    }
    if name.is_empty() || name.starts_with('-') || name.ends_with('-') {
        return Err(format!(
            "'{bucket}' is not a bucket: the name may not be empty or begin or end with a dash; {should}"
        ));
    }
    if bucket.len() > 63 {
        return Err(format!(
            "'{bucket}' is not a bucket: {} characters, a host label has at most 63; {should}",
            bucket.len()
        ));
    }
    Ok(())
}
