//! A display of its own for a test: Xvfb, and hands that press keys and move windows by the XTEST extension.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _, CreateWindowAux, EventMask, InputFocus,
    PropMode, SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, Window, WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// Kinds of events, as the core protocol numbers them.
const KEY_PRESS: u8 = 2;
const KEY_RELEASE: u8 = 3;
const BUTTON_PRESS: u8 = 4;
const BUTTON_RELEASE: u8 = 5;
const MOTION: u8 = 6;

/// Keys by their number in X, which is that of the Linux kernel and 8.
#[derive(Clone, Copy, Debug)]
pub enum Key {
    Escape = 9,
    Enter = 36,
    ControlLeft = 37,
    ShiftLeft = 50,
    C = 54,
    V = 55,
    Comma = 59,
    Space = 65,
    F12 = 96,
    Up = 111,
    End = 115,
    Down = 116,
}

/// A running Xvfb and a connection to it.
pub struct Display {
    server: Child,
    pub name: String,
    pub connection: RustConnection,
    root: Window,
}

impl Display {
    /// Starts one, at a number that it finds free itself.
    pub fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts: on Debian install xvfb");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line).expect("a display number");
        let name = format!(":{}", line.trim());
        let (connection, screen) = x11rb::connect(Some(&name)).expect("the server answers");
        let root = connection.setup().roots[screen].root;
        Self { server, name, connection, root }
    }

    /// Waits for the window that is called so, and gives it the keyboard.
    pub fn window(&self, title: &str) -> Window {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < Duration::from_secs(60), "no window is called {title}");
            if let Some(window) = self.find(title) {
                return window;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn find(&self, title: &str) -> Option<Window> {
        let tree = self.connection.query_tree(self.root).ok()?.reply().ok()?;
        tree.children.into_iter().find(|window| {
            let property = self.connection.get_property(false, *window, AtomEnum::WM_NAME, AtomEnum::ANY, 0, 64).ok();
            let name = property.and_then(|property| property.reply().ok()).map(|reply| reply.value);
            let shown = self.connection.get_window_attributes(*window).ok().and_then(|a| a.reply().ok());
            name.is_some_and(|name| name == title.as_bytes())
                && shown.is_some_and(|shown| shown.map_state == x11rb::protocol::xproto::MapState::VIEWABLE)
        })
    }

    /// Gives a window the keyboard. There is no window manager to do it.
    pub fn focus(&self, window: Window) {
        self.connection.set_input_focus(InputFocus::PARENT, window, 0u32).expect("sent");
        self.connection.flush().expect("sent");
    }

    fn fake(&self, kind: u8, detail: u8, x: i16, y: i16) {
        self.connection.xtest_fake_input(kind, detail, 0, self.root, x, y, 0).expect("sent");
        self.connection.flush().expect("sent");
    }

    /// Presses a key, or lets it go.
    pub fn key(&self, key: Key, pressed: bool) {
        self.fake(if pressed { KEY_PRESS } else { KEY_RELEASE }, key as u8, 0, 0);
    }

    /// Presses keys one after the other.
    pub fn keys(&self, keys: &[Key]) {
        for key in keys {
            self.key(*key, true);
            self.key(*key, false);
        }
    }

    /// Presses a button of the mouse (1 left, 3 right), or lets it go.
    pub fn button(&self, button: u8, pressed: bool) {
        self.fake(if pressed { BUTTON_PRESS } else { BUTTON_RELEASE }, button, 0, 0);
    }

    /// Moves the pointer to a place.
    pub fn point(&self, x: i16, y: i16) {
        self.fake(MOTION, 0, x, y);
    }

    /// Has a text in the clipboard, as another program would.
    pub fn copy(&self, text: &'static str) {
        let (connection, screen) = x11rb::connect(Some(&self.name)).expect("the server answers");
        let root = connection.setup().roots[screen].root;
        let owner = connection.generate_id().expect("a number");
        let class = WindowClass::INPUT_ONLY;
        connection.create_window(0, owner, root, 0, 0, 1, 1, 0, class, 0, &CreateWindowAux::new()).expect("sent");
        let atom = |name: &[u8]| connection.intern_atom(false, name).expect("sent").reply().expect("an atom").atom;
        let (clipboard, utf8) = (atom(b"CLIPBOARD"), atom(b"UTF8_STRING"));
        connection.set_selection_owner(owner, clipboard, 0u32).expect("sent").check().expect("it is copied");
        // Until the server ends.
        std::thread::spawn(move || {
            while let Ok(event) = connection.wait_for_event() {
                let Event::SelectionRequest(asked) = event else { continue };
                let is_text = asked.target == utf8;
                if is_text {
                    let (to, at) = (asked.requestor, asked.property);
                    let put = connection.change_property8(PropMode::REPLACE, to, at, utf8, text.as_bytes());
                    put.expect("sent");
                }
                let told = SelectionNotifyEvent {
                    response_type: SELECTION_NOTIFY_EVENT,
                    sequence: 0,
                    time: asked.time,
                    requestor: asked.requestor,
                    selection: asked.selection,
                    target: asked.target,
                    property: if is_text { asked.property } else { 0 },
                };
                connection.send_event(false, asked.requestor, EventMask::NO_EVENT, told).expect("sent");
                connection.flush().expect("sent");
            }
        });
    }

    /// Changes a window's size.
    pub fn resize(&self, window: Window, [width, height]: [u32; 2]) {
        let size = ConfigureWindowAux::new().width(width).height(height);
        self.connection.configure_window(window, &size).expect("sent");
        self.connection.flush().expect("sent");
    }

    /// Asks a window to close, as the cross in its corner does.
    pub fn close(&self, window: Window) {
        let atom = |name: &str| {
            self.connection.intern_atom(false, name.as_bytes()).expect("sent").reply().expect("an atom").atom
        };
        let data = [atom("WM_DELETE_WINDOW"), 0, 0, 0, 0];
        let message = ClientMessageEvent::new(32, window, atom("WM_PROTOCOLS"), data);
        self.connection.send_event(false, window, EventMask::NO_EVENT, message).expect("sent");
        self.connection.flush().expect("sent");
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
