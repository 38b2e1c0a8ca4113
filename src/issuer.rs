//! Obtains temporary keys over the network: from the metadata service of a Tencent machine, and from STS.
//!
//! Nothing here decides which key is used; `cli` asks for what [`crate::credential`] says can be obtained. An answer is read
//! up to a bound, within a time limit, and never followed elsewhere. To add a way, add a file beside `metadata.rs` and `sts.rs`.

mod http;
mod metadata;
mod policy;
mod sts;

use rustls::pki_types::CertificateDer;

use crate::credential::{Credential, Grant};
use crate::error::Error;

use http::{Client, Url};

pub use policy::policy_for;
pub use sts::{Request, RequestKind};

/// Tencent CVM documentation, "Querying Instance Metadata".
const METADATA_URL: &str = "http://metadata.tencentyun.com/latest/meta-data/";
/// Tencent Cloud API documentation, STS, version 2018-08-13.
const STS_URL: &str = "https://sts.tencentcloudapi.com/";

/// Where temporary keys are asked for.
#[derive(Debug)]
pub struct Issuer {
    metadata: Url,
    sts: Url,
    client: Client,
}

impl Issuer {
    /// Prepares to ask. `roots` are trusted beside the system's; the addresses replace Tencent's own.
    ///
    /// # Errors
    /// When an address is not usable. Clear text is spoken to loopback and to the metadata service only.
    pub fn new(
        roots: Vec<CertificateDer<'static>>,
        metadata_url: Option<&str>,
        sts_url: Option<&str>,
    ) -> Result<Self, Error> {
        let metadata = Url::read("--metadata-url", metadata_url.unwrap_or(METADATA_URL))?;
        let sts = Url::read("--sts-url", sts_url.unwrap_or(STS_URL))?;
        sts.refuse_clear_text()?;
        Ok(Self { metadata, sts, client: Client::new(roots) })
    }

    /// Host, port, value of the Host header and path of the metadata service, when it is asked in clear text.
    pub fn metadata_place(&self) -> Option<(&str, u16, String, &str)> {
        let (host, port, path) = self.metadata.clear_text_place()?;
        Some((host, port, self.metadata.host_header(), path))
    }

    /// Obtains what a source of keys holds out; `None` when the machine has no role.
    ///
    /// # Errors
    /// [`Error::Refused`] when the answer is a refusal, [`Error::Unreachable`] when there is no usable answer.
    pub async fn obtain(&self, grant: &Grant) -> Result<Option<Credential>, Error> {
        match grant {
            Grant::Role { name } => metadata::role_key(&self.client, &self.metadata, name.as_deref()).await,
            Grant::WebIdentity(identity) => {
                let request = Request::of(RequestKind::WebIdentity(identity.clone()));
                self.temporary_key(&request, None).await.map(Some)
            }
        }
    }

    /// Asks STS for a temporary key. `with` is the key that signs the question; web identity needs none.
    ///
    /// # Errors
    /// As [`Issuer::obtain`], and [`Error::Usage`] when there is no key to sign with.
    pub async fn temporary_key(&self, request: &Request, with: Option<&Credential>) -> Result<Credential, Error> {
        sts::ask(&self.client, &self.sts, request, with).await
    }
}
