//! Ports on 127.0.0.1.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below the ports that systems give to connections that go out: one of those may be taken before its server has it, and
/// again whenever that is down.
const OURS: Range<u16> = 15_000..32_000;
/// So many ports that are taken are no accident.
const TRIES: usize = 1_000;

/// A port on 127.0.0.1 that nothing listens on now.
pub(crate) fn free() -> io::Result<u16> {
    let drawn = std::iter::repeat_with(|| rand::random_range(OURS)).take(TRIES);
    let mut bound = drawn.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(|_| port));
    let free = bound.find(Result::is_ok);
    free.unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::AddrInUse)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound() -> io::Result<()> {
        let port = free()?;
        assert!(OURS.contains(&port));
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
    }
}
