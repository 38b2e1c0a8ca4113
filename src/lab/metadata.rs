//! The metadata service of a VM, as far as cosprobe asks it.
//!
//! Source: Tencent CVM documentation, "Querying Instance Metadata".

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::LOOPBACK;
use super::scenario::Vm;

/// Where its answers stand.
pub(super) const PATH: &str = "/latest/meta-data/";
/// The hardware address of the VM's card.
const MAC: &str = "52:54:00:00:00:01";

/// Starts the service on a free port. It runs as long as the set of tasks lives.
pub(super) async fn start(vm: Vm, servers: &mut JoinSet<()>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((LOOPBACK, 0)).await?;
    let address = listener.local_addr()?;
    servers.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request: Request<Incoming>| {
                std::future::ready(Ok::<_, Infallible>(answer(vm, request.uri().path())))
            });
            connections.spawn(async move {
                // A client that goes away is no fault.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(address)
}

fn answer(vm: Vm, path: &str) -> Response<Full<Bytes>> {
    let text = path.strip_prefix(PATH).and_then(|item| fact(vm, item));
    let mut response = Response::new(Full::from(text.clone().unwrap_or_default()));
    if text.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

fn fact(vm: Vm, item: &str) -> Option<String> {
    let of_interface = item.strip_prefix("network/interfaces/macs/").and_then(|rest| rest.strip_prefix(MAC));
    let text = match (item, of_interface) {
        ("placement/region", _) => vm.region.to_owned(),
        ("placement/zone", _) => format!("{}-3", vm.region),
        ("instance-id", _) => "ins-lab00001".to_owned(),
        ("local-ipv4", _) => "10.0.1.10".to_owned(),
        ("public-ipv4", _) if vm.has_public_address => "203.0.113.200".to_owned(),
        ("mac", _) => MAC.to_owned(),
        (_, Some("/vpc-id")) => "vpc-lab00001".to_owned(),
        (_, Some("/subnet-id")) => "subnet-lab00001".to_owned(),
        _ => return None,
    };
    Some(text)
}
