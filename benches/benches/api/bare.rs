//! A bare hyper server in a process of its own: what the same machine does without routes, roles, limits and schemas. Must
//! never answer less than the service it is compared with.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

/// Makes this program such a server; the length of its answer comes next.
pub const ARGUMENT: &str = "--bare-hyper";

/// Serves until it is killed; says its port first.
pub fn serve(length: &str) {
    let body = Bytes::from(vec![b'x'; length.parse().expect("a length")]);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        println!("{}", listener.local_addr().expect("an address").port());
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            let body = body.clone();
            tokio::spawn(async move {
                let answer = service_fn(|_: Request<hyper::body::Incoming>| {
                    let mut answer = Response::new(Full::new(body.clone()));
                    let json = hyper::header::HeaderValue::from_static("application/json");
                    answer.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
                    async { Ok::<_, Infallible>(answer) }
                });
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
}

/// The running server; it ends with this.
pub struct Bare {
    child: Child,
    port: u16,
}

impl Bare {
    /// With answers of this length.
    pub fn start(length: usize) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args([ARGUMENT, &length.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says its port");
        Self { child, port: line.trim().parse().expect("a port") }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
