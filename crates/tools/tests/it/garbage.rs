//! Nothing that a model, a server or a file holds makes the readers panic, and what they take they can show.

use proptest::prelude::*;
use tools::Catalog;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_manifest_is_read_or_refused(text in "(version = 1\n)?(\\[\\[tool\\]\\]\n)?([a-z]{1,8} = [\"\\[\\]{}a-z0-9 .,=]{0,30}\n){0,6}|\\PC{0,60}") {
        let _ = Catalog::from_toml(&text);
    }

    #[test]
    fn a_call_is_read_or_refused(tool in "[a-z]{1,6}\\.[a-z]{1,6}|\\PC{0,20}", arguments in "\\{(\"[a-z]{1,7}\":(\"\\PC{0,20}\"|[0-9.e+-]{1,9}|null|\\[\\]|true),?){0,4}\\}|\\PC{0,60}") {
        let catalog = Catalog::builtin().unwrap();
        for tool in std::iter::once(tool.as_str()).chain(catalog.iter().map(|manifest| manifest.name().as_str())) {
            if let Ok(call) = catalog.parse(tool, &arguments) {
                let shown = catalog.manifest(&call.tool).unwrap().show(&call);
                prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
            }
        }
    }

    #[test]
    fn a_command_line_is_read_or_refused(text in "\\PC{0,40}|[ -~\\n]{0,60}") {
        let _ = tools::shell::parse(&text);
    }
}
