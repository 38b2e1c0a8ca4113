//! The vocabulary of failures and of steps not taken. Words are never renamed or reused; new ones are added.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares a fieldless enum whose words are open, with their words and meanings as a table.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $variant:ident => $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $variant,)+
            /// A word of a later version of the report.
            #[serde(rename = "unknown", other)]
            Unknown,
        }

        impl $name {
            /// Every word with its meaning, in order.
            pub const TABLE: &[(Self, &str, &str)] = &[$((Self::$variant, $word, concat!($($doc),+))),+];

            /// The word used in reports.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Unknown => "unknown",
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What kind of failure an observation ended with.
    FailureKind {
        /// The name server says that the name does not exist (rcode NXDOMAIN).
        NameNotFound => "name_not_found",
        /// The name exists and has no record of the asked type (NOERROR without data).
        NoRecords => "no_records",
        /// The name server failed (rcode SERVFAIL).
        ServerFailure => "server_failure",
        /// The name server refuses this client or this question (rcode REFUSED).
        QueryRefused => "query_refused",
        /// The name server answered with another error rcode.
        ErrorRcode => "error_rcode",
        /// No answer from the name server in time.
        QueryTimeout => "query_timeout",
        /// What came back is no answer to the question.
        MalformedAnswer => "malformed_answer",
        /// The aliases of the name lead in a circle or never end.
        CnameLoop => "cname_loop",
        /// The peer answered the SYN with RST.
        ConnectionRefused => "connection_refused",
        /// No answer to the SYN in time.
        ConnectTimeout => "connect_timeout",
        /// A router or the last hop reports that the host cannot be reached (ICMP 3/1, ICMPv6 1/3).
        HostUnreachable => "host_unreachable",
        /// A router reports that the network cannot be reached (ICMP 3/0, ICMPv6 1/0).
        NetworkUnreachable => "network_unreachable",
        /// A router reports that its rules prohibit the traffic (ICMP 3/9, 3/10, 3/13, ICMPv6 1/1, 1/5, 1/6).
        AdminProhibited => "admin_prohibited",
        /// An ICMP port unreachable came instead of a TCP answer (ICMP 3/3, ICMPv6 1/4).
        PortUnreachable => "port_unreachable",
        /// An ICMP protocol unreachable came instead of a TCP answer (ICMP 3/2).
        ProtocolUnreachable => "protocol_unreachable",
        /// Packets die on the way because their TTL runs out, as in a routing loop (ICMP 11/0, ICMPv6 3/0).
        TtlExceeded => "ttl_exceeded",
        /// The kernel of this machine has no route to the address.
        NoRoute => "no_route",
        /// The kernel of this machine forbids it: a local firewall or a prohibiting route.
        LocalReject => "local_reject",
        /// This user may not do it on this machine.
        NotPermitted => "not_permitted",
        /// No local port is free for this destination.
        NoFreePort => "no_free_port",
        /// The process may not open more files.
        TooManyFiles => "too_many_files",
        /// The machine does not speak this address family.
        FamilyUnsupported => "family_unsupported",
        /// The TLS handshake did not end in time.
        HandshakeTimeout => "handshake_timeout",
        /// The connection was reset during the TLS handshake.
        HandshakeReset => "handshake_reset",
        /// The peer closed the connection during the TLS handshake.
        HandshakeClosed => "handshake_closed",
        /// The peer ended the TLS handshake with an alert.
        HandshakeAlert => "handshake_alert",
        /// The peer offers only protocol versions older than TLS 1.2.
        TlsVersion => "tls_version",
        /// What answers is not TLS.
        NotTls => "not_tls",
        /// The TLS handshake failed in another way.
        HandshakeFailed => "handshake_failed",
        /// The answer did not come in time.
        ResponseTimeout => "response_timeout",
        /// The connection was reset before the answer was complete.
        ResponseReset => "response_reset",
        /// The peer closed the connection before the answer was complete.
        ResponseClosed => "response_closed",
        /// What came back is not HTTP.
        MalformedResponse => "malformed_response",
        /// The head of the answer is larger than cosprobe reads.
        ResponseTooLarge => "response_too_large",
        /// A file of this machine could not be read.
        Unreadable => "unreadable",
        /// The system reported an error that has no word here; the message tells.
        Other => "other",
        /// A defect in cosprobe itself.
        Internal => "internal",
    }
}

words! {
    /// Why a step was not taken.
    NotRunReason {
        /// The name has no address.
        NoAddress => "no_address",
        /// There is no name server to ask.
        NoNameServer => "no_name_server",
        /// The TCP connection failed.
        ConnectFailed => "connect_failed",
        /// The TLS handshake failed.
        HandshakeFailed => "handshake_failed",
        /// No credentials are known.
        NoCredential => "no_credential",
        /// Only anonymous requests were asked for.
        AnonymousOnly => "anonymous_only",
        /// A signature may be sent to hosts of COS only.
        NotCosHost => "not_cos_host",
        /// The certificate is not trusted, so no signature is sent.
        NotTrusted => "not_trusted",
        /// A signature over plain HTTP could be read by anyone on the path.
        ClearText => "clear_text",
        /// The name has more addresses than one run probes.
        AddressLimit => "address_limit",
        /// The address leads nowhere by its range.
        UnusableAddress => "unusable_address",
        /// An object stands where the write probe would write, and is not overwritten.
        ObjectExists => "object_exists",
        /// Whether an object stands where the write probe would write is not known, so nothing is written.
        AbsenceUnknown => "absence_unknown",
        /// Nothing shows that this is a Tencent machine, where alone it makes sense.
        NotTencentMachine => "not_tencent_machine",
        /// The user does not want it.
        NotWanted => "not_wanted",
        /// Everything else was done, and the answer was not needed.
        NotWaitedFor => "not_waited_for",
        /// The time for the whole run was used up.
        Deadline => "deadline",
        /// The user interrupted the run.
        Interrupted => "interrupted",
    }
}

words! {
    /// What a request was sent for.
    Purpose {
        /// To see what the endpoint answers.
        Probe => "probe",
        /// To read, in the body that only a GET gets, why a HEAD was refused.
        Reason => "reason",
        /// To find out why a signature is refused, by signing in another way.
        Hypothesis => "hypothesis",
        /// To see that nothing stands where the write probe would write.
        CanaryLook => "canary_look",
        /// To write the object of the write probe.
        CanaryWrite => "canary_write",
        /// To read that object back.
        CanaryRead => "canary_read",
        /// To delete that object.
        CanaryDelete => "canary_delete",
    }
}

words! {
    /// What a signature doctor does otherwise, one thing at a time, to find out why a signature is refused.
    Hypothesis {
        /// Sign with COS's time instead of this machine's.
        ClockCorrected => "clock_corrected",
        /// Leave quotes, commas, semicolons and written-out line ends at the ends of the key away.
        KeyTrimmed => "key_trimmed",
        /// Undo a percent-encoding of the key.
        KeyDecoded => "key_decoded",
        /// Leave the token away.
        WithoutToken => "without_token",
        /// Do not sign the Host header.
        HostUnsigned => "host_unsigned",
        /// Sign the Host header with its port.
        HostWithPort => "host_with_port",
        /// Sign the percent-encoded path.
        PathEncoded => "path_encoded",
        /// Sign every header that is sent.
        EverythingSigned => "everything_signed",
    }
}

impl Default for Purpose {
    /// What every request was sent for before there were other purposes.
    fn default() -> Self {
        Self::Probe
    }
}

impl FailureKind {
    /// The word as people write it.
    pub fn phrase(self) -> String {
        self.as_str().replace('_', " ")
    }

    /// Whether a router, or this machine's neighbourhood, reported that the destination cannot be reached.
    pub const fn is_unreachable(self) -> bool {
        matches!(self, Self::HostUnreachable | Self::NetworkUnreachable | Self::ProtocolUnreachable | Self::TtlExceeded)
    }

    /// Whether this machine's own kernel refused before anything was sent.
    pub const fn is_local(self) -> bool {
        matches!(
            self,
            Self::NoRoute
                | Self::LocalReject
                | Self::NotPermitted
                | Self::NoFreePort
                | Self::TooManyFiles
                | Self::FamilyUnsupported
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_serde_writes_and_are_unique() {
        for (kind, word, meaning) in FailureKind::TABLE {
            assert_eq!(serde_json::to_value(kind).unwrap(), *word);
            assert_eq!(FailureKind::TABLE.iter().filter(|row| row.1 == *word).count(), 1, "{word}");
            assert!(meaning.trim().ends_with('.'));
        }
        for (reason, word, _) in NotRunReason::TABLE {
            assert_eq!(serde_json::to_value(reason).unwrap(), *word);
        }
        for (purpose, word, _) in Purpose::TABLE {
            assert_eq!(serde_json::to_value(purpose).unwrap(), *word);
        }
        for (hypothesis, word, _) in Hypothesis::TABLE {
            assert_eq!(serde_json::to_value(hypothesis).unwrap(), *word);
        }
        assert_eq!(serde_json::from_str::<FailureKind>("\"of-the-future\"").unwrap(), FailureKind::Unknown);
    }
}
