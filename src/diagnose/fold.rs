//! Telling causes from symptoms.
//!
//! A finding S is caused by C when C's row names S's code under `explains` **and** each observation of S is one of C's or
//! descends from one by `parent`. The evidence alone would let a slow look-up swallow a timeout; the table alone would
//! fold findings about different endpoints.

use super::{Finding, find_code};
use crate::evidence::Evidence;

/// Sets `caused_by` of every finding that another one explains. The first cause in the order of the findings wins, but a
/// cause that is itself a root goes before one that is a symptom.
pub(super) fn fold(findings: &mut [Finding], evidence: &Evidence) {
    let causes: Vec<Vec<usize>> = (0..findings.len())
        .map(|symptom| {
            (0..findings.len()).filter(|&cause| explains(&findings[cause], &findings[symptom], evidence)).collect()
        })
        .collect();
    for (symptom, candidates) in causes.iter().enumerate() {
        let root = candidates.iter().find(|&&cause| causes[cause].is_empty());
        findings[symptom].caused_by = root.or(candidates.first()).map(|&cause| findings[cause].code.clone());
    }
}

fn explains(cause: &Finding, symptom: &Finding, evidence: &Evidence) -> bool {
    find_code(&cause.code).is_some_and(|row| row.explains.contains(&symptom.code.as_str()))
        && symptom
            .evidence
            .iter()
            .all(|&id| cause.evidence.iter().any(|&ancestor| evidence.descends_from(id, ancestor)))
}

#[cfg(test)]
mod tests {
    use super::super::CODES;

    /// A cycle would leave a fault without any root.
    #[test]
    fn explains_has_no_cycle() {
        fn reaches(from: &str, to: &str) -> bool {
            let row = super::find_code(from).unwrap_or_else(|| panic!("{from} is explained but has no row"));
            row.explains.iter().any(|&next| next == to || reaches(next, to))
        }
        for row in CODES {
            assert!(!reaches(row.code, row.code), "{} explains itself", row.code);
        }
    }
}
