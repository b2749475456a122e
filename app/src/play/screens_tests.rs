//! Menus walked through by data.

use render::quality::Preset;

use proptest::prelude::*;

use super::super::keys::PadButton;
use super::*;

fn screens() -> Screens {
    let scenario = |name: &str| (name.to_owned(), format!("about {name}"));
    let mut screens = Screens::new(vec![scenario("demo"), scenario("jupiter")]);
    screens.set_recordings(vec![PathBuf::from("b.strec"), PathBuf::from("a.strec")]);
    screens.open(Page::Main);
    screens
}

/// Walks by letters: u, d, l, r, e (accept), b (back). Gives the last wish.
fn walk(screens: &mut Screens, settings: &mut Settings, way: &str) -> Option<Wish> {
    let step = |letter| match letter {
        'u' => Step::Up,
        'd' => Step::Down,
        'l' => Step::Left,
        'r' => Step::Right,
        'e' => Step::Accept,
        _ => Step::Back,
    };
    way.chars().map(|letter| screens.step(step(letter), settings)).last().flatten()
}

#[test]
fn every_way_leads_where_it_says() {
    for (way, page, wish) in [
        ("", Page::Main, None),
        ("b", Page::Main, None),
        ("e", Page::New, None),
        ("ee", Page::New, Some(Wish::Fly("demo".to_owned()))),
        ("ede", Page::New, Some(Wish::Fly("jupiter".to_owned()))),
        ("eue", Page::Main, None),
        ("eb", Page::Main, None),
        ("de", Page::Main, Some(Wish::Guided)),
        ("dde", Page::Join, None),
        ("ddee", Page::Join, Some(Wish::Paste)),
        ("ddede", Page::Join, None),
        ("ddde", Page::Replays, None),
        ("dddede", Page::Replays, Some(Wish::Replay("a.strec".into()))),
        ("uue", Page::Settings, None),
        ("ue", Page::Main, Some(Wish::Quit)),
        ("uueuue", Page::Controls, None),
        ("uueuueb", Page::Settings, None),
        ("dddddde", Page::New, None),
    ] {
        let (mut screens, mut settings) = (screens(), Settings::default());
        assert_eq!(walk(&mut screens, &mut settings, way), wish, "{way}");
        assert_eq!(screens.page().map(|(page, _)| page), Some(page), "{way}");
    }
}

#[test]
fn a_pause_ends_where_it_began() {
    let (mut screens, mut settings) = (screens(), Settings::default());
    screens.open(Page::Paused);
    assert_eq!(walk(&mut screens, &mut settings, "b"), Some(Wish::Resume));
    assert_eq!(walk(&mut screens, &mut settings, "e"), Some(Wish::Resume));
    assert_eq!(walk(&mut screens, &mut settings, "dde"), Some(Wish::Leave));
    assert_eq!(walk(&mut screens, &mut settings, "ueb"), None);
    assert_eq!(screens.page(), Some((Page::Paused, 1)), "back from the settings, where one was");
    screens.close();
    assert_eq!((walk(&mut screens, &mut settings, "debu"), screens.page(), screens.title()), (None, None, ""));
}

#[test]
fn values_change_within_their_range() {
    let (mut screens, mut settings) = (screens(), Settings::default());
    walk(&mut screens, &mut settings, "uue");
    assert_eq!(walk(&mut screens, &mut settings, "r"), Some(Wish::Changed));
    assert_eq!(settings.fov_deg, 65.0);
    walk(&mut screens, &mut settings, &"r".repeat(50));
    assert_eq!(settings.fov_deg, 120.0);
    walk(&mut screens, &mut settings, &format!("dddd{}", "l".repeat(3)));
    assert_eq!(settings.feel.mouse, 0.7, "no dust of sums");
    assert_eq!(walk(&mut screens, &mut settings, "ddr"), Some(Wish::Changed));
    assert_eq!(settings.quality, Preset::Low, "the first comes after the last");
    walk(&mut screens, &mut settings, "l");
    assert_eq!(settings.quality, Preset::Auto);
    assert_eq!(walk(&mut screens, &mut settings, "de"), Some(Wish::Changed));
    assert!(settings.full_screen);
    let shown: Vec<Stands> = screens.lines(&settings).into_iter().map(|line| line.stands).collect();
    assert_eq!((&shown[0], &shown[7]), (&Stands::Slider(1.0, "120".to_owned()), &Stands::Toggle(true)));
    assert_eq!(shown[6], Stands::Choice("auto".to_owned()));
}

#[test]
fn an_input_is_bound_anew() {
    let (mut screens, mut settings) = (screens(), Settings::default());
    walk(&mut screens, &mut settings, "uueuuee");
    assert!(screens.is_binding());
    assert!(screens.lines(&settings)[0].stands == Stands::Text("press what shall do it".to_owned()));
    assert_eq!(screens.bind(Input::Key(Key::Escape), &mut settings), None);
    assert!(!screens.is_binding() && settings == Settings::default());
    walk(&mut screens, &mut settings, "e");
    assert_eq!(screens.bind(Input::Pad(PadButton::North), &mut settings), Some(Wish::Changed));
    let first = Action::ALL[0];
    assert!(settings.bindings.of(first).contains(&Input::Pad(PadButton::North)));
    assert_eq!(walk(&mut screens, &mut settings, "uue"), Some(Wish::Changed));
    assert_eq!(settings, Settings::default(), "all as usual");
}

#[test]
fn an_invite_is_written_letter_by_letter() {
    let (mut screens, mut settings) = (screens(), Settings::default());
    screens.write("nothing is open for it");
    walk(&mut screens, &mut settings, "dde");
    screens.write("space time\u{7}:/");
    screens.write("/hx");
    screens.erase();
    assert_eq!(walk(&mut screens, &mut settings, "de"), Some(Wish::Join("spacetime://h".to_owned())));
    screens.write(&"x".repeat(5_000));
    assert!(walk(&mut screens, &mut settings, "e").is_some_and(|wish| wish != Wish::Quit));
    assert_eq!(screens.invite.len(), INVITE_MAX);
}

proptest! {
    #[test]
    fn no_way_leads_out_of_the_menus(way in "[udlrebx]{0,80}", empty in any::<bool>()) {
        let (mut screens, mut settings) = (screens(), Settings::default());
        if empty {
            screens = Screens::default();
            screens.open(Page::Main);
        }
        for letter in way.chars() {
            if screens.is_binding() {
                screens.bind(Input::Key(Key::KeyB), &mut settings);
            }
            walk(&mut screens, &mut settings, &letter.to_string());
            let (_, at) = screens.page().expect("the first page stays");
            prop_assert!(at < screens.lines(&settings).len());
            prop_assert!(!screens.title().is_empty());
        }
    }
}
