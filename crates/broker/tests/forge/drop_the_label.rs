//! A labelled value is not to be had without its label.
fn bare(labelled: domain::Labelled<String>) -> String {
    labelled.value
}

fn main() {}
