//! What the compiler says of a model that cannot be followed.

#[test]
fn misuse_names_its_remedy() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
