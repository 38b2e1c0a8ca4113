//! Certificates: one CA, and the leaf that the scenario needs.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::cannot_start;
use super::hosts::certificate_names;
use super::scenario::CertificateBehaviour;
use crate::error::Error;

/// What the lab needs of certificates.
pub(super) struct Pki {
    /// The CA that clients are told to trust.
    pub ca_pem: String,
    /// What port 443 speaks with.
    pub server: Arc<ServerConfig>,
}

/// Makes the CA and a leaf with what is wrong with it.
pub(super) fn make(behaviour: CertificateBehaviour) -> Result<Pki, Error> {
    let (ca_pem, leaf, key) = certificates(behaviour).map_err(cannot_start)?;
    let server = server_config(leaf, key).map_err(cannot_start)?;
    Ok(Pki { ca_pem, server: Arc::new(server) })
}

fn certificates(
    behaviour: CertificateBehaviour,
) -> Result<(String, CertificateDer<'static>, PrivateKeyDer<'static>), rcgen::Error> {
    let (ca, trusted) = authority("cosprobe lab CA")?;
    let other_names = vec!["cdn.example.net".to_owned()];
    let portal_names = vec!["portal.example.net".to_owned()];
    let (names, days) = match behaviour {
        CertificateBehaviour::Good | CertificateBehaviour::Untrusted => (certificate_names(), (-30, 90)),
        CertificateBehaviour::Expired => (certificate_names(), (-90, -1)),
        CertificateBehaviour::NotYetValid => (certificate_names(), (2, 90)),
        CertificateBehaviour::EndsSoon => (certificate_names(), (-85, 5)),
        CertificateBehaviour::WrongName => (other_names, (-30, 90)),
        CertificateBehaviour::Portal => (portal_names, (-30, 90)),
    };
    let issuer = match behaviour {
        CertificateBehaviour::Untrusted => authority("Example Inspecting Gateway CA")?.1,
        CertificateBehaviour::Portal => authority("Example Portal CA")?.1,
        _ => trusted,
    };
    let key = KeyPair::generate()?;
    let mut leaf = params(names.first().map_or("", String::as_str), days);
    leaf.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&key, &issuer)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((ca.pem(), leaf.into(), key.into()))
}

fn authority(name: &str) -> Result<(rcgen::Certificate, Issuer<'static, KeyPair>), rcgen::Error> {
    let mut params = params(name, (-365, 365));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate, Issuer::new(params, key)))
}

/// A certificate's name and its validity in days from now.
fn params(name: &str, (first, last): (i64, i64)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    // Whole days, so that a leaf is far from its bounds at any time of the day.
    for (bound, days) in [(&mut params.not_before, first), (&mut params.not_after, last)] {
        let date = (Timestamp::now() + SignedDuration::from_hours(24 * days)).to_zoned_datetime(TimeZone::UTC).date();
        *bound = date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs());
    }
    params
}

fn server_config(leaf: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
