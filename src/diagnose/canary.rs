//! Findings about the write probe: what could not be written, read back as it was, or deleted again.

use super::auth::{reasons, said};
use super::codes::{BKT008, BKT009, BKT010, HTP001, HTP003, HTP004};
use super::http::with_id;
use super::{Confidence, Finding, Severity};
use crate::config::Policy;
use crate::evidence::{Evidence, Http, NotRunReason, Observation, Outcome, Purpose, Stage, shell_word};
use crate::target::Target;
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, _policy: &Policy) -> Vec<Finding> {
    evidence.targets.iter().filter_map(|target| Probe::read(evidence, target)).flat_map(|p| p.findings()).collect()
}

type Exchange<'a> = (&'a Observation, &'a Http);

/// The steps of one write probe, as far as they were planned.
struct Probe<'a> {
    target: &'a Target,
    look: Exchange<'a>,
    write: Exchange<'a>,
    read: Option<Exchange<'a>>,
    delete: Option<Exchange<'a>>,
}

impl<'a> Probe<'a> {
    fn read(evidence: &'a Evidence, target: &'a Target) -> Option<Self> {
        let of = |purpose: Purpose| {
            let mut exchanges = evidence.of_endpoint(Stage::HttpRoundTrip, &target.host);
            exchanges.find_map(|o| o.detail.http().filter(|http| http.purpose == purpose).map(|http| (o, http)))
        };
        Some(Self {
            target,
            look: of(Purpose::CanaryLook)?,
            write: of(Purpose::CanaryWrite)?,
            read: of(Purpose::CanaryRead),
            delete: of(Purpose::CanaryDelete),
        })
    }

    fn findings(&self) -> Vec<Finding> {
        let found =
            [self.not_written(), self.refused(), self.intercepted(), self.unread(), self.altered(), self.left_behind()];
        found.into_iter().flatten().collect()
    }

    fn object(&self) -> String {
        format!("{}{}", self.target.host, self.look.1.path)
    }

    /// Nothing was written, to be on the safe side.
    fn not_written(&self) -> Option<Finding> {
        let Outcome::NotRun { because } = self.write.0.outcome else { return None };
        let (why, advice) = match because {
            NotRunReason::ObjectExists if self.look.1.is_absent() => (
                text!("an object was deleted there, and versions of it may be kept, one of which a write may replace"),
                text!("you: give the write probe a key that no object has or had"),
            ),
            NotRunReason::ObjectExists => (
                text!("an object is there already, and is not overwritten"),
                text!("you: give the write probe a key that no object has"),
            ),
            NotRunReason::AbsenceUnknown => (
                text!("COS did not say that nothing is there, so an object could be overwritten"),
                text!(
                    "bucket's owner: grant the key name/cos:HeadObject on this key, and the right to list: without it COS may say 403 for an object that does not exist"
                ),
            ),
            _ => return None,
        };
        let status = self.look.1.status.map_or_else(Text::empty, |status| text!(" (HEAD: {status})", status));
        let summary =
            text!("the write probe wrote nothing to {object}{status}: {why}", object = self.object(), status, why);
        let finding = Finding::new(&BKT009, &self.target.host, self.look.0.id, summary);
        Some(finding.citing([self.write.0.id]).help(advice))
    }

    /// COS refuses the write.
    fn refused(&self) -> Option<Finding> {
        let (_, http) = self.write;
        let status = http.status.filter(|status| *status >= 300 && http.is_from_cos())?;
        let right = if http.method == "POST" { "name/cos:PostObject" } else { "name/cos:PutObject" };
        Some(self.refusal(
            self.write,
            status,
            text!("writing {object} by {method}", object = self.object(), method = &http.method),
            right,
        ))
    }

    /// What COS says that it wrote cannot be read back.
    fn unread(&self) -> Option<Finding> {
        let read = self.read.filter(|(_, read)| self.write.1.is_done() && read.is_from_cos())?;
        let status = read.1.status.filter(|status| *status >= 400)?;
        if status == 404 {
            let summary = text!(
                "COS says that it wrote {object}, and that nothing is there to be read back",
                object = self.object()
            );
            let finding = Finding::new(&BKT010, &self.target.host, read.0.id, summary).citing([self.write.0.id]);
            return Some(finding.confidence(Confidence::Medium).help(text!("bucket's owner: somebody else deleted the object at the same time, or a rule of the bucket moves it away")));
        }
        Some(self.refusal(read, status, text!("reading {object} back", object = self.object()), "name/cos:GetObject"))
    }

    /// A step that COS refuses.
    fn refusal(&self, (observation, http): Exchange<'_>, status: u16, doing: Text, right: &str) -> Finding {
        let row = match (&http.error, status) {
            (Some(error), _) if error.says("FileAlreadyExists") => &BKT009,
            (Some(error), 503) if error.code == "SlowDown" => &HTP004,
            (_, 500..) => &HTP003,
            (Some(error), _) => reasons::row_of(error),
            (None, _) => reasons::row_of(&crate::evidence::CosError::default()),
        };
        let said = said(status, http.error.as_ref());
        let summary = text!("{doing} is refused: {said}{id}", doing, said, id = with_id(http));
        let finding = Finding::new(row, &self.target.host, observation.id, summary).citing([self.look.0.id]);
        match row.code {
            "AUT003" => {
                let grant = text!("bucket's owner: grant the key {right} on this key, in CAM or by bucket policy", right);
                finding.help(grant).help(reasons::DIAGNOSE)
            }
            "AUT001" => finding.confidence(Confidence::Medium).help(reasons::DIAGNOSE),
            "BKT009" => finding.help(text!("you: an object has come there since the write probe looked, and was not overwritten: give it a key that nothing else writes")),
            _ => reasons::help(row, finding, self.target),
        }
    }

    /// What is read back is not what was written.
    fn altered(&self) -> Option<Finding> {
        let (observation, _) = self.read.filter(|(_, http)| http.body_matches == Some(false))?;
        let finding = |and: Text| {
            let summary =
                text!("what is read back from {object} is not what was written{and}", object = self.object(), and);
            Finding::new(&BKT010, &self.target.host, observation.id, summary).citing([self.write.0.id])
        };
        Some(if self.is_anothers() {
            // Citing the look makes what was not deleted a symptom: all of it follows from there.
            finding(text!(", and was not deleted"))
                .citing([self.look.0.id])
                .confidence(Confidence::Medium)
                .help(text!("bucket's owner: somebody else wrote this object at the same time, or a rule of the bucket changes what is written; see whose object it is before you delete it"))
        } else {
            finding(Text::empty())
                .help(text!(
                    "network team: a proxy on the way changes what passes through it; compare with another network"
                ))
                .help(text!("bucket's owner: processing rules of the bucket may change what is read"))
        })
    }

    /// Whether what was read was taken for somebody else's object, and left alone.
    fn is_anothers(&self) -> bool {
        self.delete.is_none() && self.read.is_some_and(|(_, http)| http.body_matches == Some(false))
    }

    /// The object is still there, or may be.
    fn left_behind(&self) -> Option<Finding> {
        let (written, in_doubt) = (self.write.1.is_done(), self.write.1.is_in_doubt());
        let deleted = self.delete.is_some_and(|(_, http)| http.is_done() || http.is_absent());
        let read_absent = self.read.is_some_and(|(_, http)| http.is_absent());
        let may_arrive = in_doubt && !self.write_has_ended();
        if deleted || (read_absent && !may_arrive) || !(written || in_doubt) {
            return None;
        }
        let why = match (self.delete, self.write.1.status) {
            (Some((_, http)), _) => undeleted(http),
            (None, _) if self.is_anothers() => text!("what is there now is not what was written"),
            (None, _) if read_absent => {
                text!(
                    "no answer of COS to the write came, and nothing was there a moment later, but the write may still arrive"
                )
            }
            (None, Some(status)) => text!("the answer {status} to the write does not tell whether it is there", status),
            (None, None) => text!("the write was not answered, so it is not known whether it is there"),
        };
        let is = match (self.is_anothers(), written) {
            (true, _) => text!("was not deleted"),
            (false, true) => text!("IS STILL THERE"),
            (false, false) => text!("MAY STILL BE THERE"),
        };
        let summary = text!("the object of the write probe {is}: {object}: {why}", is, object = self.object(), why);
        let ids = [Some(self.look), self.read, self.delete].into_iter().flatten().map(|(o, _)| o.id);
        let finding = Finding::new(&BKT008, &self.target.host, self.write.0.id, summary)
            .citing(ids)
            .severity(if read_absent { Severity::Warning } else { Severity::Error })
            .confidence(Confidence::high_if(written));
        // Nobody is advised to delete what may be somebody else's.
        if self.is_anothers() {
            return Some(finding.help(text!("you: see whose object it is, and keep it if it is not yours")));
        }
        let object = shell_word(&format!("cos://{}/{}", self.bucket(), self.key()));
        Some(finding.help(text!("you: delete it: `coscli rm {object}`", object)).help(text!(
            "bucket's owner: grant the key name/cos:DeleteObject on this key, or delete the object in the console"
        )))
    }

    /// Whether the write has come to its end, so that what is not there now does not come later: COS answered it, or somebody
    /// who did not pass it on.
    fn write_has_ended(&self) -> bool {
        let http = self.write.1;
        http.status.is_some_and(|status| status < 500 || http.is_from_cos())
    }

    /// Somebody else than COS answers the write.
    fn intercepted(&self) -> Option<Finding> {
        let (observation, http) = self.write;
        let status = http.status.filter(|_| !http.is_from_cos())?;
        // The headers of COS may have got lost on the way.
        if status < 300 && self.read.is_some_and(|(_, http)| http.body_matches == Some(true)) {
            return None;
        }
        let server = http.header("server").map_or_else(Text::empty, |server| text!(", Server: {server}", server));
        let summary = text!(
            "writing {object} by {method} is answered {status} without COS's headers{server}",
            object = self.object(),
            method = &http.method,
            status,
            server
        );
        let finding = Finding::new(&HTP001, &self.target.host, observation.id, summary).citing([self.look.0.id]);
        Some(finding.help(text!(
            "network team: a proxy or filter on the way answers writes in COS's place; let them pass to COS's domains"
        )))
    }

    fn bucket(&self) -> &str {
        self.target.bucket.as_deref().unwrap_or("BUCKET-APPID")
    }

    fn key(&self) -> &str {
        self.look.1.path.strip_prefix(&self.target.bucket_path()).unwrap_or(&self.look.1.path)
    }
}

/// Why the object is still there after a DELETE.
fn undeleted(http: &Http) -> Text {
    match http.status {
        Some(status) if http.is_from_cos() => {
            text!("COS refuses to delete it: {said}{id}", said = said(status, http.error.as_ref()), id = with_id(http))
        }
        Some(status) => text!("the DELETE was answered {status} by something that is not COS", status),
        None => text!("deleting it was not answered"),
    }
}
