//! Bounds: rules come from users at runtime, so no event data may cost more than this.

/// Levels of nesting of event data.
pub(super) const DEPTH: usize = 32;
/// Expressions in one event's data.
pub(super) const EXPRESSIONS: usize = 1_000;
/// Names, numbers, operators and brackets in one expression. The engine's parser and compiler go one level deeper
/// for each operator of a chain, and a stack that overflows would end the process.
pub(super) const TOKENS: usize = 400;
/// Brackets inside each other in one expression, for the same reason.
pub(super) const BRACKETS: usize = 32;
/// Bytes of one string that an expression computes or that is put together from pieces. A string
/// that is one field as it stands may be as long as the field.
pub(super) const TEXT: usize = 64 * 1024;
/// Bytes of all rendered data, about.
pub(super) const TOTAL: usize = 8 * 1024 * 1024;
/// Levels of nesting of a computed value.
pub(super) const VALUE_DEPTH: usize = 128;
/// Up to so many expressions, each may burn [`FUEL_OF_FEW`]; with more, each [`FUEL_OF_MANY`].
pub(super) const FEW: usize = 50;
/// Fuel of one expression among few. One fuel is one instruction or 64 bytes.
pub(super) const FUEL_OF_FEW: u64 = 20_000;
/// Fuel of one expression among many: a thousand of them burn no more than fifty of the others.
pub(super) const FUEL_OF_MANY: u64 = 1_000;
