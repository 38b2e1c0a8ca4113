//! Round trips as dots: one for each connect, on one scale for all addresses of an endpoint.

use maud::{Markup, html};

use super::super::labels;
use super::super::table::latency;
use crate::diagnose::{AddressView, PortView, milliseconds};
use crate::evidence::{Evidence, Sample};
use crate::text::Language;

/// From this ratio of the longest to the shortest time on, the scale is logarithmic.
const WIDE: u64 = 10;

/// Where a time stands between two others.
struct Scale {
    least: u64,
    most: u64,
    is_logarithmic: bool,
}

/// The dots of an endpoint; nothing where no connect has a time.
pub(super) fn show(views: &[&AddressView], evidence: &Evidence, language: Language) -> Markup {
    let ports = views.iter().flat_map(|view| view.ports.iter().map(move |port| (view.ip, port)));
    let rows: Vec<_> = ports
        .map(|(ip, port)| (std::net::SocketAddr::new(ip, port.port), port, times(port, evidence)))
        .filter(|(.., times)| !times.is_empty())
        .collect();
    let Some(scale) = Scale::of(rows.iter().flat_map(|(.., times)| times.iter().copied())) else { return html! {} };
    html! {
        h3 { (labels::LATENCY.say(language)) }
        div.chart {
            @for (peer, port, times) in &rows {
                div.row {
                    div.peer { (peer) }
                    div.bars {
                        svg width="100%" height="16" aria-hidden="true" {
                            line.axis x1="0" x2="100%" y1="8" y2="8" {}
                            @for us in times { circle.dot cx=(scale.place(*us)) cy="8" r="4" {} }
                        }
                        p { (latency(port.kernel_rtt_us, port.connect_us, port.with_syn_retransmits).say(language)) }
                    }
                }
            }
        }
        p.remark {
            (labels::LATENCY_HELP.say(language)) " "
            (labels::scale(&milliseconds(scale.least), &milliseconds(scale.most), scale.is_logarithmic).say(language))
        }
    }
}

/// The time of each connect that has one and lost no SYN.
fn times(port: &PortView, evidence: &Evidence) -> Vec<u64> {
    let tcp = evidence.get(port.observation).and_then(|observation| observation.detail.tcp());
    let time = |sample: &Sample| sample.kernel_rtt_us.map(u64::from).or(sample.elapsed_us);
    let samples = tcp.map(|tcp| tcp.samples.as_slice()).unwrap_or_default().iter();
    samples.filter(|sample| sample.outcome.is_success() && !sample.lost_syn()).filter_map(time).collect()
}

impl Scale {
    fn of(times: impl Iterator<Item = u64> + Clone) -> Option<Self> {
        let (least, most) = (times.clone().min()?.max(1), times.max()?.max(1));
        let is_logarithmic = most / least >= WIDE;
        Some(Self { least: if is_logarithmic { least } else { 0 }, most, is_logarithmic })
    }

    /// The place on the line, with room for a dot at both ends.
    #[expect(clippy::cast_precision_loss, reason = "a time that loses precision here is longer than 285 years")]
    fn place(&self, us: u64) -> String {
        let (us, least, most) = (us.max(self.least) as f64, self.least as f64, self.most as f64);
        let share = if self.is_logarithmic { (us / least).ln() / (most / least).ln() } else { us / most };
        format!("{:.2}%", 1.0 + share * 98.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_place() {
        let place = |times: &[u64], us| Scale::of(times.iter().copied()).unwrap().place(us);
        assert_eq!(place(&[50, 100], 50), "50.00%");
        assert_eq!(place(&[50, 100], 100), "99.00%");
        assert_eq!([place(&[10, 1000], 10), place(&[10, 1000], 100)], ["1.00%", "50.00%"]);
        assert_eq!(place(&[0], 0), "1.00%");
        assert!(Scale::of(std::iter::empty()).is_none());
    }
}
