//! What a tool found, and how far it may be believed beyond what its manifest says.

use crate::finding::Finding;
use domain::{Integrity, Label, Tier};

/// A finding and what is known of its label beyond the manifest.
pub(crate) struct Found {
    pub(crate) finding: Finding,
    pub(crate) label: Option<Known>,
}

/// What is known of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// This is the label of its text, whatever the manifest says.
    Exactly(Label),
    /// It is as the manifest says, and this went into it, or may have.
    AtLeast(Label),
}

impl Found {
    pub(crate) fn plain(finding: Finding) -> Self {
        Self { finding, label: None }
    }
}

impl Known {
    pub(crate) fn raised_to(self, tier: Tier) -> Self {
        match self {
            Self::Exactly(label) => Self::Exactly(label.raised_to(tier)),
            Self::AtLeast(label) => Self::AtLeast(label.raised_to(tier)),
        }
    }

    pub(crate) fn over(self, mut output: domain::Output) -> domain::Output {
        match self {
            // Where no free text came back, nothing came from a stranger; how much there was, or none, may tell something.
            Self::AtLeast(label) if output.label.is_clean() => {
                output.label = output.label.raised_to(label.tier());
            }
            Self::AtLeast(label) => output.label = output.label.join(&label),
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
    }

    #[test]
    fn what_may_have_gone_into_a_text_is_joined_and_only_raises_the_tier_of_none() {
        assert_eq!(Known::AtLeast(Label::nothing()).over(output()).label, output().label);
        let mail =
            Label::new(Integrity::Untrusted, Tier::High, Source::new(SourceKind::Mail, "x@example.org"));
        assert_eq!(Known::AtLeast(mail.clone()).over(output()).label, output().label.join(&mail));
        let clean = Output { label: Label::owner(), ..output() };
        assert_eq!(Known::AtLeast(mail).over(clean).label, Label::owner().raised_to(Tier::High));
    }
}
