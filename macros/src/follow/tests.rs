#![allow(clippy::unwrap_used, clippy::panic)]
use quote::quote;

use super::expand;

fn text(item: proc_macro2::TokenStream) -> String {
    expand(item).to_string()
}

#[test]
fn a_sea_orm_model_gets_constants_entity_and_hooks() {
    let out = text(quote! {
        #[sea_orm(table_name = "orders", rename_all = "camelCase")]
        #[follow(events = ["order.paid", crate::events::OrderPaid], name = "order")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i32,
            pub r#type: String,
            #[sea_orm(ignore)]
            pub cached: i32,
            pub on_change_rules: Rules,
        }
    });
    assert!(out.contains("pub const TYPE"), "{out}");
    assert!(!out.contains("CACHED"), "{out}");
    assert!(!out.contains("ON_CHANGE_RULES"), "{out}");
    assert!(
        out.contains(r#"const NAME : & 'static str = "order""#),
        "{out}"
    );
    assert!(
        out.contains(r#"& ["id" , "type" , "on_change_rules"]"#),
        "{out}"
    );
    assert!(out.contains("ActiveModelBehavior for ActiveModel"), "{out}");
    assert!(out.contains("crate :: events :: OrderPaid as"), "{out}");
}

#[test]
fn manual_hooks_leave_the_behavior_to_the_user() {
    let out = text(quote! {
        #[sea_orm(table_name = "orders")]
        #[follow(hooks = "manual")]
        pub struct Model { pub id: i32, pub on_change_rules: Rules }
    });
    assert!(!out.contains("ActiveModelBehavior for"), "{out}");
    assert!(
        out.contains(r#"const NAME : & 'static str = "orders""#),
        "{out}"
    );
}

#[test]
fn model_ex_has_nothing_to_follow() {
    let out = text(quote! {
        #[sea_orm(table_name = "orders")]
        pub struct ModelEx { pub id: i32, pub lines: HasMany<super::line::Entity> }
    });
    assert!(out.is_empty(), "{out}");
}

#[test]
fn misuse_names_the_remedy() {
    let missing = text(quote! {
        #[sea_orm(table_name = "orders")]
        pub struct Model { pub id: i32 }
    });
    assert!(missing.contains("celerysalt_sea_orm::Rules"), "{missing}");
    let plain = text(quote! { pub struct Order { pub id: i32 } });
    assert!(plain.contains("celerysalt_plain::Rules"), "{plain}");
    assert!(plain.contains("#[sea_orm(table_name"), "{plain}");
    let option = text(quote! {
        #[sea_orm(table_name = "orders")]
        #[follow(rule = "x")]
        pub struct Model { pub id: i32 }
    });
    assert!(option.contains("unknown option of `follow`"), "{option}");
    let tuple = text(quote! { pub struct Order(i32); });
    assert!(tuple.contains("named fields"), "{tuple}");
}

#[test]
fn a_diesel_model_gets_constants_and_changes_but_its_key() {
    let out = text(quote! {
        #[diesel(table_name = crate::schema::orders, primary_key(shop, number))]
        #[follow(name = "order")]
        pub struct Order {
            pub shop: i32,
            pub number: i64,
            #[diesel(column_name = "state")]
            pub status: String,
            #[follow(skip)]
            pub tags: Vec<String>,
            #[diesel(skip_update)]
            pub total: i64,
            #[diesel(select_expression = total.gt(0), select_expression_type = dsl::Gt<orders::total, i64>)]
            pub is_paid: bool,
            pub on_change_rules: Rules,
        }
    });
    assert!(out.contains("pub const STATUS"), "{out}");
    assert!(!out.contains("const TAGS"), "{out}");
    assert!(
        out.contains(r#"const NAME : & 'static str = "order""#),
        "{out}"
    );
    assert!(out.contains("type Key = (i32 , i64)"), "{out}");
    assert!(
        out.contains("type Table = crate :: schema :: orders :: table"),
        "{out}"
    );
    assert!(out.contains(r#"model . field ("status")"#), "{out}");
    assert!(!out.contains(r#"model . field ("number")"#), "{out}");
    assert!(!out.contains(r#"model . field ("total")"#), "{out}");
    for (column, is_read) in [("state", true), ("tags", true), ("is_paid", false)] {
        let column = format!("crate :: schema :: orders :: {column} as");
        assert_eq!(out.contains(&column), is_read, "{column}: {out}");
    }
}

#[test]
fn a_diesel_changeset_leaves_alone_what_is_none() {
    let changes = |null: bool| {
        text(quote! {
            #[diesel(table_name = orders, treat_none_as_null = #null)]
            #[follow(changes = Order)]
            struct OrderChanges<'a> { status: Option<&'a str> }
        })
    };
    assert!(changes(false).contains("Some (value) = & self . status"));
    assert!(!changes(true).contains("Some (value) = & self . status"));
    assert!(changes(false).contains("FollowUpdate for OrderChanges < 'a >"));
    let insert = text(quote! {
        #[diesel(table_name = orders)]
        #[follow(inserts = Order)]
        struct NewOrder { status: String }
    });
    assert!(insert.contains("FollowInsert for NewOrder"), "{insert}");
    assert!(!insert.contains("Changes"), "{insert}");
}

#[test]
fn misuse_of_the_diesel_mode_names_the_remedy() {
    let no_rules = text(quote! {
        #[diesel(table_name = orders)]
        struct Order { id: i32 }
    });
    assert!(no_rules.contains("celerysalt_diesel::Rules"), "{no_rules}");
    assert!(
        no_rules.contains("#[follow(changes = Model)]"),
        "{no_rules}"
    );
    let no_table = text(quote! {
        #[diesel(primary_key(id))]
        struct Order { id: i32, on_change_rules: Rules }
    });
    assert!(no_table.contains("table_name"), "{no_table}");
    let no_key = text(quote! {
        #[diesel(table_name = orders)]
        struct Order { number: i32, on_change_rules: Rules }
    });
    assert!(no_key.contains("primary_key"), "{no_key}");
    let field = text(quote! {
        #[diesel(table_name = orders)]
        struct Order { id: i32, #[follow(txt)] status: String, on_change_rules: Rules }
    });
    assert!(
        field.contains("unknown option of `follow` on a field"),
        "{field}"
    );
    let generic = text(quote! {
        #[diesel(table_name = orders)]
        struct Order<'a> { id: i32, status: &'a str, on_change_rules: Rules }
    });
    assert!(generic.contains("no parameters"), "{generic}");
}

#[test]
fn a_struct_of_no_orm_is_plain() {
    let out = text(quote! {
        #[follow(key = ["tenant", "id"])]
        pub struct HTTPOrderLine {
            pub tenant: String,
            pub id: i32,
            #[follow(text)]
            pub state: Option<State>,
            #[follow(skip)]
            pub cache: Cache,
            pub on_change_rules: Rules,
        }
    });
    assert!(
        out.contains(r#"const NAME : & 'static str = "httporder_line""#),
        "{out}"
    );
    assert!(out.contains("pub const STATE"), "{out}");
    assert!(!out.contains("CACHE"), "{out}");
    assert!(!out.contains("& self . cache"), "{out}");
    assert!(!out.contains("ON_CHANGE_RULES"), "{out}");
    let key = out.split("fn key_text").nth(1).unwrap();
    let key = key.split("fn row").next().unwrap();
    assert!(
        key.contains("& self . tenant") && key.contains("& self . id"),
        "{key}"
    );
}

#[test]
fn misuse_of_a_plain_struct_names_the_remedy() {
    let key = text(quote! {
        struct Order { number: i32, on_change_rules: Rules }
    });
    assert!(key.contains("no field `id` for the key"), "{key}");
    let key = text(quote! {
        #[follow(key = number)]
        struct Order { number: i32, on_change_rules: Rules }
    });
    assert!(key.contains("is the name of a field"), "{key}");
    let key = text(quote! {
        #[sea_orm(table_name = "orders")]
        #[follow(key = "id")]
        struct Model { id: i32, on_change_rules: Rules }
    });
    assert!(key.contains("`key` is for plain structs"), "{key}");
    let hooks = text(quote! {
        #[follow(hooks = "manual")]
        struct Order { id: i32, on_change_rules: Rules }
    });
    assert!(hooks.contains("`hooks` is for SeaORM"), "{hooks}");
    let changes = text(quote! {
        #[follow(changes = Order)]
        struct Changes { status: Option<String> }
    });
    assert!(changes.contains("are for Diesel"), "{changes}");
    let field = text(quote! {
        struct Order { id: i32, #[follow(hidden)] cache: i32, on_change_rules: Rules }
    });
    assert!(
        field.contains("unknown option of `follow` on a field"),
        "{field}"
    );
    let generic = text(quote! { struct Order<T> { id: T, on_change_rules: Rules } });
    assert!(generic.contains("has no parameters"), "{generic}");
}

#[test]
fn a_history_is_of_rules_or_of_fields_too() {
    let plain = |history| {
        text(quote! {
            #[follow(#history)]
            struct Order { id: i32, status: String, #[follow(skip)] cache: i32, on_change_rules: Rules }
        })
    };
    let sea_orm = |history| {
        text(quote! {
            #[sea_orm(table_name = "orders")]
            #[follow(#history, name = "order")]
            struct Model { id: i32, r#type: String, on_change_rules: Rules }
        })
    };
    let diesel = |history| {
        text(quote! {
            #[diesel(table_name = orders)]
            #[follow(#history)]
            struct Order { id: i32, status: String, on_change_rules: Rules }
        })
    };
    let rules = r#"with_history (:: celerysalt_plain :: __private :: History :: of_rules_and :: < & str > ([]))"#;
    assert!(plain(quote!(history)).contains(rules));
    assert!(plain(quote!(history("status", "id"))).contains(r#"(["status" , "id"])"#));
    assert!(diesel(quote!(history("status"))).contains(r#"(["status"])"#));
    assert!(sea_orm(quote!(history("type"))).contains(r#"Some (& ["type"])"#));
    assert!(sea_orm(quote!(history)).contains("Some (& [])"));
    assert!(!sea_orm(quote!(events = [])).contains("HISTORY"));
    for unknown in [
        plain(quote!(history("id", "statsu"))),
        plain(quote!(history("cache"))),
        diesel(quote!(history("on_change_rules"))),
        sea_orm(quote!(history("status"))),
    ] {
        assert!(unknown.contains("no history can be kept of"), "{unknown}");
    }
    for form in [
        plain(quote!(history = "status")),
        plain(quote!(history(status))),
    ] {
        assert!(form.contains("`history` stands alone"), "{form}");
    }
    let changes = text(quote! {
        #[diesel(table_name = orders)]
        #[follow(changes = Order, history)]
        struct Changes { status: Option<String> }
    });
    assert!(changes.contains("`history` is for models"), "{changes}");
}
