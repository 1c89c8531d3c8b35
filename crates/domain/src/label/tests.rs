use super::*;
use proptest::prelude::*;

fn labels() -> impl Strategy<Value = Label> {
    let source = (0..SourceKind::ALL.len(), "\\PC{0,8}")
        .prop_map(|(kind, name)| Source::new(SourceKind::ALL[kind], &name));
    (0..3_usize, 0..3_usize, proptest::collection::vec(source, 0..6)).prop_map(
        |(integrity, tier, sources)| {
            sources.into_iter().fold(Label::nothing(), |label, source| {
                label.join(&Label::new(Integrity::ALL[integrity], Tier::ALL[tier], source))
            })
        },
    )
}

proptest! {
    #[test]
    fn joining_is_a_lattice(a in labels(), b in labels(), c in labels()) {
        prop_assert_eq!(a.clone().join(&a), a.clone());
        prop_assert_eq!(a.clone().join(&b), b.clone().join(&a));
        prop_assert_eq!(a.clone().join(&b).join(&c), a.clone().join(&b.clone().join(&c)));
        prop_assert_eq!(a.clone().join(&Label::nothing()), a.clone());
        prop_assert!(a.clone().join(&b).covers(&a));
        prop_assert!(a.join(&b).covers(&b));
    }

    #[test]
    fn a_label_is_read_back_as_it_was_written(label in labels()) {
        prop_assert_eq!(label.to_string().parse::<Label>().unwrap(), label);
    }
}

#[test]
fn a_crowd_of_sources_is_widened_never_dropped() {
    let mail = |n: usize| {
        Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Mail, &n.to_string()))
    };
    let crowd = (0..2000).fold(Label::owner(), |label, n| label.join(&mail(n)));
    assert_eq!(crowd.sources().len(), 2);
    assert!((0..2000).all(|n| crowd.covers(&mail(n))));
}

#[test]
fn a_broken_line_is_an_error() {
    for text in [
        "",
        "v2 trusted low",
        "v1 trusted",
        "v1 Trusted low",
        "v1 trusted low mail",
        "v1 trusted low spam:x",
        "v1 trusted low mail:%f",
    ] {
        assert!(text.parse::<Label>().is_err(), "{text:?}");
    }
}

#[test]
fn a_long_name_is_cut_with_a_digest_of_the_whole() {
    let (a, b) = ("é".repeat(300), format!("{}x", "é".repeat(300)));
    let (a, b) = (Source::new(SourceKind::Web, &a), Source::new(SourceKind::Web, &b));
    assert_ne!(a, b);
    assert!(a.name().len() <= SOURCE_NAME_BYTES_MAX + 20);
}
