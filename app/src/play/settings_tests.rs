//! Tests of settings: they come back as they were, and no text is lost or believed blindly.

use proptest::prelude::*;

use super::super::keys::Key;
use super::*;

#[test]
fn every_mistake_gets_its_line() {
    for (text, part) in [
        ("\nfov_deg = 500", "line 2: fov_deg is a number from 30 to 120"),
        ("fov_deg = \"wide\"", "line 1: fov_deg is a number"),
        ("fov_deg = nan", "line 1: fov_deg is a number"),
        ("record = 1", "line 1: record is true or false"),
        ("# x\n\ncolour = 3", "line 3: there is no setting `colour`"),
        ("record = tru", "line 1: not TOML"),
        ("bindings = 3", "line 1: bindings is a table"),
        ("[bindings]\ndance = [\"KeyW\"]", "line 2: there is no action `dance`"),
        ("[bindings]\nfire = [\"KeyÄ\"]", "line 2: there is no input `KeyÄ`"),
        ("[bindings]\nfire = [3]", "line 2: inputs are texts"),
        ("[bindings]\nfire = [\"KeyW\"]", "KeyW is bound to both pitch_up and fire"),
    ] {
        let read = Settings::read(text);
        assert_eq!(read.complaints.len(), 1, "{text}: {:?}", read.complaints);
        assert!(read.complaints[0].contains(part), "{text}: {:?}", read.complaints);
    }
    let many: String = (0..100).map(|n| format!("x{n} = 1\n")).collect();
    let complaints = Settings::read(&many).complaints;
    assert_eq!((complaints.len(), complaints.last().map(String::as_str)), (9, Some("and 92 more mistakes")));
}

#[test]
fn what_is_right_beside_a_mistake_counts() {
    let read = Settings::read("fov_deg = 75\nnonsense = 1\ninvert_pitch = true\n[bindings]\nfire = \"KeyB\"\nx = 1\n");
    assert_eq!(read.complaints.len(), 2);
    assert_eq!((read.settings.fov_deg, read.settings.feel.invert_pitch), (75.0, true));
    assert_eq!(read.settings.bindings.of(Action::Fire), [Input::Key(Key::KeyB)]);
}

#[test]
fn a_file_with_mistakes_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("settings.toml");
    let (mut store, settings, complaints) = Store::open(&path);
    assert_eq!((&settings, complaints.len()), (&Settings::default(), 0));
    assert_eq!(store.save(&settings).unwrap(), None);
    for round in ["settings-with-mistakes.toml", "settings-with-mistakes-2.toml"] {
        let broken = format!("fov_deg = 1 # {round}\nrecord = false\n");
        fs::write(&path, &broken).unwrap();
        let (mut store, settings, complaints) = Store::open(&path);
        assert!(complaints[0].contains("settings.toml: line 1: fov_deg"), "{complaints:?}");
        assert!(!settings.record);
        let kept = store.save(&settings).unwrap().expect("it had a mistake");
        assert!(kept.ends_with(round));
        assert_eq!(fs::read_to_string(&kept).unwrap(), broken);
        assert_eq!(store.save(&settings).unwrap(), None, "once is enough");
        assert_eq!(Store::open(&path).1, settings);
    }
    fs::write(&path, [b'\n', 0xff]).unwrap();
    let (_, settings, complaints) = Store::open(&path);
    assert!(complaints[0].contains("line 2: it is not UTF-8"), "{complaints:?}");
    assert_eq!(settings, Settings::default());
}

#[test]
fn the_page_about_playing_names_every_setting() {
    let page = include_str!("../../../docs/PLAYING.md");
    let named = |key: &str, says: &str| assert!(page.contains(&format!("| `{key}` | {says} |")), "`{key}` | {says}");
    FLAGS.iter().for_each(|flag| named(flag.key, flag.says));
    NUMBERS.iter().for_each(|number| named(number.key, number.says));
    CHOICES.iter().for_each(|choice| named(choice.key, choice.says));
}

fn settings() -> impl Strategy<Value = Settings> {
    let inputs: Vec<Input> = Input::all().collect();
    let bound = proptest::collection::vec((0..Action::ALL.len(), 0..inputs.len()), 0..20);
    let numbers = proptest::collection::vec(0.0f64..=1.0, NUMBERS.len());
    (numbers, any::<[bool; 5]>(), 0usize..5, bound).prop_map(move |(numbers, flags, choice, bound)| {
        let mut settings = Settings::default();
        CHOICES.iter().for_each(|kind| (kind.set)(&mut settings, choice));
        for (number, share) in NUMBERS.iter().zip(numbers) {
            (number.set)(&mut settings, number.least + share * (number.most - number.least));
        }
        FLAGS.iter().zip(flags).for_each(|(flag, on)| (flag.set)(&mut settings, on));
        bound.iter().for_each(|(action, input)| settings.bindings.rebind(Action::ALL[*action], inputs[*input]));
        settings
    })
}

proptest! {
    #[test]
    fn settings_come_back(settings in settings()) {
        let read = Settings::read(&settings.text());
        prop_assert_eq!(read.complaints, Vec::<String>::new());
        prop_assert_eq!(read.settings, settings);
    }

    #[test]
    fn any_text_gives_settings(text in "[a-z_=\\[\\]\"{}0-9.,\\n \u{0}ä-]{0,120}") {
        let read = Settings::read(&text);
        prop_assert!(read.complaints.iter().all(|complaint| !complaint.contains('\n')));
    }

    #[test]
    fn damaged_settings_give_settings(settings in settings(), at in 0usize..400, byte in any::<char>()) {
        let mut text: Vec<char> = settings.text().chars().collect();
        let at = at % text.len();
        text[at] = byte;
        let read = Settings::read(&text.into_iter().collect::<String>());
        prop_assert!((30.0..=120.0).contains(&read.settings.fov_deg));
    }
}
