//! A fresh, migrated database per test.
#![allow(dead_code, unreachable_pub)] // compiled into two test programs, each of which uses its part

#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
