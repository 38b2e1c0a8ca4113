//! TLS handshakes and HTTP answers as metrics.

use super::{Of, seconds, seconds_since_epoch};
use crate::evidence::{Authentication, Http, Observation, Purpose, Stage};
use crate::exposition::Family;
use crate::target::Protocol;

impl<'a> Of<'a> {
    pub(super) fn exchanges(&self, families: &mut Vec<Family>) {
        let anonymous = self.answer(Authentication::Anonymous);
        let signed = self.answer(Authentication::Signed);
        if let Some((observation, http)) = anonymous.or(signed) {
            families.extend([
                self.phases(observation, http),
                self.one_known("probe_http_status_code", "Status of the answer", http.status.map(f64::from)),
                self.one_known(
                    "probe_http_content_length",
                    "Length of the content as the answer tells it",
                    http.header("content-length").and_then(|length| length.parse().ok()),
                ),
                self.one(
                    "probe_http_ssl",
                    "Whether it was asked over TLS",
                    f64::from(http.protocol == Protocol::Https),
                ),
            ]);
        }
        families.push(self.one_known(
            "cosprobe_signed_status_code",
            "Status of the answer to the signed request",
            signed.and_then(|(_, http)| http.status).map(f64::from),
        ));
        self.certificates(families);
    }

    /// The first answer to a usual request, over TLS where there is one; else the first such request.
    fn answer(&self, authentication: Authentication) -> Option<(&'a Observation, &'a Http)> {
        let all = || {
            let requests = self.observations(Stage::HttpRoundTrip).filter_map(|o| Some((o, o.detail.http()?)));
            requests.filter(move |(_, http)| http.authentication == authentication && http.purpose == Purpose::Probe)
        };
        let over = |protocol| all().find(move |(_, http)| http.protocol == protocol && http.status.is_some());
        over(Protocol::Https).or_else(|| over(Protocol::Http)).or_else(|| all().next())
    }

    /// The phases of a request, of which each is there if it was gone through.
    fn phases(&self, observation: &Observation, http: &Http) -> Family {
        let mut family = Family::gauge("probe_http_duration_seconds", "How long each phase of the request took");
        let parent = |o: &Observation| self.report.evidence.iter().find(|other| Some(other.id) == o.parent);
        let (mut connect, mut tls, mut up) = (None, None, parent(observation));
        while let Some(before) = up {
            match before.stage {
                Stage::Connect => connect = before.detail.tcp().and_then(|tcp| tcp.samples.first()?.elapsed_us),
                Stage::TlsHandshake => tls = before.elapsed_us,
                _ => {}
            }
            // Observations build on earlier ones only; a report that says otherwise ends here.
            up = parent(before).filter(|next| next.id < before.id);
        }
        let resolve =
            self.observations(Stage::Resolve).find(|o| o.outcome.is_success()).and_then(Observation::result_us);
        let transfer = http.total_us.zip(http.first_byte_us).map(|(total, first)| total.saturating_sub(first));
        let phases = [
            ("resolve", resolve),
            ("connect", connect),
            ("tls", tls),
            ("processing", http.first_byte_us),
            ("transfer", transfer),
        ];
        for (phase, us) in phases {
            family.add_known(&self.with([("phase", phase.to_owned())]), us.map(seconds));
        }
        family
    }

    fn certificates(&self, families: &mut Vec<Family>) {
        let handshakes = || self.observations(Stage::TlsHandshake).filter_map(|o| o.detail.tls());
        let ends = handshakes().flat_map(|tls| tls.chain.iter().filter_map(|certificate| certificate.not_after));
        families.push(self.one_known(
            "probe_ssl_earliest_cert_expiry",
            "When the first of the certificates that were sent ends, in Unix time",
            ends.min().map(seconds_since_epoch),
        ));
        let mut version = Family::gauge("probe_tls_version_info", "The TLS version that was agreed on");
        let mut cipher = Family::gauge("probe_tls_cipher_info", "The cipher suite that was agreed on");
        if let Some(tls) = handshakes().find(|tls| tls.version.is_some()) {
            for (family, name, value) in [(&mut version, "version", &tls.version), (&mut cipher, "cipher", &tls.cipher)]
            {
                family.add_known(&self.with([(name, value.clone().unwrap_or_default())]), value.as_ref().map(|_| 1.0));
            }
        }
        families.extend([version, cipher]);
    }
}
