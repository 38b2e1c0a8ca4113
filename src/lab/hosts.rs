//! The names under which the double answers, and which endpoint of the bucket each of them is.
//!
//! Sources: COS documentation "Regions and Access Endpoints", "Creating a Request", "Global Acceleration", "Hosting Static
//! Website", "Custom Endpoint".

use hyper::Method;

use super::asked::Asked;
use super::refusal::Refusal;
use super::scenario::{BucketBehaviour, Scenario};
use crate::region;
use crate::target::{EndpointRole, HostForm};

/// The bucket of the lab. Its name and number are the ones of Tencent's documentation.
pub(super) const BUCKET: &str = "examplebucket-1250000000";
pub(super) const HOST: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";
/// The region's own name.
pub(super) const SERVICE_HOST: &str = "cos.ap-guangzhou.myqcloud.com";
/// A name that is bound to the bucket.
pub(super) const CUSTOM_HOST: &str = "files.example.com";
const REGION: &str = "ap-guangzhou";
const OTHER_REGION: &str = "ap-shanghai";

/// An endpoint, which decides what may be asked there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The bucket is in the host.
    Bucket,
    /// The bucket is in the path.
    Path,
    Website,
    Accelerate,
    Custom,
    /// The list of buckets.
    Service,
}

/// What a request is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Where it was asked.
    pub endpoint: Endpoint,
    /// The object; empty for the bucket, or the list of buckets.
    pub key: String,
}

/// Whether the name server of COS knows a name: every name of every region, whether or not there is such a bucket.
pub(super) fn is_cos_name(name: &str) -> bool {
    let form = HostForm::read(name).ok().flatten();
    form.is_some_and(|form| form.region.is_none_or(|region| region::find(&region).is_some()))
}

/// What the certificates of COS cover, as far as the lab needs them: every endpoint of the bucket's region, and the default one of
/// all others, where a bucket may be looked for.
pub(super) fn certificate_names() -> Vec<String> {
    let mut names = vec![format!("*.{SERVICE_HOST}"), SERVICE_HOST.to_owned(), CUSTOM_HOST.to_owned()];
    for suffix in ["myqcloud.com", "tencentcos.cn"] {
        for kind in ["cos-internal", "cos-website", "cos-website-internal", "cos-dualstack"] {
            names.push(format!("*.{kind}.{REGION}.{suffix}"));
        }
        for rest in ["*.cos.accelerate", "*.cos-internal.accelerate", "service.cos", "service.cos-internal"] {
            names.push(format!("{rest}.{suffix}"));
        }
        names.push(format!("cos-internal.{REGION}.{suffix}"));
        for region in region::REGIONS {
            names.push(format!("*.cos.{}.{suffix}", region.id));
            names.push(format!("cos.{}.{suffix}", region.id));
        }
    }
    names.sort_by_key(|name| !name.contains(REGION));
    names.dedup();
    names
}

/// The region of the bucket.
pub(super) const fn region_of(bucket: BucketBehaviour) -> &'static str {
    match bucket {
        BucketBehaviour::Elsewhere => OTHER_REGION,
        _ => REGION,
    }
}

impl Place {
    /// What a request is about, by its Host header and its path.
    pub(super) fn of(scenario: &Scenario, asked: &Asked) -> Result<Self, Refusal> {
        let host = asked.host().rsplit_once(':').map_or(asked.host(), |(name, _)| name).to_ascii_lowercase();
        let path = asked.path();
        let key = path.strip_prefix('/').unwrap_or(&path).to_owned();
        let no_bucket = || Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist.");
        let Ok(Some(form)) = HostForm::read(&host) else {
            let is_bound = host == CUSTOM_HOST && scenario.bucket != BucketBehaviour::WithoutCustomDomain;
            // The words have been seen in third parties' reports.
            let message = "Your cname does not exist or format illegal.";
            let unbound = || Refusal::new(400, "UserCnameInvalid", message);
            return is_bound.then_some(Self { endpoint: Endpoint::Custom, key }).ok_or_else(unbound);
        };
        let is_region = form.region.as_deref().is_none_or(|region| region == region_of(scenario.bucket));
        if form.role == EndpointRole::Service {
            return match key.split_once('/').unwrap_or((&key, "")) {
                ("", _) => Ok(Self { endpoint: Endpoint::Service, key: String::new() }),
                (BUCKET, key) if is_region => Ok(Self { endpoint: Endpoint::Path, key: key.to_owned() }),
                _ => Err(no_bucket()),
            };
        }
        let endpoint = match form.role {
            EndpointRole::Website | EndpointRole::WebsiteInternal => Endpoint::Website,
            EndpointRole::Accelerate | EndpointRole::AccelerateInternal => Endpoint::Accelerate,
            _ => Endpoint::Bucket,
        };
        let is_bucket = form.bucket.as_deref() == Some(BUCKET) && is_region;
        let key = if endpoint == Endpoint::Website && key.is_empty() { "index.html".to_owned() } else { key };
        is_bucket.then_some(Self { endpoint, key }).ok_or_else(no_bucket)
    }

    /// Whether the bucket, the endpoint or a rule refuses everybody. In which order COS looks at them is not established.
    pub(super) fn open_to_anybody(&self, bucket: BucketBehaviour, method: &Method) -> Result<(), Refusal> {
        if self.endpoint == Endpoint::Service {
            let is_read = [Method::GET, Method::HEAD].contains(method);
            return is_read.then_some(()).ok_or_else(method_not_allowed);
        }
        let refusal = match (bucket, self.endpoint) {
            (BucketBehaviour::Missing, _) => Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist."),
            // COS documentation, "Error Codes"; the message is that of a real answer.
            (BucketBehaviour::Arrears, _) => {
                let message = "Due to your account is arrears, it is unavailable until you recharge.";
                Refusal::new(451, "UnavailableForLegalReasons", message)
            }
            // COS documentation, "403 error when accessing COS".
            (BucketBehaviour::RefererRule, _) => {
                Refusal::new(403, "AccessDenied", "You are denied by bucket referer rule")
            }
            // COS documentation, on buckets created since 2024. Only the end of the message is documented.
            (BucketBehaviour::WithoutPathStyle, Endpoint::Path) => {
                let message =
                    "The bucket you are attempting to access must be addressed using COS virtual-styled domain.";
                Refusal::new(403, "PathStyleDomainForbidden", message)
            }
            // COS documentation, "Error Codes"; the messages of these three are not established.
            (BucketBehaviour::WithoutAcceleration, Endpoint::Accelerate) => Refusal::new(
                400,
                "BucketAccelerateNotEnabled",
                "The acceleration endpoint is not enabled for the bucket.",
            ),
            (BucketBehaviour::WithoutWebsite, Endpoint::Website) => {
                let message = "The specified bucket does not have a website configuration.";
                Refusal::new(404, "NoSuchWebsiteConfiguration", message)
            }
            (_, Endpoint::Accelerate) if !self.is_accelerated(method) => {
                let message = "The acceleration endpoint does not support this operation.";
                Refusal::new(400, "ActionAccelerateNotSupported", message)
            }
            // COS documentation, "Hosting Static Website": GET, HEAD and OPTIONS on objects.
            (_, Endpoint::Website) if ![Method::GET, Method::HEAD].contains(method) => method_not_allowed(),
            _ => return Ok(()),
        };
        Err(refusal)
    }

    /// COS documentation, questions about global acceleration: of what the double knows, HEAD, GET, PUT and POST of objects.
    fn is_accelerated(&self, method: &Method) -> bool {
        match *method {
            Method::POST => true,
            Method::GET | Method::HEAD | Method::PUT => !self.key.is_empty(),
            _ => false,
        }
    }
}

pub(super) fn method_not_allowed() -> Refusal {
    Refusal::new(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_server_knows_what_exists() {
        for known in [HOST, SERVICE_HOST, "other-1250000001.cos.ap-shanghai.myqcloud.com", "service.cos.myqcloud.com"] {
            assert!(is_cos_name(known), "{known}");
        }
        for unknown in ["examplebucket-1250000000.cos.ap-guangzou.myqcloud.com", "www.example.com", "myqcloud.com", ""]
        {
            assert!(!is_cos_name(unknown), "{unknown}");
        }
        let names = certificate_names();
        assert_eq!(names[0], format!("*.{SERVICE_HOST}"));
        assert!(names.contains(&"*.cos.ap-shanghai.myqcloud.com".to_owned()));
    }
}
