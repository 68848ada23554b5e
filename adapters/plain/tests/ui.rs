//! What the compiler refuses, and how it says so.

#[test]
fn misuse_names_its_remedy() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
