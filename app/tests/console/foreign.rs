//! A web server of somebody else's: pages that are told to it, and a list of what it was asked. It stands for an attacker's
//! origin, and for a service that has no defence. Must never defend anything.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// As it was sent, lower case.
    pub head: String,
    pub body: String,
}

/// One page: path, further lines of the head, content.
type Page = (String, String, Vec<u8>);

#[derive(Default)]
struct Site {
    pages: Mutex<Vec<Page>>,
    asked: Mutex<Vec<Asked>>,
}

/// The server; it ends with the test.
pub struct Foreign {
    address: SocketAddr,
    site: Arc<Site>,
}

impl Foreign {
    /// Starts it, with an empty page at `/`.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let site = Arc::new(Site::default());
        let served = Arc::clone(&site);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let site = Arc::clone(&served);
                std::thread::spawn(move || answer(&site, stream));
            }
        });
        let this = Self { address, site };
        this.page("/", "", "<!doctype html><title>elsewhere</title>");
        this.page("/favicon.ico", "content-type: image/png\r\n", "");
        this
    }

    /// Serves a page from now on; `head` are whole lines of its head.
    pub fn page(&self, path: &str, head: &str, content: impl AsRef<[u8]>) {
        let page = (path.to_owned(), head.to_owned(), content.as_ref().to_vec());
        self.site.pages.lock().expect("pages").insert(0, page);
    }

    /// As a browser names it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same server under another name.
    pub fn origin_at(&self, host: &str) -> String {
        format!("http://{host}:{}", self.address.port())
    }

    /// What it was asked for at this path.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.site.asked.lock().expect("requests");
        asked.iter().filter(|request| request.path == path).cloned().collect()
    }
}

fn answer(site: &Site, stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let (method, path) = (method.to_owned(), rest.split([' ', '?']).next()?.to_owned());
    let mut head = String::new();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let lower = line.to_lowercase();
        length = lower.strip_prefix("content-length:").and_then(|n| n.trim().parse().ok()).unwrap_or(length);
        head.push_str(&lower);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8_lossy(&body).into_owned();
    site.asked.lock().ok()?.push(Asked { method, path: path.clone(), head, body });
    let page = site.pages.lock().ok()?.iter().find(|(at, _, _)| *at == path).cloned();
    let (status, head, content) = match page {
        Some((_, head, content)) => ("200 OK", head, content),
        None => ("404 Not Found", String::new(), Vec::new()),
    };
    let kind = if head.contains("content-type") { "" } else { "content-type: text/html; charset=utf-8\r\n" };
    let reply =
        format!("HTTP/1.1 {status}\r\n{kind}{head}connection: close\r\ncontent-length: {}\r\n\r\n", content.len());
    let mut stream = reader.into_inner();
    stream.write_all(reply.as_bytes()).ok()?;
    stream.write_all(&content).ok()
}
