//! `spacetime play` in a real window, on a display of its own (Xvfb) and drawn by whatever Vulkan device there is; in the
//! project's own checks that is lavapipe. What the client does without a window is tested in the library.

mod display;
mod lost;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use display::{Display, Key};
use render::hud::layout::{Layout, Part, View};
use render::hud::menu::timeline_bar;
use serde_json::Value;
use x11rb::protocol::xproto::Window;

/// The program in a window, with folders of its own.
struct Played {
    child: Option<Child>,
    display: Display,
    window: Window,
    folder: tempfile::TempDir,
}

impl Played {
    /// Starts it with every call checked.
    fn start(args: &[&str]) -> Self {
        // What the layer finds it writes to standard output, where only JSON belongs.
        Self::start_with(args, |command| {
            command
                .env("VK_INSTANCE_LAYERS", "VK_LAYER_KHRONOS_validation")
                .env("VK_LAYER_ENABLES", "VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT");
        })
    }

    /// Starts it, in an environment of its own. The window is small and the picture in it smaller, so that lavapipe is quick.
    fn start_with(args: &[&str], surround: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = folder.path().join("config").join("spacetime");
        std::fs::create_dir_all(&settings).expect("a folder");
        std::fs::write(settings.join("settings.toml"), "guided = true\nstars = 1000\n").expect("a file");
        let display = Display::start();
        let mut command = command(&folder, &display.name);
        surround(&mut command);
        let child = command
            .args(["play", "--size", "320x180", "--scale", "0.25", "--log-frames"])
            .arg(folder.path().join("log"))
            .args(args)
            // Memory that is let go goes back to the system: what lavapipe's compiler leaves free would hide a leak.
            .env("MALLOC_MMAP_THRESHOLD_", "4096")
            .env("MALLOC_TRIM_THRESHOLD_", "65536")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let window = display.window("SpaceTime");
        display.focus(window);
        Self { child: Some(child), display, window, folder }
    }

    /// The last line of the log.
    fn last(&self) -> Option<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("log")).ok()?;
        let whole = &text[..=text.rfind('\n')?];
        serde_json::from_str(whole.lines().last()?).ok()
    }

    /// Waits until the log says so.
    fn until(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let last = self.last();
            if let Some(line) = last.as_ref().filter(|line| is_so(line)) {
                return line.clone();
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().expect("a child"));
            if began.elapsed() > Duration::from_secs(60) || ended.is_some() {
                let told = if ended.is_some() { self.end().1 } else { String::new() };
                panic!("{what} did not come; the last line is {last:?}\n{told}");
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Waits for its end, which is a good one; gives standard output and standard error.
    fn end(&mut self) -> (String, String) {
        self.end_as(0)
    }

    /// Waits for its end with that exit code; gives standard output and standard error.
    fn end_as(&mut self, code: i32) -> (String, String) {
        let child = self.child.take().expect("it runs");
        let out = child.wait_with_output().expect("its output");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (told, said) = (text(out.stdout), text(out.stderr));
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(out.status.code(), Some(code), "{said}");
        (told, said)
    }

    fn files(&self, place: &str) -> Vec<PathBuf> {
        let folder = self.folder.path().join("data").join("spacetime").join(place);
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The binary, with folders in `folder`.
fn command(folder: &tempfile::TempDir, display: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spacetime"));
    command.stdin(Stdio::null()).env_remove("SPACETIME_LOG").env_remove("WAYLAND_DISPLAY").env("DISPLAY", display);
    command.env("XDG_CONFIG_HOME", folder.path().join("config")).env("XDG_DATA_HOME", folder.path().join("data"));
    command.env_remove("XDG_PICTURES_DIR");
    command
}

fn memory_kb(line: &Value) -> u64 {
    line["memory_kb"].as_u64().expect("the system tells")
}

/// One start is enough: before its first frame lavapipe compiles the shaders for seconds.
#[test]
fn a_window_from_the_menu_to_the_end() {
    let mut played = Played::start(&["--measure", "3600", "--json"]);
    played.until("the menu", |line| line["page"] == "main");

    // An invite that was copied elsewhere is pasted; without one there is nothing to join with.
    played.display.keys(&[Key::Down, Key::Down, Key::Enter]);
    played.until("the page to join", |line| line["page"] == "join");
    let paste = |played: &Played| {
        played.display.key(Key::ControlLeft, true);
        played.display.keys(&[Key::V]);
        played.display.key(Key::ControlLeft, false);
    };
    let says =
        |what: &'static str| move |line: &Value| line["message"].as_str().is_some_and(|said: &str| said.contains(what));
    paste(&played);
    played.until("that there is none", says("no text in the clipboard"));
    played.display.copy("spacetime://nobody.invalid:1/#x");
    paste(&played);
    // How soon it is there nobody can say from outside.
    std::thread::park_timeout(Duration::from_millis(500));
    played.display.keys(&[Key::Down, Key::Enter]);
    played.until("that it is no good", says("this is no invite"));
    played.display.keys(&[Key::Escape]);
    played.until("the menu again", |line| line["page"] == "main");

    // New flight, its second scenario.
    played.display.keys(&[Key::Up, Key::Up, Key::Enter, Key::Down, Key::Enter]);
    played.until("a flight", |line| line["game"]["kind"] == "flight" && line["game"]["ship"] == 1);
    played.display.key(Key::ShiftLeft, true);
    played.until("throttle", |line| line["game"]["throttle"].as_f64() > Some(0.2));
    played.display.key(Key::ShiftLeft, false);
    played.display.keys(&[Key::C]);
    played.until("the chase camera", |line| line["game"]["camera"] == "chase");
    played.display.point(200, 100);
    played.display.button(3, true);
    (0..20).for_each(|step| played.display.point(200 + step * 5, 100));
    played.display.button(3, false);

    played.display.keys(&[Key::Escape]);
    let held = played.until("a pause", |line| line["game"]["held"] == true && line["page"] == "paused");
    played.display.keys(&[Key::Escape]);
    played.until("it goes on", |line| line["page"].is_null() && line["tick"].as_u64() > held["tick"].as_u64());

    played.display.keys(&[Key::F12]);
    played.until("a screenshot", |line| line["message"].as_str().is_some_and(|said| said.starts_with("Saved")));
    let picture = render::Picture::load(&played.files("screenshots")[0]).expect("a picture");
    let bright = picture.rgba.chunks_exact(4).filter(|pixel| pixel[..3].iter().any(|value| *value > 60)).count();
    assert!((picture.width, picture.height) == (320, 180) && bright > 100, "{bright} bright pixels");

    for n in 0..50 {
        played.display.resize(played.window, [200 + n * 4, 120 + n % 7 * 10]);
    }
    played.display.resize(played.window, [240, 136]);
    let small = played.until("the last size", |line| line["size"] == serde_json::json!([240, 136]));

    // A thousand frames: what they need is there by the first of them.
    let first = small["frames"].as_u64().expect("a count") + 100;
    let warm = played.until("some frames", |line| line["frames"].as_u64() > Some(first));
    let late = played.until("1,000 frames", |line| line["frames"].as_u64() > Some(first + 1_000));
    let grown = memory_kb(&late).saturating_sub(memory_kb(&warm));
    assert!(grown < 8_000, "memory grew by {grown} kB in 1,000 frames");

    // Back to the main menu, and to the recording of that flight.
    played.display.keys(&[Key::Escape, Key::Down, Key::Down, Key::Enter]);
    played.until("the main menu", |line| line["page"] == "main");
    played.display.keys(&[Key::Down, Key::Down, Key::Down, Key::Enter, Key::Enter]);
    played.until("a replay", |line| line["game"]["kind"] == "replay" && line["tick"].as_u64() > Some(5));
    played.display.keys(&[Key::Space]);
    played.until("it stands", |line| line["game"]["playing"] == false);
    // A click on the left end of its bar.
    played.display.resize(played.window, [320, 180]);
    played.until("room for the bar", |line| line["size"] == serde_json::json!([320, 180]));
    let view = View::screen(320, 180, 1.0, 1.0);
    let place = Layout::new(&view, |part| part == Part::Timeline).rect(Part::Timeline);
    let bar = place.and_then(|place| timeline_bar(&view, place)).expect("it has room");
    played.display.point(bar.min.x as i16, bar.centre().y as i16);
    played.display.button(1, true);
    played.display.button(1, false);
    played.until("the beginning", |line| line["game"]["position"] == 0.0);
    played.display.keys(&[Key::End, Key::Comma]);
    played.until("a tick before the end", |line| line["tick"].as_u64() > held["tick"].as_u64());

    played.display.close(played.window);
    let (told, _) = played.end();
    let measured: Value = serde_json::from_str(&told).unwrap_or_else(|e| panic!("{e}: {told}"));
    assert!(measured["frames"].as_u64() > Some(1_000) && measured["cpu_ms"]["p99"].as_f64() > Some(0.0), "{told}");
    let recordings = played.files("recordings");
    assert_eq!(recordings.len(), 1, "{recordings:?}");
    let verified = command(&played.folder, "").args(["replay", "verify"]).arg(&recordings[0]).output();
    assert_eq!(verified.expect("the binary runs").status.code(), Some(0), "what was flown is a lawful recording");
}

#[test]
fn without_a_display_or_a_driver_there_is_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = |command: &mut Command| {
        let out = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(2) && !said.contains("panicked"), "{said}");
        said.lines().last().unwrap_or_default().to_owned()
    };
    let said = told(command(&folder, "").args(["play", "--scenario", "demo"]));
    assert!(said.contains("there is no display") && said.contains("DISPLAY is not set"), "{said}");
    let said = told(command(&folder, ":65431").arg("play"));
    assert!(said.contains("the display cannot be used"), "{said}");
    let said = told(command(&folder, "").args(["play", "--scenario", "nowhere"]));
    assert!(said.contains("there is no scenario `nowhere`"), "{said}");
    let said = told(command(&folder, "").args(["play", "--replay", "nowhere.strec"]));
    assert!(said.contains("cannot read nowhere.strec"), "{said}");
    let display = Display::start();
    let none = folder.path().join("none.json");
    let mut blind = command(&folder, &display.name);
    let said = told(blind.arg("play").env("VK_DRIVER_FILES", &none).env("VK_ICD_FILENAMES", &none));
    assert!(said.contains("mesa-vulkan-drivers"), "{said}");
}
