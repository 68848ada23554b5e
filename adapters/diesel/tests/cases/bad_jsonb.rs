// Included after bad_tables.rs.

#[test]
fn a_jsonb_that_the_table_calls_text_is_told() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    parcels_with(conn, ", rules_json jsonb NOT NULL DEFAULT '[]'");
    fails(conn, |error| told(error).contains("is `jsonb` in the database: say `Jsonb` in `table!`"));
}
