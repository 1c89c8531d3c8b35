//! Programs that must not compile. Each is one way round the door.

#[test]
fn there_is_no_way_round_the_door() {
    trybuild::TestCases::new().compile_fail("tests/forge/*.rs");
}
