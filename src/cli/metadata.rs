//! Whether and where the metadata service is asked, about the machine and for the key of its role.

use clap::{Args, ValueEnum};

use super::resolver::find_server;
use crate::config::{MetadataService, When};
use crate::error::Error;
use crate::issuer::Issuer;

/// Whether and where the metadata service is asked.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Machine")]
pub(super) struct MetadataArgs {
    /// Ask the metadata service about this machine, and for the key of its role where one is wanted; auto: on Tencent machines only
    #[arg(long, value_name = "WHEN", env = "COSPROBE_METADATA", default_value = "auto")]
    metadata: WhenAsked,
    /// Address of the metadata service, instead of Tencent's
    #[arg(long, value_name = "URL", env = "COSPROBE_METADATA_URL")]
    metadata_url: Option<String>,
}

/// Whether something is asked or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum WhenAsked {
    /// Where it makes sense
    Auto,
    /// In every case
    Always,
    /// Never
    Never,
}

impl From<WhenAsked> for When {
    fn from(when: WhenAsked) -> Self {
        match when {
            WhenAsked::Auto => Self::Auto,
            WhenAsked::Always => Self::Always,
            WhenAsked::Never => Self::Never,
        }
    }
}

impl MetadataArgs {
    /// Whether it is asked.
    pub(super) fn when(&self) -> When {
        self.metadata.into()
    }

    /// Its address, when the user names one.
    pub(super) fn url(&self) -> Option<&str> {
        self.metadata_url.as_deref()
    }

    /// What tells about this machine, in clear text. A service that is given by its name is looked up.
    ///
    /// # Errors
    /// When the address is not usable.
    pub(super) fn service(&self) -> Result<MetadataService, Error> {
        let service = MetadataService { when: self.metadata.into(), ..MetadataService::default() };
        if self.metadata_url.is_none() || service.when == When::Never {
            return Ok(service);
        }
        let issuer = Issuer::new(Vec::new(), self.metadata_url.as_deref(), None)?;
        let Some((name, port, host, path)) = issuer.metadata_place() else {
            return Ok(MetadataService { when: When::Never, ..service });
        };
        let address = find_server("metadata service", name, port)?;
        Ok(MetadataService { address, host, path: path.to_owned(), ..service })
    }

    /// The flags of a user who does not want it to be asked.
    #[cfg(test)]
    pub(super) const fn never() -> Self {
        Self { metadata: WhenAsked::Never, metadata_url: None }
    }
}
