//! `--interface`: by which interface, or from which address, connections to the endpoints leave.

use std::io;
use std::net::IpAddr;

use clap::Args;

use crate::config::Family;
use crate::error::{Error, usage};
use crate::sys::{self, Egress};

/// The flag of everything that connects to endpoints.
#[derive(Debug, Args)]
pub(super) struct EgressArgs {
    /// Connect by this interface, such as eth0, or from this address of the machine; names are looked up as ever
    #[arg(short = 'I', long, value_name = "NAME|ADDRESS", env = "COSPROBE_INTERFACE")]
    interface: Option<String>,
}

impl EgressArgs {
    /// The choice, which the kernel allows.
    ///
    /// # Errors
    /// When there is no such interface or address, or when this user may not choose.
    pub(super) fn chosen(&self) -> Result<Egress, Error> {
        let Some(text) = &self.interface else { return Ok(Egress::default()) };
        let egress = match text.parse() {
            Ok(address) => Egress { source: Some(address), interface: None },
            Err(_) => Egress { source: None, interface: Some(text.as_str().into()) },
        };
        match egress.try_out() {
            Ok(()) => Ok(egress),
            Err(error) => usage(refusal(text, &egress, &error)),
        }
    }

    /// The address families that are left: that of a chosen address alone.
    ///
    /// # Errors
    /// When the other family is asked for.
    pub(super) fn family(&self, asked: Family) -> Result<Family, Error> {
        let Some(address) = self.interface.as_ref().and_then(|text| text.parse::<IpAddr>().ok()) else {
            return Ok(asked);
        };
        if !asked.allows(address) {
            return usage(format!("--interface {address} is not of the address family that -4 or -6 asks for"));
        }
        Ok(if address.is_ipv4() { Family::V4 } else { Family::V6 })
    }
}

/// Why the choice is not possible, and what is.
fn refusal(text: &str, egress: &Egress, error: &io::Error) -> String {
    let interfaces = sys::interfaces().unwrap_or_default();
    let there: Vec<String> = match egress.source {
        Some(_) => interfaces.iter().flat_map(|interface| &interface.addresses).map(ToString::to_string).collect(),
        None => interfaces.iter().map(|interface| interface.name.clone()).collect(),
    };
    let there = if there.is_empty() { String::new() } else { format!("; there are {}", there.join(", ")) };
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("--interface {text}: this kernel lets only root choose an interface: give an address instead")
        }
        _ if egress.source.is_some() => format!("--interface {text}: this machine has no such address{there}"),
        _ => format!("--interface {text}: this machine has no such interface{there}"),
    }
}
