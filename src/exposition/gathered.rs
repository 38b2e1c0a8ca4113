//! The families of many records, one record after the other. Only text is kept of them, which takes a fraction of the memory that
//! samples do.

use super::{Family, Notation, render_head, render_samples};

/// Text that grows with each record; the samples of a family stay together, as both formats want it.
pub struct Gathered {
    notation: Notation,
    families: Vec<(&'static str, String)>,
}

impl Gathered {
    /// Nothing yet.
    pub const fn new(notation: Notation) -> Self {
        Self { notation, families: Vec::new() }
    }

    /// Takes in families of a record; those without samples are left out.
    pub fn take(&mut self, families: &[Family]) {
        for family in families.iter().filter(|family| !family.is_empty()) {
            let known = self.families.iter_mut().find(|(name, _)| *name == family.name);
            let text = if let Some((_, text)) = known {
                text
            } else {
                let mut head = String::new();
                render_head(&mut head, family, self.notation);
                &mut self.families.push_mut((family.name, head)).1
            };
            render_samples(text, family);
        }
    }

    /// All of it, in the order in which families came first.
    pub fn finish(self) -> String {
        let end = if self.notation == Notation::OpenMetrics { "# EOF\n" } else { "" };
        let length = self.families.iter().map(|(_, text)| text.len()).sum::<usize>() + end.len();
        let mut all = String::with_capacity(length);
        // Each part is given back as soon as it is copied.
        self.families.into_iter().for_each(|(_, text)| all.push_str(&text));
        all.push_str(end);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, render};
    use super::*;

    #[test]
    fn records_come_to_the_text_that_they_would_be_together() {
        let gauge = |values: &[f64]| {
            let mut family = Family::gauge("probe_success", "Whether it worked");
            for value in values {
                family.add(vec![("target".into(), value.to_string())], *value);
            }
            family
        };
        let mut counter = Family::new("cosprobe_probes", "Probes", Kind::Counter);
        counter.add(Vec::new(), 12.0);
        let empty = Family::gauge("nothing", "Never shown");
        for notation in [Notation::Text, Notation::OpenMetrics] {
            let mut gathered = Gathered::new(notation);
            gathered.take(&[gauge(&[1.0]), empty.clone()]);
            gathered.take(&[counter.clone(), gauge(&[0.0])]);
            assert_eq!(gathered.finish(), render(&[gauge(&[1.0, 0.0]), counter.clone()], notation));
        }
    }
}
