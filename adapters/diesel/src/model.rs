//! What the derive tells about a model, and about the structs that change a part of it.

use celerysalt::model::{ModelDef, Row};
use celerysalt::rules::Rules as CoreRules;
use diesel::query_builder::IntoUpdateTarget;
use diesel::{Column, Table};

use crate::column::Rules;

/// A model whose saves are followed; implemented by `#[derive(FollowActions)]`.
#[diagnostic::on_unimplemented(
    message = "saves of `{Self}` are not followed",
    note = "put `FollowActions` beside `Selectable`, with `#[diesel(table_name = …)]` and a field \
            `on_change_rules: celerysalt_diesel::Rules`"
)]
pub trait Follow: Sized + Send + 'static {
    /// The model's name in rules, errors and aggregate keys.
    const NAME: &'static str;
    /// The table.
    type Table: Table + Send + 'static;
    /// The primary key: one field's type, or a tuple.
    type Key: Clone + Send + 'static;
    /// The key's columns, a tuple also of one.
    #[doc(hidden)]
    type KeyColumns;
    /// The key's values, a tuple also of one.
    #[doc(hidden)]
    type KeyParts: Send + Sync + 'static;
    /// The row of a key: `orders::table.find(key)`.
    type Target: IntoUpdateTarget<Table = Self::Table>;
    /// The column that holds the rules.
    type RulesColumn: Column<Table = Self::Table> + Send + 'static;
    /// The names of the columns that the model reads, as the database has them.
    #[doc(hidden)]
    const COLUMNS: &'static [&'static str];

    /// The row of this key.
    fn target(key: Self::Key) -> Self::Target;

    /// The model as rules see it: built once a process.
    fn definition() -> &'static ModelDef;

    /// This row's key.
    fn key(&self) -> Self::Key;

    /// This row's key, value by value.
    #[doc(hidden)]
    fn key_parts(&self) -> Self::KeyParts;

    /// What names this row among the model's, e.g. `0198…`.
    fn key_text(&self) -> String;

    /// The values of the fields, in the order of the definition.
    fn row(&self) -> Row;

    /// The rules of the row.
    fn rules(&self) -> &Rules;

    /// `order:0198…`, what keeps the events of one row in order.
    fn aggregate(&self) -> String {
        format!("{}:{}", Self::NAME, self.key_text())
    }
}

/// What changes columns of a model: the model itself, or a changeset marked `#[follow(changes = Model)]`.
/// Implemented by `#[derive(FollowActions)]`.
pub trait Changes: Sized {
    /// The model.
    type Model: Follow;

    /// The row with these changes, as far as can be told before the database has made them.
    fn written(&self, old: &Row) -> Row;

    /// The rules that the caller sets, if any.
    fn callers_rules(&self) -> Option<&Rules>;

    /// Puts what the rules column is to hold: `planned`, or when that is absent what it holds already. What there is no
    /// place for is given back.
    fn place_rules(&mut self, planned: Option<CoreRules>, stored: &CoreRules) -> Option<Rules>;
}

/// A new row, as far as its key is known before the database has made it: what is read back on MySQL. `K` is the
/// model's key.
///
/// Implemented by `#[derive(Insertable, FollowActions)]`, for a model and for a struct marked
/// `#[follow(inserts = Model)]`.
pub trait NewRow<K> {
    /// The key that the struct carries; none when the database makes it.
    fn new_key(&self) -> Option<K>;
}

/// A key that MySQL's AUTO_INCREMENT can make: an integer, or a type of yours that wraps one column of integers.
#[diagnostic::on_unimplemented(
    message = "MySQL cannot tell a key of type `{Self}` that it made for a new row",
    note = "put the key into the struct that is inserted; where its column is not `id`, or there are several, name it \
            with `#[diesel(primary_key(…))]` there too",
    note = "only one integer may be left to AUTO_INCREMENT; a type that wraps one implements \
            `celerysalt_diesel::AutoIncrement`"
)]
pub trait AutoIncrement {}

macro_rules! integers {
    ($($integer:ty)+) => {$(
        impl AutoIncrement for $integer {}
    )+};
}

integers!(i8 i16 i32 i64 u8 u16 u32 u64);
