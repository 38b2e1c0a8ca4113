//! Scenarios: two things are wrong at the same time, and neither causes the other.

use super::{HEALTHY, PRIVATE, PUBLIC};
use crate::lab::scenario::{
    AccountBehaviour, AnswerBehaviour, BucketBehaviour, CertificateBehaviour, ClientKey, OtherServer, PortBehaviour,
    Scenario, Vm,
};

/// A machine in the bucket's region, and what Tencent's servers and everybody outside say of the bucket.
const VM: Option<Vm> = Some(Vm { region: "ap-guangzhou", has_public_address: true });
const OTHERS: &[OtherServer] =
    &[OtherServer { is_vpc: true, addresses: &[PRIVATE] }, OtherServer { is_vpc: false, addresses: &[PUBLIC[0]] }];

/// The rows.
pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "wrong-resolver-and-expired-token",
        summary: "a VM asks a public name server, and its temporary key has expired",
        addresses: &[PUBLIC[0]],
        others: OTHERS,
        vm: VM,
        key: ClientKey::Temporary,
        account: AccountBehaviour::ExpiredToken,
        roots: &["DNS004", "AUT005"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "dead-address-and-wrong-secret",
        summary: "one of three addresses is dead, and the secret half of the key is another one",
        addresses: &PUBLIC,
        dead: &[PUBLIC[1]],
        key: ClientKey::WrongSecret,
        roots: &["TCP007", "AUT001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "port-80-closed-and-key-denied",
        summary: "port 80 refuses connections, and the key may do nothing",
        port_80: PortBehaviour::Refuse,
        account: AccountBehaviour::Denied,
        roots: &["TCP008", "AUT003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "certificate-ended-and-no-bucket",
        summary: "the certificate ended a day ago, and there is no such bucket",
        certificate: CertificateBehaviour::Expired,
        bucket: BucketBehaviour::Missing,
        roots: &["TLS001", "BKT001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "clock-ahead-and-throttled",
        summary: "this machine's clock is 20 minutes ahead of COS's, and COS answers every request with 503 SlowDown",
        clock_offset_seconds: -20 * 60,
        answer: AnswerBehaviour::SlowDown,
        roots: &["HST004", "HTP004"],
        status: "degraded",
        ..HEALTHY
    },
];
