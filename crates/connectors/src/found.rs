//! What a tool found, and how far it may be believed beyond what its manifest says.

use crate::finding::Finding;
use domain::{Integrity, Label, Tier};

/// A finding and what is known of its label beyond the manifest.
pub(crate) struct Found {
    pub(crate) finding: Finding,
    pub(crate) label: Option<Known>,
}

/// What is known of a label.
pub(crate) enum Known {
    /// This is the label of its text, whatever the manifest says.
    Exactly(Label),
    /// It is at least so confidential.
    AtLeast(Tier),
}

impl Found {
    pub(crate) fn plain(finding: Finding) -> Self {
        Self { finding, label: None }
    }
}

impl Known {
    pub(crate) fn over(self, mut output: domain::Output) -> domain::Output {
        match self {
            Self::AtLeast(tier) => output.label = output.label.raised_to(tier),
            Self::Exactly(label) => {
                for field in &mut output.fields {
                    // What a service attests stays attested; a text is as its writing was, and a fact at best attested.
                    if field.integrity == Integrity::Untrusted {
                        field.integrity = label.integrity().max(Integrity::Attested);
                    }
                }
                output.label = label;
            }
        }
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Field, Output, Source, SourceKind, Value};

    fn output() -> Output {
        let field = |path: &str, integrity| Field {
            path: path.to_string(),
            value: Value::Text("x".to_string()),
            integrity,
        };
        let fields = vec![field("text", Integrity::Untrusted), field("bytes", Integrity::Attested)];
        let label = Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::File, "a"));
        Output { text: "x".to_string(), fields, label }
    }

    #[test]
    fn what_we_wrote_is_as_what_it_was_written_from_and_never_trusted_by_field() {
        for (integrity, of_text) in [
            (Integrity::Trusted, Integrity::Attested),
            (Integrity::Attested, Integrity::Attested),
            (Integrity::Untrusted, Integrity::Untrusted),
        ] {
            let label = Label::new(integrity, Tier::Low, Source::new(SourceKind::Owner, "owner"));
            let known = Known::Exactly(label.clone()).over(output());
            let found: Vec<Integrity> = known.fields.iter().map(|field| field.integrity).collect();
            assert_eq!((found, known.label), (vec![of_text, Integrity::Attested], label));
        }
        assert_eq!(Known::AtLeast(Tier::High).over(output()).label.tier(), Tier::High);
        assert_eq!(Known::AtLeast(Tier::Low).over(output()).label, output().label);
    }
}
