//! Asking a port of 127.0.0.1 whether its server answers.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// Connects, sends a question (which may be empty) and gives the first bytes of the answer.
pub(crate) fn ask<const N: usize>(port: u16, question: &[u8]) -> io::Result<[u8; N]> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question)?;
    let mut answer = [0; N];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn the_answer_is_what_the_server_sent() -> Outcome {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let server = thread::spawn(move || -> io::Result<[u8; 4]> {
            let (mut stream, _) = listener.accept()?;
            let mut question = [0; 4];
            stream.read_exact(&mut question)?;
            stream.write_all(b"pong and more")?;
            Ok(question)
        });
        assert_eq!(&ask::<4>(port, b"ping")?, b"pong");
        assert_eq!(&server.join().map_err(|_| "the server panicked")??, b"ping");
        Ok(())
    }

    #[test]
    fn a_port_without_a_server_does_not_answer() -> Outcome {
        let port = super::super::port::free()?;
        assert!(ask::<1>(port, b"").is_err());
        Ok(())
    }
}
