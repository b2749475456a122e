//! Peers in network namespaces, joined by a bridge: each has its own address, its own loopback interface and its own ports,
//! as on machines of their own. The kernels that this must run on have no netem, so delay and loss come from a relay in
//! the test's own process: it is on the bridge too, with an address for each peer's front. Needs root and Debian's iproute2;
//! must never pass in silence where it has neither: it says so, or fails where `SPACETIME_NETNS=required`.

use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

/// Most namespaces at once.
pub const PEERS_MAX: usize = 64;
const BRIDGE: &str = "spacetime-br";

/// Who can send to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All peers to each other, and to the fronts.
    All,
    /// Peers to the fronts only, as if every pair were far away.
    Fronts,
}

/// Namespaces that are up; gone when dropped. One test at a time has them, across processes.
#[derive(Debug)]
pub struct Net {
    peers: usize,
    _lock: File,
}

impl Net {
    /// Sets up so many namespaces. `None` if this machine cannot, which is then printed.
    pub fn up(peers: usize, reach: Reach) -> Option<Self> {
        assert!(peers <= PEERS_MAX);
        let path = std::env::temp_dir().join("spacetime-netns.lock");
        let lock = File::create(&path).or_else(|_| File::open(&path)).expect("a file for the lock, if another user's");
        lock.lock().expect("waits for other tests");
        clear();
        if let Err(why) = ip(&probe(), true) {
            let text = format!("SKIPPED: no network namespaces here, so this test checks nothing: {why}\n");
            assert!(std::env::var_os("SPACETIME_NETNS").is_none_or(|word| word != "required"), "{text}");
            let _ = std::io::stderr().write_all(text.as_bytes());
            return None;
        }
        clear();
        ip(&setup(peers, reach), true).expect("the probe worked");
        Some(Self { peers, _lock: lock })
    }

    /// The address of peer `i` in its namespace.
    pub fn address(&self, i: usize) -> Ipv4Addr {
        assert!(i < self.peers);
        address(i)
    }

    /// An address of this process for the front of peer `i`.
    pub fn front(&self, i: usize) -> Ipv4Addr {
        assert!(i < self.peers);
        front(i)
    }

    /// A command to run a program in the namespace of peer `i`. Its process is the program's own: it can be killed.
    pub fn command(&self, i: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
        assert!(i < self.peers);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &name(i)]).arg(program);
        command
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        clear();
    }
}

fn name(i: usize) -> String {
    format!("spacetime{i}")
}

fn address(i: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 1, i as u8 + 1)
}

fn front(i: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 2, i as u8 + 1)
}

/// What is needed, in small.
fn probe() -> String {
    format!(
        "link add {BRIDGE} type bridge\nnetns add spacetime0\nlink add stv0 type veth peer name eth0 netns spacetime0\n"
    )
}

fn setup(peers: usize, reach: Reach) -> String {
    let mut lines = format!("link add {BRIDGE} type bridge\nlink set {BRIDGE} up\n");
    for i in 0..peers {
        let (name, address, front) = (name(i), address(i), front(i));
        lines += &format!(
            "addr add {front}/16 dev {BRIDGE}\n\
             netns add {name}\n\
             link add stv{i} type veth peer name eth0 netns {name}\n\
             link set stv{i} master {BRIDGE} up\n"
        );
        if reach == Reach::Fronts {
            lines += &format!("link set stv{i} type bridge_slave isolated on\n");
        }
        let inside = format!("addr add {address}/16 dev eth0\nlink set lo up\nlink set eth0 up\n");
        lines += &inside.lines().map(|line| format!("-n {name} {line}\n")).collect::<String>();
    }
    lines
}

/// Takes down whatever a test, perhaps one that was killed, has left.
fn clear() {
    let Ok(list) = Command::new("ip").args(["netns", "list"]).output() else { return };
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let ours = list.split_whitespace().filter_map(|name| name.strip_prefix("spacetime")?.parse::<usize>().ok());
    let lines: String = ours.map(|i| format!("link del stv{i}\nnetns del {}\n", name(i))).collect();
    let _ = ip(&(lines + &format!("link del {BRIDGE}\n")), false);
}

/// Runs lines of `ip` arguments; all of them, or up to the first that fails.
fn ip(lines: &str, stop: bool) -> Result<(), String> {
    for line in lines.lines() {
        let output = Command::new("ip").args(line.split(' ')).stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("ip (Debian: iproute2): {error}"))?;
        if stop && !output.status.success() {
            return Err(format!("ip {line}: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    Ok(())
}
