// Included after bad_tables.rs.

#[test]
fn a_jsonb_that_the_table_calls_text_is_told() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    parcels_with(conn, ", rules_json jsonb NOT NULL DEFAULT '[]'");
    fails(conn, |error| told(error).contains("is `jsonb` in the database: say `Jsonb` in `table!`"));
}

#[test]
fn a_jsonb_that_the_table_calls_text_is_told_at_start() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    parcels_with(conn, ", rules_json jsonb NOT NULL DEFAULT '[]'");
    let error = db::check_tables::<Parcel>(conn).unwrap_err().to_string();
    assert!(error.contains("`parcels.rules_json` holds the rules and is of type jsonb in the database, and text in the model"), "{error}");
}
