//! Chromium without a window, driven through chromedriver: one browser with a folder of its own, which ends with its test.
//! Whatever a page complains of, and whatever a page's policy refuses, ends up in the browser's log and fails the test.
//! Must never reach a network, nor leave a process behind.

use std::future::Future;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use render::Picture;
use serde_json::{Value, json};

use crate::process::PATIENCE;

/// A host that is this machine, but another site than `127.0.0.1`. No other name leads anywhere.
pub const OTHER_SITE: &str = "elsewhere.test";
/// How the browser's log tells of what a page's policy refused.
pub const REFUSED: &str = "refused by policy:";
/// Where the fonts are that pages are drawn with, whatever else is installed.
const FONTS: &str = "/usr/share/fonts/truetype/dejavu";

/// A page says in the log what its policy refused; begun before any script of its own.
const LISTENER: &str = "document.addEventListener('securitypolicyviolation', (e) => \
    console.error('refused by policy: ' + e.effectiveDirective + ' ' + e.blockedURI + ' on ' + e.documentURI));";

/// A window of a browser, through its driver.
pub struct Browser {
    driver: Child,
    client: Option<fantoccini::Client>,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

/// One entry of the browser's log.
#[derive(Clone, Debug)]
pub struct Logged {
    pub level: String,
    pub text: String,
}

/// What shows on a screen.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    pub is_dark: bool,
}

impl Screen {
    pub const DESKTOP: Self = Self { width: 1280, height: 800, is_dark: false };
    pub const PHONE: Self = Self { width: 390, height: 844, is_dark: false };

    /// The same for who has chosen dark colours.
    pub const fn dark(self) -> Self {
        Self { is_dark: true, ..self }
    }
}

/// A command that is this driver's own.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// Starts the driver; gives it and its port.
fn driver(folder: &Path) -> (Child, u16) {
    let fonts = folder.join("fonts.conf");
    let written = format!(
        "<fontconfig><dir>{FONTS}</dir><cachedir>{}</cachedir>{}</fontconfig>",
        folder.join("fonts").display(),
        ["sans-serif:DejaVu Sans", "system-ui:DejaVu Sans", "monospace:DejaVu Sans Mono"]
            .map(|pair| pair.split_once(':').expect("two names"))
            .map(|(family, font)| format!(
                "<alias><family>{family}</family><prefer><family>{font}</family></prefer></alias>"
            ))
            .concat(),
    );
    assert!(Path::new(FONTS).is_dir(), "there are no fonts to draw pages with: apt-get install fonts-dejavu-core");
    std::fs::write(&fonts, written).expect("it is written");
    // Whoever finds its port taken by then is given another one.
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let started = std::iter::repeat_with(free).take(20).find_map(|port| Some((driver_at(port, folder, &fonts)?, port)));
    started.expect("chromedriver finds every port taken")
}

/// Starts the driver at a port; none where it does not come up there.
fn driver_at(port: u16, folder: &Path, fonts: &Path) -> Option<Child> {
    let mut command = Command::new("chromedriver");
    command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    for name in ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        command.env(name, folder);
    }
    command.env("FONTCONFIG_FILE", fonts).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("the console is tested in a browser ({error}): apt-get install chromium chromium-driver")
    });
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("successfully on port ") {
        line.clear();
        if output.read_line(&mut line).expect("it speaks") == 0 {
            child.wait().expect("it has ended");
            return None;
        }
    }
    // What else it says has to go somewhere.
    std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
    Some(child)
}

/// What the browser is to be.
fn capabilities(folder: &Path) -> serde_json::Map<String, Value> {
    let mut args = vec![
        "--headless=new".to_owned(),
        // It ends with its driver, however that ends.
        "--remote-debugging-pipe".into(),
        "--use-angle=swiftshader".into(),
        "--enable-unsafe-swiftshader".into(),
        "--force-device-scale-factor=1".into(),
        "--hide-scrollbars".into(),
        "--font-render-hinting=none".into(),
        "--disable-lcd-text".into(),
        "--disable-dev-shm-usage".into(),
        "--disable-breakpad".into(),
        "--disable-crash-reporter".into(),
        "--disable-background-networking".into(),
        "--no-first-run".into(),
        "--lang=en-GB".into(),
        format!("--user-data-dir={}", folder.join("browser").display()),
        format!("--host-resolver-rules=MAP {OTHER_SITE} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
    ];
    if rustix::process::geteuid().is_root() {
        args.push("--no-sandbox".into());
    }
    let all = json!({
        "browserName": "chrome",
        "goog:loggingPrefs": { "browser": "ALL" },
        "goog:chromeOptions": { "args": args },
        "timeouts": { "script": PATIENCE.as_millis() as u64, "pageLoad": PATIENCE.as_millis() as u64 },
        "unhandledPromptBehavior": "ignore",
    });
    all.as_object().expect("an object").clone()
}

impl Browser {
    /// Starts one.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (driver, port) = driver(folder.path());
        let mut started = Self { driver, client: None, runtime, _folder: folder };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities(started._folder.path()));
        let connected = started.runtime.block_on(builder.connect(&format!("http://127.0.0.1:{port}")));
        started.client = Some(connected.unwrap_or_else(|error| {
            panic!("the browser does not start (apt-get install chromium chromium-driver): {error}")
        }));
        started.before_pages(LISTENER);
        started.shows(Screen::DESKTOP);
        started
    }

    fn client(&self) -> &fantoccini::Client {
        self.client.as_ref().expect("a browser that runs")
    }

    fn wait<T>(&self, what: &str, act: impl Future<Output = Result<T, fantoccini::error::CmdError>>) -> T {
        let done = self.runtime.block_on(async { tokio::time::timeout(PATIENCE * 2, act).await });
        done.unwrap_or_else(|_| panic!("{what}: takes too long")).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    fn own(&self, path: &'static str, body: Value) -> Value {
        self.wait(path, self.client().issue_cmd(Own { path, body }))
    }

    /// A command of the browser's own protocol.
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.own("goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
    }

    /// Runs a script in every page from now on, before those of the page.
    pub fn before_pages(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    }

    /// Shows pages on this screen from now on.
    pub fn shows(&self, screen: Screen) {
        self.shows_moving(screen, false);
    }

    /// The same for who wants things to move, or not.
    pub fn shows_moving(&self, screen: Screen, is_moving: bool) {
        let Screen { width, height, is_dark } = screen;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
        let scheme = if is_dark { "dark" } else { "light" };
        let motion = if is_moving { "no-preference" } else { "reduce" };
        let feature = |name: &str, value: &str| json!({ "name": name, "value": value });
        let features = [feature("prefers-color-scheme", scheme), feature("prefers-reduced-motion", motion)];
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.wait(url, self.client().goto(url));
    }

    /// What a script returns.
    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.wait(script, self.client().execute(script, arguments.to_vec()))
    }

    /// What a script's promise gives: the script is the body of an asynchronous function.
    pub fn promised(&self, script: &str, arguments: &[Value]) -> Value {
        let whole = format!(
            "const done = arguments[arguments.length - 1]; (async (...arguments) => {{ {script} }})(...arguments)\
             .then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));"
        );
        let told = self.wait(script, self.client().execute_async(&whole, arguments.to_vec()));
        assert!(told["error"].is_null(), "{script}: {}", told["error"]);
        told["value"].clone()
    }

    /// Waits until a script returns something true; gives that.
    pub fn until(&self, what: &str, script: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let value = self.run(script, &[]);
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            if Instant::now() > deadline {
                let page = self.run("return location.href + ' ' + document.body.innerText", &[]);
                panic!("{what}: takes too long: {page} {:?}", self.log());
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Clicks what a selector finds.
    pub fn click(&self, selector: &str) {
        let click = || async { self.client().find(Locator::Css(selector)).await?.click().await };
        self.wait(selector, async {
            loop {
                match click().await {
                    // The page was drawn anew between the two.
                    Err(error) if error.is_stale_element_reference() => {}
                    other => return other,
                }
            }
        });
    }

    /// Types into a field, in the place of what is there.
    pub fn write(&self, selector: &str, text: &str) {
        self.wait(selector, async {
            let field = self.client().find(Locator::Css(selector)).await?;
            field.clear().await?;
            field.send_keys(text).await
        });
    }

    /// Chooses a file.
    pub fn choose(&self, selector: &str, file: &Path) {
        let path = file.to_str().expect("UTF-8");
        self.wait(selector, async { self.client().find(Locator::Css(selector)).await?.send_keys(path).await });
    }

    /// Presses keys where the focus is.
    pub fn press(&self, keys: &str) {
        self.wait(keys, async { self.client().active_element().await?.send_keys(keys).await });
    }

    /// What can be read where a selector leads; nothing where it leads nowhere.
    pub fn text(&self, selector: &str) -> String {
        let read = "return document.querySelector(arguments[0])?.innerText ?? ''";
        self.run(read, &[json!(selector)]).as_str().expect("text").trim().to_owned()
    }

    /// Enters the frame with this number, does something there and leaves it.
    pub fn in_frame<T>(&self, number: u16, act: impl FnOnce() -> T) -> T {
        self.wait("a frame", self.client().enter_frame(number));
        let done = act();
        self.wait("the page around it", self.client().enter_parent_frame());
        done
    }

    /// What is on the screen.
    pub fn picture(&self) -> Picture {
        let bytes = self.wait("a picture", self.client().screenshot());
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().expect("a picture");
        let mut rgba = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut rgba).expect("a picture");
        assert_eq!(info.color_type, png::ColorType::Rgba);
        Picture { width: info.width, height: info.height, rgba }
    }

    /// What the browser has logged since this was asked last.
    pub fn log(&self) -> Vec<Logged> {
        let entries = self.own("se/log", json!({ "type": "browser" }));
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let entries = entries.as_array().expect("entries").iter();
        entries.map(|entry| Logged { level: text(entry, "level"), text: text(entry, "message") }).collect()
    }

    /// That nothing went wrong in any page since the log was read last, and that no page's policy had to refuse anything.
    pub fn is_clean(&self, what: &str) {
        let wrong: Vec<_> =
            self.log().into_iter().filter(|entry| entry.level != "INFO" && entry.level != "DEBUG").collect();
        assert!(wrong.is_empty(), "{what}: {wrong:#?}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            let end = async { tokio::time::timeout(Duration::from_secs(10), client.close()).await };
            let _ = self.runtime.block_on(end);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[test]
fn the_browser_ends_with_its_driver_and_complaints_are_found() {
    let browser = Browser::start();
    let folder = browser._folder.path().to_str().expect("UTF-8").to_owned();
    let running = || {
        let all = std::fs::read_dir("/proc").expect("processes").flatten();
        let lines = all.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        lines.filter(|line| String::from_utf8_lossy(line).contains(&folder)).count()
    };
    assert!(running() > 0);
    // Complaints of a page, and what its policy refuses, are in the log.
    browser.open("data:text/html,<title>a</title><script>console.error('a complaint')</script>");
    assert!(browser.log().iter().any(|entry| entry.level == "SEVERE" && entry.text.contains("a complaint")));
    let policy = "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\"><script>1</script>";
    browser.open(&format!("data:text/html,{policy}"));
    assert!(browser.log().iter().any(|entry| entry.text.contains(REFUSED)));
    browser.is_clean("what was read once");
    // As when a test is killed: the driver has no time for anything.
    let mut browser = browser;
    browser.driver.kill().expect("it is killed");
    let deadline = Instant::now() + PATIENCE;
    while running() > 0 {
        assert!(Instant::now() < deadline, "the browser outlives its driver");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
