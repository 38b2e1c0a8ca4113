//! Scenarios: where the machine is, whom it asks, and what others would have answered.

use std::net::Ipv4Addr;

use super::{HEALTHY, PRIVATE, PUBLIC};
use crate::lab::scenario::{AnswerBehaviour, CertificateBehaviour, DnsBehaviour, OtherServer, Scenario, Vm};

/// A machine in the bucket's region.
const VM: Option<Vm> = Some(Vm { region: "ap-guangzhou", has_public_address: true });
/// What Tencent's servers inside the VPC say of a bucket of the region.
const VPC: OtherServer = OtherServer { is_vpc: true, addresses: &[PRIVATE] };
/// What everybody outside is told.
const PUBLIC_ANSWER: OtherServer = OtherServer { is_vpc: false, addresses: &[PUBLIC[0]] };

/// The rows.
pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "vm-private",
        summary: "a VM in the bucket's region that asks Tencent's name servers; the public answer is another",
        others: &[PUBLIC_ANSWER],
        vm: VM,
        ..HEALTHY
    },
    Scenario {
        name: "wrong-resolver",
        summary: "a VM in the bucket's region that asks a public name server and goes over the internet",
        addresses: &[PUBLIC[0]],
        others: &[VPC, PUBLIC_ANSWER],
        vm: VM,
        roots: &["DNS004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "cross-region",
        summary: "a VM in Shanghai and a bucket in Guangzhou: public by design",
        addresses: &[PUBLIC[0]],
        others: &[OtherServer { is_vpc: true, addresses: &[PUBLIC[0]] }, PUBLIC_ANSWER],
        vm: Some(Vm { region: "ap-shanghai", has_public_address: true }),
        ..HEALTHY
    },
    Scenario {
        name: "finance-zone",
        summary: "a VM in a finance zone and a bucket in a public region: they have no private network in common",
        addresses: &[PUBLIC[0]],
        others: &[PUBLIC_ANSWER],
        vm: Some(Vm { region: "ap-shenzhen-fsi", has_public_address: true }),
        ..HEALTHY
    },
    Scenario {
        name: "hosts-override",
        summary: "a VM whose hosts file sends the bucket to a public address that nobody uses any more",
        hosts_entry: Some(PUBLIC[2]),
        dead: &[PUBLIC[2]],
        others: &[VPC, PUBLIC_ANSWER],
        vm: VM,
        roots: &["HST003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "forged-answer",
        summary: "the name server leads to somebody else, another one to COS",
        addresses: &[Ipv4Addr::new(198, 51, 100, 66)],
        dns: DnsBehaviour::WithoutAlias,
        answer: AnswerBehaviour::NotCos,
        certificate: CertificateBehaviour::Untrusted,
        others: &[PUBLIC_ANSWER],
        roots: &["DNS006"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "resolvers-disagree",
        summary: "two name servers give unrelated addresses, and the one that is used works",
        addresses: &[Ipv4Addr::new(192, 0, 2, 80)],
        dns: DnsBehaviour::WithoutAlias,
        others: &[PUBLIC_ANSWER],
        ..HEALTHY
    },
];
