//! The web console: its files are a part of the program. Must never look for a file anywhere else: a name that is not in the
//! table does not exist.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue};

use crate::http::params::{Kind, Param};
use crate::http::route::Method;
use crate::http::{Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Problem, Reply, Request, Route};

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

const ICON: &[u8] = include_bytes!("../../console/img/icon.svg");
const INDEX: &str = include_str!("../../console/index.html");
/// In the page, where the version of its files goes.
const PLACE: &str = "/console/VERSION/";

/// A file of the console.
struct File {
    folder: &'static str,
    name: &'static str,
    bytes: &'static [u8],
}

/// The files of the console's folders.
macro_rules! files {
    ($($folder:literal: $($name:literal)*;)*) => {
        &[$($(File {
            folder: $folder,
            name: $name,
            bytes: include_bytes!(concat!("../../console/", $folder, "/", $name)),
        },)*)*]
    };
}

const FILES: &[File] = files! {
    "css": "base.css" "layout.css" "views.css";
    "img": "icon.svg";
    "js":
        "account.js" "alerts.js" "api.js" "audit.js" "camera.js" "charts.js" "compare.js" "debug.js" "dom.js" "format.js"
        "health.js" "inspector.js" "labels.js" "live.js" "main.js" "message.js" "model.js" "nav.js" "objects.js"
        "patch.js" "peers.js" "plan2d.js" "recordings.js" "session.js" "socket.js" "space3d.js" "states.js" "tree.js"
        "watches.js" "world.js";
    "vendor": "three.core.min.js" "three.module.min.js" "uPlot.esm.js" "uPlot.min.css";
};

/// The page, and the version of its files.
struct Console {
    page: Bytes,
    /// Hash of all files, in hex: a part of their paths, so that a browser may keep them for ever.
    version: String,
}

static CONSOLE: LazyLock<Console> = LazyLock::new(|| {
    let version = version_of(FILES.iter().map(|file| file.bytes));
    Console { page: INDEX.replace(PLACE, &format!("/console/{version}/")).into(), version }
});

const VERSION_DIGITS: usize = 16;

fn version_of(files: impl Iterator<Item = &'static [u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    for bytes in files {
        hasher.update(blake3::hash(bytes).as_bytes());
    }
    hasher.finalize().to_hex().chars().take(VERSION_DIGITS).collect()
}

const PAGE: Route = Route {
    id: "console",
    method: Method::Get,
    path: "/console",
    access: Access::Public,
    limits: Limits::READ,
    doc: Doc { tag: "documents", summary: "The web console", text: "" },
    params: &[],
    query: &[Param::optional(
        "still",
        Kind::OneOf(&["1"]),
        "nothing moves by itself, and figures that change are not shown: for pictures",
    )],
    body: None,
    answers: &[Answer::other(200, HTML, "the page")],
    problems: &[],
    handler: Handler::Call(page),
};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route { id: "console_root", path: "/", ..PAGE },
    PAGE,
    Route { id: "console_folder", path: "/console/", ..PAGE },
    Route {
        id: "icon",
        path: "/favicon.ico",
        doc: Doc {
            tag: "documents",
            summary: "The picture beside a page's name",
            text: "Browsers ask for it wherever they show an answer.",
        },
        query: &[],
        answers: &[Answer::other(200, SVG, "the picture")],
        handler: Handler::Call(icon),
        ..PAGE
    },
    Route {
        id: "console_file",
        path: "/console/{version}/{folder}/{file}",
        doc: Doc {
            tag: "documents",
            summary: "A file of the web console",
            text: "The page names the version, which is a hash of all files: they may be kept for ever.",
        },
        params: &[
            Param::required("version", Kind::Hex { digits: VERSION_DIGITS }, "version of the files"),
            Param::required("folder", Kind::OneOf(&["css", "img", "js", "vendor"]), "its folder"),
            Param::required("file", Kind::Name { max: 64 }, "its name"),
        ],
        query: &[],
        answers: &[
            Answer::other(200, JAVASCRIPT, "a script"),
            Answer::other(200, CSS, "a style"),
            Answer::other(200, SVG, "a picture"),
        ],
        handler: Handler::Call(file),
        ..PAGE
    },
];

fn page(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async {
        let reply = Reply::whole(200, HTML, CONSOLE.page.clone());
        Ok(reply.with(CACHE_CONTROL, HeaderValue::from_static("no-cache")))
    })
}

fn icon(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async { Ok(Reply::whole(200, SVG, ICON)) })
}

fn file(_: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let word = |name| request.needed(request.text(name));
        let (version, folder, name) = (word("version")?, word("folder")?, word("file")?);
        let is_it = |file: &&File| version == CONSOLE.version && file.folder == folder && file.name == name;
        let file = FILES.iter().find(is_it).ok_or_else(|| Problem::new(Code::NotFound))?;
        let kind = kind_of(file.name).ok_or_else(|| Problem::new(Code::NotFound))?;
        let tag = HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
        Ok(Reply::whole(200, kind, file.bytes).with(ETAG, tag).with(CACHE_CONTROL, keep))
    })
}

/// The type of a file's content, by its name.
fn kind_of(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "js" => JAVASCRIPT,
        "css" => CSS,
        "svg" => SVG,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "console_tests.rs"]
mod tests;
