//! `celerysalt rules …`.

pub(crate) mod check;
pub(crate) mod eval;
