//! The socket as the gate needs it, and UDP as one. Never blocks except in [`Endpoint::wait`](super::Endpoint::wait).

use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Something that carries datagrams: a UDP socket, or a test's network.
pub trait Wire: Debug {
    /// Sends one datagram.
    ///
    /// # Errors
    /// As the system says; the datagram is then lost.
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()>;

    /// Receives one datagram into `buffer` without waiting.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is none.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Own address.
    ///
    /// # Errors
    /// As the system says.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A UDP socket that does not block. IPv4 addresses look the same on an IPv4 socket and on one for both families.
#[derive(Debug)]
pub struct UdpWire {
    socket: UdpSocket,
    is_ipv6: bool,
}

impl UdpWire {
    /// Binds a socket.
    ///
    /// # Errors
    /// As the system says.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, is_ipv6: address.is_ipv6() })
    }

    /// Waits until a datagram can be read or the time is over. std has no poll, so the socket blocks for that long.
    pub(super) fn wait(&self, timeout: Duration) -> io::Result<()> {
        // A time-out of zero would mean none.
        self.socket.set_read_timeout(Some(timeout.max(Duration::from_micros(1))))?;
        self.socket.set_nonblocking(false)?;
        let waited = self.socket.peek_from(&mut [0; 1]);
        self.socket.set_nonblocking(true)?;
        match waited {
            Ok(_) => Ok(()),
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether an error of the socket says nothing about its future: nothing there, a signal, or an ICMP message about an
/// earlier send.
pub(super) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionRefused | ConnectionReset)
}

impl Wire for UdpWire {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let to = match to {
            SocketAddr::V4(v4) if self.is_ipv6 => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
            other => other,
        };
        self.socket.send_to(bytes, to).map(|_| ())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (length, from) = self.socket.recv_from(buffer)?;
        Ok((length, SocketAddr::new(from.ip().to_canonical(), from.port())))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
