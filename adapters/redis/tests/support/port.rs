//! Ports for servers of the tests' own.

use std::net::{Ipv4Addr, TcpListener};

use uuid::Uuid;

/// A port of 127.0.0.1 that nobody listens at, below those that systems give to connections that go out: one of those may be
/// taken before its server has it, and again whenever that is down.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 15_000;
    const COUNT: u16 = 17_000;
    let mut drawn = std::iter::repeat_with(|| {
        let [a, b, ..] = *Uuid::new_v4().as_bytes();
        FIRST + u16::from_le_bytes([a, b]) % COUNT
    });
    let free = drawn.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.expect("the ports are drawn without end")
}
