//! A small HTTP client over real sockets: one request, one connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::process::{Home, PATIENCE, Process, text};

/// The password of every account of the tests.
pub const PASSWORD: &str = "a rather long sentence 7";

/// The API of a service.
pub struct Client {
    address: SocketAddr,
    from: Ipv4Addr,
    token: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    /// As text where it is not JSON.
    pub body: Value,
}

impl Client {
    /// Of a service that runs, by what it has said.
    pub fn of(service: &mut Process) -> Self {
        let told = service.event("serving");
        let url = told["api"].as_str().expect("a service with an API");
        let address = url.rsplit('/').next().expect("an address").parse().expect("an address");
        Self { address, from: Ipv4Addr::LOCALHOST, token: None }
    }

    /// The same, signed in with an account of this name.
    pub fn signed_in(&self, name: &str) -> Self {
        let answer = self.post("/sign-in", &json!({ "name": name, "password": PASSWORD }));
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = answer.body["access"].as_str().expect("a token").to_owned();
        Self { token: Some(token), ..*self }
    }

    /// The same with this token.
    pub fn with(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..*self }
    }

    /// The same from another address of this machine's.
    pub fn from(&self, [a, b]: [u8; 2]) -> Self {
        Self { from: Ipv4Addr::new(127, 1, a, b), token: self.token.clone(), ..*self }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(body))
    }

    /// As [`Self::post`], well answered.
    pub fn done(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body);
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.body
    }

    /// As [`Self::get`], well answered.
    pub fn got(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// Where the service is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its token.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// A connection from its address.
    pub fn connect(&self) -> TcpStream {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&socket, &SocketAddrV4::new(self.from, 0)).expect("an address of this machine's");
        connect(&socket, &self.address).expect("it listens");
        socket.into()
    }

    /// Sends the head and the body of a request; what it answers can be read.
    pub fn begin(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> TcpStream {
        let token = self.token.as_deref().unwrap_or_default();
        let (who, host) = (format!("authorization: Bearer {token}\r\n"), self.address);
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{who}{headers}\r\n");
        let mut stream = self.connect();
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        // Whoever refuses it need not read all of it.
        drop(stream.write_all(&[head.as_bytes(), body].concat()));
        stream
    }

    /// As [`Self::begin`], with the length of the body.
    pub fn stream(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> TcpStream {
        let length = if method == "GET" { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        self.begin(method, path, &format!("{headers}{length}"), body)
    }

    /// Bytes there and back: status, head, body.
    pub fn octets(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        let mut bytes = Vec::new();
        self.stream(method, path, headers, body).read_to_end(&mut bytes).expect("it answers");
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = text(&bytes[..end]);
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        (status, head, bytes.split_off(end + 4))
    }

    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        if let Some(token) = &self.token {
            request.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        let body = body.filter(|body| !body.is_null()).map(Value::to_string);
        if let Some(body) = &body {
            request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut stream = self.connect();
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.write_all((request + &body.unwrap_or_default()).as_bytes()).expect("it takes the request");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it answers");
        let all = text(&bytes);
        let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        let other = || if body.is_empty() { Value::Null } else { Value::String(body.to_owned()) };
        Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_else(|_| other()) }
    }
}

/// A service whose limits do not get into the way of a test.
pub fn service(home: &Home) -> Process {
    let mut command = home.command("serve --json");
    for (key, value) in [("REQUESTS", "1000000"), ("PERSON_REQUESTS", "1000000")] {
        command.env(format!("SPACETIME_SERVE__API__{key}_PER_MINUTE"), value);
    }
    Process::start(command)
}

/// Makes an account by the control socket.
pub fn account(home: &Home, name: &str, role: &str) {
    let mut command = home.command(&format!("account add {name} --role {role} --json"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    child.stdin.take().expect("piped").write_all(format!("{PASSWORD}\n").as_bytes()).expect("it reads");
    let out = child.wait_with_output().expect("it ends");
    assert!(out.status.success(), "{}", text(&out.stderr));
    let shown = text(&out.stdout);
    assert!(shown.contains(role) && !shown.contains(PASSWORD), "{shown}");
}
