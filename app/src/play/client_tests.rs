//! The client flown by data: events in, frames out, no window.

use super::super::input::Event;
use super::super::keys::{Input, Key, MouseButton, PadButton};
use super::super::screens::Stands;
use super::*;
use render::hud::layout::View;
use render::hud::menu::{Rows, timeline_bar};

/// A client in folders of its own. `settings` is the text of its settings file.
struct Desk {
    client: Client,
    now: Instant,
    size: [u32; 2],
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(settings: &str, start: &Start) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("settings.toml"), settings).expect("a file");
        let at = |name: &str| folder.path().join(name);
        let folders =
            Folders { settings: at("settings.toml"), recordings: at("recordings"), screenshots: at("screenshots") };
        let now = Instant::now();
        let client = Client::new(folders, None, start, now).unwrap_or_else(|e| panic!("{e}"));
        Self { client, now, size: [320, 180], folder }
    }

    fn press(&mut self, input: Input) {
        self.client.event(&Event::Set(input, 1.0));
        self.client.event(&Event::Set(input, 0.0));
    }

    fn keys(&mut self, keys: &[Key]) {
        keys.iter().for_each(|key| self.press(Input::Key(*key)));
    }

    fn frame(&mut self) -> Json {
        self.now = Instant::now().max(self.now);
        self.client.frame(self.now, self.size);
        self.client.state()
    }

    /// Makes frames until the state is so.
    fn until(&mut self, what: &str, is_so: impl Fn(&Json) -> bool) -> Json {
        let began = Instant::now();
        loop {
            let state = self.frame();
            if is_so(&state) {
                return state;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{what}: {state}");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
}

const GUIDED: &str = "guided = true\n";

#[test]
fn from_the_menu_into_a_flight_and_its_replay() {
    let mut desk = Desk::new(GUIDED, &Start::Menu);
    assert_eq!(desk.frame()["page"], "main");
    desk.client.show(|scene, front| {
        assert!(front.menu.is_some_and(|menu| menu.title == "SpaceTime" && menu.items.len() == 6));
        assert!(scene.bodies.len() > 5, "the Solar System is behind it");
    });
    // New flight, its second scenario.
    desk.keys(&[Key::Enter, Key::ArrowDown, Key::Enter]);
    let state = desk.until("a ship", |state| state["game"]["ship"] == 1 && state["tick"].as_u64() > Some(3));
    assert_eq!((&state["page"], &state["game"]["kind"]), (&Json::Null, &json!("flight")));
    desk.client.show(|_, front| assert!(front.values.is_some_and(|values| values.assist == Some(true))));
    desk.client.event(&Event::Set(Input::Key(Key::ShiftLeft), 1.0));
    desk.until("throttle", |state| state["game"]["throttle"].as_f64() > Some(0.05));
    desk.client.event(&Event::Set(Input::Key(Key::ShiftLeft), 0.0));
    desk.keys(&[Key::Escape]);
    let held = desk.until("a pause", |state| state["game"]["held"] == true);
    assert_eq!(held["page"], "paused");
    let tick = desk.frame()["tick"].clone();
    std::thread::park_timeout(Duration::from_millis(50));
    assert_eq!(desk.frame()["tick"], tick, "time stands");
    desk.keys(&[Key::Escape]);
    desk.until("it goes on", |state| state["tick"].as_u64() > tick.as_u64());
    // To the main menu, and to the newest replay.
    desk.keys(&[Key::Escape, Key::ArrowDown, Key::ArrowDown, Key::Enter]);
    assert_eq!((&desk.frame()["page"], &desk.frame()["game"]), (&json!("main"), &Json::Null), "nothing is waited for");
    desk.keys(&[Key::ArrowDown, Key::ArrowDown, Key::ArrowDown, Key::Enter, Key::Enter]);
    let state = desk.until("a replay", |state| state["game"]["kind"] == "replay" && state["tick"].as_u64() > Some(2));
    assert_eq!(state["game"]["ship"], 1);
    desk.keys(&[Key::End]);
    let end =
        desk.until("its end", |state| state["game"]["playing"] == false && state["tick"].as_u64() >= tick.as_u64());
    desk.keys(&[Key::Comma, Key::KeyT]);
    let state =
        desk.until("a step back", |state| state["game"]["ship"] == 2 && state["tick"].as_u64() < end["tick"].as_u64());
    desk.client.show(|_, front| {
        assert!(front.timeline.is_some_and(|timeline| timeline.position > 0.5));
        assert!(front.subtitle.is_some_and(|words| words.contains("as recorded")), "{state}");
    });
    desk.client.close();
}

#[test]
fn the_first_start_is_guided_once() {
    let mut desk = Desk::new("", &Start::Menu);
    let state = desk.until("the guide", |state| {
        // It speaks as soon as there is a world to see.
        state["game"]["guide"] == "welcome" && state["tick"].as_u64() > Some(0)
    });
    desk.client.show(|_, front| assert!(front.subtitle.is_some_and(|words| words.starts_with("1/"))));
    assert_eq!(state["page"], Json::Null);
    desk.keys(&[Key::Tab]);
    desk.until("the next step", |state| state["game"]["guide"] == "turn");
    desk.keys(&[Key::Escape, Key::ArrowDown, Key::ArrowDown, Key::Enter]);
    assert_eq!(desk.frame()["page"], "main");
    assert!(desk.client.settings().guided);
    let file = desk.folder.path().join("settings.toml");
    desk.until("it is saved", |_| std::fs::read_to_string(&file).is_ok_and(|text| text.contains("guided")));
    let written = std::fs::read_to_string(desk.folder.path().join("settings.toml")).expect("it was saved");
    assert!(written.contains("guided = true"));
    // It can be had again.
    desk.keys(&[Key::ArrowDown, Key::Enter]);
    desk.until("the guide again", |state| state["game"]["guide"] == "welcome");
}

#[test]
fn settings_with_mistakes_are_told_and_kept() {
    let mut desk = Desk::new("guided = true\nfov_deg = 999\n", &Start::Menu);
    let state = desk.frame();
    assert!(state["message"].as_str().is_some_and(|said| said.contains("line 2: fov_deg")), "{state}");
    desk.press(Input::Key(Key::F11));
    let kept = desk.folder.path().join("settings-with-mistakes.toml");
    desk.until("it is kept", |_| kept.exists());
    assert!(desk.client.take_requests().contains(&Request::FullScreen(true)));
}

#[test]
fn a_gamepad_can_do_it_too() {
    let mut desk = Desk::new(&format!("{GUIDED}record = false\n"), &Start::Fly("earth-orbit".to_owned()));
    desk.until("a ship", |state| state["game"]["ship"] == 1);
    desk.press(Input::Pad(PadButton::Select));
    assert_eq!(desk.frame()["game"]["camera"], "chase");
    desk.press(Input::Pad(PadButton::West));
    desk.client.event(&Event::Set(Input::Pad(PadButton::RightTrigger), 1.0));
    desk.until("throttle, no assist", |state| {
        state["game"]["assist"] == false && state["game"]["throttle"].as_f64() > Some(0.02)
    });
    desk.press(Input::Pad(PadButton::North));
    desk.client.event(&Event::Set(Input::Pad(PadButton::South), 1.0));
    desk.frame();
    desk.client.show(|_, front| assert!(front.values.is_some_and(|values| values.target.is_some())));
    desk.client.event(&Event::Set(Input::Pad(PadButton::South), 0.0));
    desk.press(Input::Pad(PadButton::Start));
    assert_eq!(desk.frame()["page"], "paused");
    desk.press(Input::Pad(PadButton::Up));
    desk.press(Input::Pad(PadButton::South));
    assert!(desk.client.take_requests().contains(&Request::Quit));
    assert!(!desk.folder.path().join("recordings").exists(), "nothing was to be recorded");
}

#[test]
fn what_is_not_there_gets_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let folders = Folders { settings: at("s"), recordings: at("r"), screenshots: at("p") };
    let start =
        |start| Client::new(folders.clone(), None, &start, Instant::now()).map(|_| ()).map_err(|e| e.to_string());
    assert!(start(Start::Fly("nowhere".into())).is_err_and(|e| e.contains("there is no scenario `nowhere`")));
    assert!(start(Start::Replay(at("x.strec"))).is_err_and(|e| e.contains("cannot read")));
    assert!(start(Start::Join("nonsense".into())).is_err_and(|e| e.contains("this is no invite")));
}

impl Desk {
    /// Where the lines of the menu stand.
    fn rows(&mut self) -> Rows {
        self.frame();
        let view = self.view();
        self.client.show(|_, front| front.menu.map(|menu| Rows::of(&view, menu))).expect("a menu")
    }

    fn view(&self) -> View {
        View::screen(self.size[0], self.size[1], 1.0, 1.0)
    }

    /// Moves the pointer to a line of the menu.
    fn point(&mut self, line: usize) {
        let at = self.rows().rect(line).expect("it has room").centre();
        self.client.event(&Event::Point(at.x, at.y));
    }

    fn click(&mut self) {
        self.press(Input::Mouse(MouseButton::Left));
    }

    fn rounds(&mut self) -> usize {
        self.frame();
        self.client.show(|scene, _| scene.things.rounds.len())
    }
}

#[test]
fn menus_are_pointed_at_clicked_and_scrolled() {
    let mut desk = Desk::new(GUIDED, &Start::Menu);
    desk.size = [640, 360];
    desk.point(5);
    desk.point(5);
    assert_eq!(desk.frame()["line"], 0, "where the pointer happens to be when the window opens is no choice");
    desk.point(1);
    assert_eq!(desk.frame()["line"], 1);
    desk.client.event(&Event::Turned(-2.0));
    assert_eq!(desk.frame()["line"], 3, "a short list does not scroll: its mark moves");
    desk.point(4);
    desk.click();
    assert_eq!(desk.frame()["page"], "settings");
    // The far end of the first slider, and then beside it.
    let bar = render::hud::menu::slider_bar(&desk.view(), desk.rows().rect(0).expect("it has room"));
    desk.client.event(&Event::Point(bar.max.x, bar.centre().y));
    desk.click();
    assert_eq!(desk.client.settings().fov_deg, 120.0);
    desk.client.event(&Event::Point(bar.min.x - 60.0, bar.centre().y));
    desk.click();
    assert_eq!(desk.client.settings().fov_deg, 120.0);
    // A long list goes on under the pointer, and stays where it is while it is pointed at.
    let rows = desk.rows();
    assert!(rows.first == 0 && rows.shown < rows.all, "{rows:?}");
    desk.point(2);
    desk.client.event(&Event::Turned(-1.0));
    assert_eq!((desk.rows().first, desk.frame()["line"].as_u64()), (1, Some(3)));
    desk.client.event(&Event::Turned(-8.0));
    let last = rows.all - 1;
    assert_eq!(desk.rows().first, rows.all - rows.shown);
    desk.point(last);
    assert_eq!(desk.rows().first, rows.all - rows.shown);
    desk.click();
    assert_eq!(desk.frame()["page"], "main", "back");
    // What was pasted again takes the place of what was no invite.
    desk.point(2);
    desk.click();
    assert_eq!(desk.frame()["page"], "join");
    for pasted in ["nonsense", "spacetime://better"] {
        desk.client.paste(pasted);
        desk.frame();
    }
    assert!(desk.client.lines.iter().any(|line| line.stands == Stands::Text("spacetime://better".to_owned())));
    desk.keys(&[Key::Escape]);
    // Nowhere is nothing.
    desk.client.event(&Event::Point(1.0, 1.0));
    desk.click();
    assert_eq!(desk.frame()["page"], "main");
}

#[test]
fn a_click_on_a_replays_bar_goes_there() {
    let mut desk = Desk::new(GUIDED, &Start::Fly("earth-orbit".to_owned()));
    desk.until("a flight", |state| state["tick"].as_u64() > Some(40));
    desk.client.close();
    let folder = desk.folder.path().join("recordings");
    let flight = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let mut desk = Desk::new(GUIDED, &Start::Replay(flight));
    desk.until("a replay", |state| state["game"]["kind"] == "replay" && state["game"]["position"].as_f64() > Some(1.0));
    desk.keys(&[Key::Space]);
    desk.until("it stands", |state| state["game"]["playing"] == false);
    desk.size = [640, 360];
    desk.frame();
    let view = desk.view();
    let place = desk.client.show(|_, front| front.layout(&view).rect(render::hud::layout::Part::Timeline));
    let bar = place.and_then(|place| timeline_bar(&view, place)).expect("it has room");
    desk.client.event(&Event::Point(bar.min.x, bar.centre().y));
    desk.click();
    desk.until("its beginning", |state| state["game"]["position"] == 0.0);
    desk.client.event(&Event::Point(bar.max.x, bar.centre().y));
    desk.click();
    desk.until("its end", |state| state["game"]["position"].as_f64() > Some(40.0));
}

#[test]
fn a_tap_is_a_shot_and_what_was_let_go_is_none() {
    let mut desk = Desk::new(&format!("{GUIDED}record = false\n"), &Start::Fly("earth-orbit".to_owned()));
    desk.until("a ship", |state| state["game"]["ship"] == 1 && state["tick"].as_u64() > Some(3));
    assert_eq!(desk.rounds(), 0);
    // Pressed and let go between two frames.
    desk.keys(&[Key::Space]);
    let began = Instant::now();
    while desk.rounds() == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "the tap was lost");
    }
    // The gun is ready again.
    let tick = desk.frame()["tick"].as_u64();
    desk.until("half a second", |state| state["tick"].as_u64() > tick.map(|tick| tick + 45));
    // Held while time stands, and let go before it goes on.
    desk.keys(&[Key::KeyP]);
    desk.until("a pause", |state| state["game"]["held"] == true);
    let before = desk.rounds();
    desk.client.event(&Event::Set(Input::Key(Key::Space), 1.0));
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(300) {
        desk.frame();
    }
    desk.client.event(&Event::Set(Input::Key(Key::Space), 0.0));
    // A menu over a pause leaves the pause as it was.
    desk.keys(&[Key::Escape]);
    assert_eq!(desk.frame()["page"], "paused");
    desk.keys(&[Key::Escape]);
    let tick = desk.frame()["tick"].as_u64();
    std::thread::park_timeout(Duration::from_millis(80));
    let state = desk.frame();
    assert_eq!((&state["page"], state["tick"].as_u64()), (&Json::Null, tick), "it is still paused");
    desk.keys(&[Key::KeyP]);
    desk.until("it goes on", |state| state["tick"].as_u64() > tick.map(|tick| tick + 5));
    assert_eq!(desk.rounds(), before, "nothing was fired in the pause");
}

#[test]
fn what_cannot_be_opened_leaves_everything_as_it_was() {
    let mut desk = Desk::new(&format!("{GUIDED}record = false\n"), &Start::Fly("earth-orbit".to_owned()));
    let state = desk.until("a ship", |state| state["game"]["ship"] == 1);
    desk.client.dropped(desk.folder.path().join("settings.toml"));
    assert_eq!(desk.client.state()["game"]["kind"], "flight", "nobody waits for it");
    let told =
        desk.until("a sentence", |state| state["message"].as_str().is_some_and(|said| said.contains("settings")));
    assert!(told["game"]["kind"] == "flight" && told["tick"].as_u64() >= state["tick"].as_u64());
}

#[test]
fn a_settings_file_that_was_edited_meanwhile_is_not_lost() {
    let mut desk = Desk::new(GUIDED, &Start::Menu);
    let file = desk.folder.path().join("settings.toml");
    std::fs::write(&file, "# mine\nguided = true\n").unwrap();
    desk.press(Input::Key(Key::F11));
    let edited = |state: &Json| state["message"].as_str().is_some_and(|said| said.contains("edited meanwhile"));
    desk.until("a sentence", edited);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# mine\nguided = true\n");
}
