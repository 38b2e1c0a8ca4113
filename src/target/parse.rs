//! Reading a target as people type it: bucket, cos:// address, host, URL, region or IP address.

use std::net::{IpAddr, Ipv6Addr};

use percent_encoding::percent_decode_str;

use super::host::{HostForm, HostProblem, region_problem};
use super::{EndpointRole, Protocol, Service, Target, check_bucket};
use crate::error::{Error, usage};
use crate::region;

/// What fills the gaps of a target: flags, environment, files.
#[derive(Debug, Clone)]
pub struct TargetDefaults {
    /// `--region`, an identifier or an alias.
    pub region: Option<String>,
    /// `--endpoint`: the role to build for a bucket.
    pub role: Option<EndpointRole>,
    /// `--suffix`.
    pub suffix: String,
    /// `--port`: the ports to probe when the target names none.
    pub ports: Vec<u16>,
}

impl Default for TargetDefaults {
    fn default() -> Self {
        Self { region: None, role: None, suffix: "myqcloud.com".to_owned(), ports: vec![80, 443] }
    }
}

/// A target cut into its parts, before their meaning is known.
#[derive(Debug, Default)]
struct Parts<'a> {
    scheme: Option<&'a str>,
    name: &'a str,
    port: Option<u16>,
    key: &'a str,
}

impl Target {
    /// Reads a target in any of the forms of `docs/reference/cli.md`.
    ///
    /// # Errors
    /// [`Error::Usage`] that says what is wrong and how it should look.
    pub fn parse(input: &str, defaults: &TargetDefaults) -> Result<Self, Error> {
        let text = input.trim();
        if text.is_empty() {
            return usage("the target is empty: give a bucket such as examplebucket-1250000000, a host or a URL");
        }
        let parts = split(text)?;
        let bucket_scheme = parts.scheme == Some("cos");
        let mut target = if let Ok(address) = parts.name.trim_matches(['[', ']']).parse::<IpAddr>() {
            address_target(address)
        } else if bucket_scheme || looks_like_bucket(parts.name) {
            bucket_target(parts.name, defaults)?
        } else if !parts.name.contains('.') && region::has_region_shape(region::expand_alias(parts.name)) {
            service_target(region::expand_alias(parts.name), defaults)
        } else {
            host_target(&parts, defaults)?
        };
        // A pre-signed URL carries a signature, which is not for reports.
        text.split(['?', '#']).next().unwrap_or_default().clone_into(&mut target.input);
        // A bucket that was given by name is not in the key; in a path-style URL it is.
        let prefix = target.bucket.clone().filter(|_| target.role == EndpointRole::Path && !names_path_style(&parts));
        target.path = request_path(prefix.as_deref(), parts.key)?;
        target.services = services(&parts, bucket_scheme, defaults)?;
        Ok(target)
    }
}

/// Cuts `scheme://name:port/key`. The key is still encoded; query and fragment are left out.
fn split(text: &str) -> Result<Parts<'_>, Error> {
    if let Ok(IpAddr::V6(_)) = text.parse::<IpAddr>() {
        return Ok(Parts { name: text, ..Parts::default() });
    }
    // What is quoted in a message must not hold a signature or a password.
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => match ["http", "https", "cos"].into_iter().find(|s| s.eq_ignore_ascii_case(scheme)) {
            Some(scheme) => (Some(scheme), rest),
            None => {
                return usage(format!(
                    "cannot probe a target with the scheme '{scheme}': it should be http, https or cos"
                ));
            }
        },
        None => (None, text),
    };
    let (authority, key) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if authority.contains('@') {
        return usage(
            "a target cannot carry a user name or password; keys come from the sources that `cosprobe credentials` lists",
        );
    }
    let (name, port) = split_port(authority)?;
    if name.is_empty() {
        return usage(format!("cannot probe '{text}': there is no host in it"));
    }
    Ok(Parts { scheme, name, port, key })
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), Error> {
    let end_of_name = authority.rfind(']').map_or(0, |at| at + 1);
    if authority.starts_with('[')
        && authority[1..].trim_end_matches(|c| c != ']').trim_end_matches(']').parse::<Ipv6Addr>().is_err()
    {
        return usage(format!(
            "'{authority}' is not an IPv6 address in brackets: it should look like [2001:db8::1]:443"
        ));
    }
    match authority[end_of_name..].rfind(':') {
        None => Ok((authority, None)),
        Some(at) => {
            let (name, port) = authority.split_at(end_of_name + at);
            match port[1..].parse::<u16>() {
                Ok(number) if number > 0 => Ok((name, Some(number))),
                _ => usage(format!("'{}' is not a port: it should be a number from 1 to 65535", &port[1..])),
            }
        }
    }
}

/// `<anything>-<at least five digits>` without a dot; `ap-beijing-1` is a region.
fn looks_like_bucket(name: &str) -> bool {
    !name.contains('.')
        && name.rsplit_once('-').is_some_and(|(_, appid)| appid.len() >= 5 && appid.bytes().all(|b| b.is_ascii_digit()))
}

fn address_target(address: IpAddr) -> Target {
    empty_target(address.to_string(), EndpointRole::Address)
}

fn empty_target(host: String, role: EndpointRole) -> Target {
    Target { input: String::new(), host, role, bucket: None, region: None, path: "/".to_owned(), services: Vec::new() }
}

fn service_target(region: &str, defaults: &TargetDefaults) -> Target {
    Target {
        region: Some(region.to_owned()),
        ..empty_target(format!("cos.{region}.{}", defaults.suffix), EndpointRole::Service)
    }
}

fn bucket_target(bucket: &str, defaults: &TargetDefaults) -> Result<Target, Error> {
    check_bucket(bucket).map_err(Error::Usage)?;
    let role = defaults.role.unwrap_or_default();
    let needs_region = !matches!(role, EndpointRole::Accelerate | EndpointRole::AccelerateInternal);
    let region = default_region(defaults)?;
    if needs_region && region.is_none() {
        return usage(format!(
            "the region of bucket {bucket} is not known: add --region, such as --region ap-guangzhou, or give the whole host name"
        ));
    }
    let host =
        HostForm::build(role, bucket, region.as_deref().unwrap_or_default(), &defaults.suffix).map_err(Error::Usage)?;
    Ok(Target { bucket: Some(bucket.to_owned()), region, ..empty_target(host, role) })
}

fn default_region(defaults: &TargetDefaults) -> Result<Option<String>, Error> {
    let Some(text) = &defaults.region else { return Ok(None) };
    let id = region::expand_alias(text);
    if region::has_region_shape(id) { Ok(Some(id.to_owned())) } else { usage(region_problem(text)) }
}

fn host_target(parts: &Parts<'_>, defaults: &TargetDefaults) -> Result<Target, Error> {
    let host = ascii_host(parts.name)?;
    if !host.contains('.') && host != "localhost" && parts.scheme.is_none() && parts.port.is_none() {
        return usage(format!("cannot probe '{host}': {}", explain_word(&host)));
    }
    let form = HostForm::read(&host).map_err(|HostProblem(problem)| Error::Usage(format!("{host}: {problem}")))?;
    let Some(form) = form else {
        if let Some(near) = near_suffix(&host) {
            return usage(format!("{host} is not a name that COS documents: did you mean a host under {near}?"));
        }
        return Ok(empty_target(host, EndpointRole::Custom));
    };
    if let (Some(role), Some(bucket)) = (defaults.role, &form.bucket) {
        let region = match &form.region {
            Some(region) => Some(region.clone()),
            None => default_region(defaults)?,
        };
        let built = TargetDefaults { region, ..defaults.clone() };
        debug_assert!(built.role == Some(role));
        return bucket_target(bucket, &built);
    }
    let region = form.region.map(|region| region::expand_alias(&region).to_owned());
    let target = Target { bucket: form.bucket, region, ..empty_target(host, form.role) };
    Ok(path_style(target, parts.key))
}

/// A service host with `/<bucket-appid>/…` behind it is the path-style form.
fn path_style(target: Target, key: &str) -> Target {
    let first = key.trim_start_matches('/').split('/').next().unwrap_or_default();
    if target.role == EndpointRole::Service
        && target.region.is_some()
        && looks_like_bucket(first)
        && check_bucket(first).is_ok()
    {
        Target { role: EndpointRole::Path, bucket: Some(first.to_owned()), ..target }
    } else {
        target
    }
}

fn ascii_host(name: &str) -> Result<String, Error> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let ascii = match idna::domain_to_ascii(name) {
        Ok(ascii) if !ascii.is_empty() => ascii,
        _ => return usage(format!("'{name}' is not a host name")),
    };
    let label_is_good = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if ascii.len() > 253 || !ascii.split('.').all(label_is_good) {
        return usage(format!("'{name}' is not a host name: labels have 1 to 63 letters, digits or dashes"));
    }
    Ok(ascii.to_ascii_lowercase())
}

fn explain_word(word: &str) -> String {
    if let Err(problem) = check_bucket(word)
        && region::near(word).is_empty()
    {
        return problem;
    }
    region_problem(word)
}

/// A host that only just misses a COS suffix is a typing mistake.
fn near_suffix(host: &str) -> Option<&'static str> {
    if !host.split('.').any(|label| label == "cos" || label.starts_with("cos-")) {
        return None;
    }
    let labels: Vec<&str> = host.rsplitn(3, '.').collect();
    let tail = format!("{}.{}", labels.get(1)?, labels.first()?);
    super::COS_SUFFIXES.iter().find(|suffix| strsim::damerau_levenshtein(&tail, suffix) <= 2).copied()
}

/// Whether a target is a service host with the bucket behind it.
fn names_path_style(parts: &Parts<'_>) -> bool {
    parts.scheme != Some("cos")
        && parts.name.contains('.')
        && HostForm::read(parts.name).is_ok_and(|form| form.is_some_and(|form| form.role == EndpointRole::Service))
}

/// The decoded path of the requests, with the bucket before the key where there is a `prefix`.
fn request_path(prefix: Option<&str>, key: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(key)
        .decode_utf8()
        .map_err(|_| Error::Usage("the object key in the target is not UTF-8 after decoding".to_owned()))?;
    if decoded.chars().any(char::is_control) {
        return usage("the object key in the target contains a control character");
    }
    let path = if decoded.is_empty() { "/".to_owned() } else { decoded.into_owned() };
    Ok(prefix.map_or_else(|| path.clone(), |bucket| format!("/{bucket}{path}")))
}

fn services(parts: &Parts<'_>, bucket_scheme: bool, defaults: &TargetDefaults) -> Result<Vec<Service>, Error> {
    match (parts.port, parts.scheme) {
        (Some(_), _) if bucket_scheme => usage("a cos:// target names a bucket and has no port"),
        (Some(port), Some("http")) => Ok(vec![Service { port, protocol: Protocol::Http }]),
        (Some(port), Some("https")) => Ok(vec![Service { port, protocol: Protocol::Https }]),
        (Some(port), _) => Ok(vec![Service::customary(port)]),
        (None, scheme) => {
            let mut services: Vec<Service> = Vec::new();
            for &port in &defaults.ports {
                let service = match (Service::customary(port), scheme) {
                    (Service { protocol: Protocol::Tcp, port }, Some("http")) => {
                        Service { port, protocol: Protocol::Http }
                    }
                    (Service { protocol: Protocol::Tcp, port }, Some("https")) => {
                        Service { port, protocol: Protocol::Https }
                    }
                    (service, _) => service,
                };
                if !services.contains(&service) {
                    services.push(service);
                }
            }
            Ok(services)
        }
    }
}

#[cfg(test)]
mod tests;
