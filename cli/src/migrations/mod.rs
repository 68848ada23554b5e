//! `celerysalt migrations …`.

pub(crate) mod print;
