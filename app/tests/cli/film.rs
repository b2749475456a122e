//! `spacetime replay render`: video, pictures and contact sheets of recordings, on whatever Vulkan device there is. The
//! pictures are small, and few commands draw: before its first picture each compiles shaders for seconds.

use std::io::Read;
use std::process::Stdio;

use render::Picture;

use crate::common::{Folder, assert_misused, code, command, json, run, stderr, stdout};

/// The header of a video of 160 by 90 pixels, ten frames a second.
const HEADER: &[u8] = b"YUV4MPEG2 W160 H90 F10:1 Ip A1:1 C444 XYSCSS=444 XCOLORRANGE=LIMITED\n";
/// Bytes of one of its planes.
const PLANE: usize = 160 * 90;

/// How many pixels of a part of a picture are such: its upper left corner, width and height.
fn count(picture: &Picture, [left, top]: [u32; 2], [width, height]: [u32; 2], such: impl Fn([u8; 3]) -> bool) -> usize {
    let mut found = 0;
    for (x, y) in (left..left + width).flat_map(|x| (top..top + height).map(move |y| (x, y))) {
        let [red, green, blue, _] = picture.at(x, y);
        found += usize::from(such([red, green, blue]));
    }
    found
}

/// One second of a recording as video, simulated on so many threads.
fn video(recording: &std::path::Path, threads: &str) -> Vec<u8> {
    let mut film = command();
    film.args(["replay", "render", "--from", "200", "--to", "290", "--fps", "10", "--size", "160x90", "--out", "-"]);
    film.args(["--camera", "body:earth,radii=3,phase=0"]).arg(recording).env("RAYON_NUM_THREADS", threads);
    let told = film.output().expect("the binary runs");
    assert_eq!((code(&told), stderr(&told).as_str()), (0, ""), "nothing but the video");
    told.stdout
}

#[test]
fn video_is_y4m_of_the_right_size_and_light_and_the_same_on_any_number_of_threads() {
    let folder = Folder::new();
    let recording = folder.recording("a.strec");
    let one = video(&recording, "1");
    assert!(one.starts_with(HEADER), "{:?}", String::from_utf8_lossy(&one[..HEADER.len().min(one.len())]));
    let frames: Vec<&[u8]> = one[HEADER.len()..].chunks(b"FRAME\n".len() + 3 * PLANE).collect();
    // At 0, 0.1, .. 1.0 s.
    assert_eq!((frames.len(), one.len()), (11, HEADER.len() + 11 * (6 + 3 * PLANE)));
    for frame in frames {
        assert!(frame.starts_with(b"FRAME\n"));
        let at = |plane: usize, x: usize, y: usize| frame[6 + plane * PLANE + y * 160 + x];
        let (middle, corner) = (at(0, 80, 45), at(0, 2, 2));
        assert!(middle > 60 && corner < 40, "the Earth is in the middle, and space around it: {middle} {corner}");
        let luma = &frame[6..6 + PLANE];
        assert!(luma.iter().all(|y| (16..=235).contains(y)), "limited range");
        let blue = (0..PLANE).filter(|pixel| frame[6 + PLANE + pixel] > 140).count();
        assert!(blue > 200, "there are seas: {blue} pixels");
    }
    assert!(one == video(&recording, "3"), "the number of threads makes a difference");
}

#[test]
fn a_folder_takes_a_picture_for_each_frame() {
    let folder = Folder::new();
    let (recording, out) = (folder.recording("a.strec"), folder.file("new/frames"));
    let line = "replay render {} --from 90 --to 180 --fps 2 --size 640x360 --camera cockpit:1 --hud --target harbour \
                --json --out {}";
    let told = run(line, &[&recording, &out]);
    assert_eq!(code(&told), 0, "{}", stderr(&told));
    let told = json(&told);
    assert_eq!((&told["frames"], &told["exact"], &told["from"]), (&3.into(), &true.into(), &90.into()), "{told}");
    let mut names: Vec<_> =
        std::fs::read_dir(&out).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["frame-000001.png", "frame-000002.png", "frame-000003.png"]);
    let pictures = names.iter().map(|name| Picture::load(&out.join(name)).expect("a picture")).collect::<Vec<_>>();
    for picture in &pictures {
        assert_eq!((picture.width, picture.height), (640, 360));
        // The lower edge has nothing but panels, whose text is white.
        let text = count(picture, [0, 280], [640, 80], |rgb| rgb.iter().all(|value| *value > 200));
        assert!(text > 50, "there are instruments: {text} pixels");
    }
    assert!(pictures[0] != pictures[2], "the clock goes on");
    // They are not mixed with those of another run.
    assert_misused(&run(line, &[&recording, &out]), "has frames already");
}

#[test]
fn a_contact_sheet_shows_every_moment_from_every_camera() {
    let folder = Folder::new();
    let (recording, out) = (folder.recording("a.strec"), folder.file("a.png"));
    let line = "replay render {} --contact-sheet {} --moments 3 --size 160x90 --json";
    let told = run(line, &[&recording, &out]);
    assert_eq!(code(&told), 0, "{}", stderr(&told));
    let told = json(&told);
    assert_eq!(told["ticks"], serde_json::json!([0, 200, 400]));
    assert_eq!(told["cameras"], serde_json::json!(["cockpit", "chase", "body:Earth"]));
    assert_eq!((&told["width"], &told["height"]), (&(8 + 3 * 168).into(), &(62 + 8 + 3 * 98).into()));
    let sheet = Picture::load(&out).expect("a picture");
    assert_eq!((u64::from(sheet.width), u64::from(sheet.height)), (512, 364));
    for (row, column) in (0..3).flat_map(|row| (0..3).map(move |column| (row, column))) {
        let (left, top) = (8 + column * 168, 70 + row * 98);
        // Above the names of the cameras; stars at the least.
        let lit = count(&sheet, [left, top], [160, 68], |rgb| rgb.iter().any(|value| *value > 60));
        assert!(lit > 5, "row {row}, column {column}: {lit} pixels");
        let middle = sheet.at(left + 80, top + 45);
        assert!(row < 2 || middle[2] > 60, "the Earth is in the third row: {middle:?}");
    }
    let words = count(&sheet, [8, 8], [492, 54], |rgb| rgb[0] > 150);
    assert!(words > 300, "a title and times: {words} pixels");
}

#[test]
fn a_reader_that_goes_away_ends_the_video_quietly() {
    let folder = Folder::new();
    let recording = folder.recording("a.strec");
    let mut film = command();
    film.args(["replay", "render", "--size", "64x36", "--fps", "240", "--out", "-"]).arg(&recording);
    let mut film = film.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut start = [0; 10];
    film.stdout.take().expect("piped").read_exact(&mut start).expect("it begins");
    // The pipe is closed: it was taken.
    assert_eq!(&start, b"YUV4MPEG2 ");
    let told = film.wait_with_output().expect("it ends");
    assert_eq!((code(&told), stderr(&told).as_str()), (0, ""));
}

#[test]
fn what_cannot_be_filmed_gets_a_sentence() {
    let folder = Folder::new();
    let (recording, out) = (folder.recording("a.strec"), folder.file("out"));
    for (options, part) in [
        ("--from 401 --out {}", "has no tick 401; it goes from tick 0 to tick 400"),
        ("--to 999 --contact-sheet {}", "has no tick 999"),
        ("--from 200 --to 100 --out {}", "--to 100 is before --from 200"),
        ("--camera body:vulcan --out {}", "there is no body `vulcan`"),
        ("--camera cockpit:999 --out {}", "there is no ship 999"),
        ("--hud --target 999 --out {}", "there is nothing with the number 999 at tick"),
        ("--hud --target vulcan --out {}", "there is nothing called `vulcan`; there are"),
        ("--hud --camera body:earth --out {}", "needs a cockpit or a chase camera"),
        ("--contact-sheet {} --moments 48 --size 8192x8192", "keep it within 16384"),
        ("--json --out -", "cannot both go to standard output"),
    ] {
        assert_misused(&run(&format!("replay render {{}} {options}"), &[&recording, &out]), part);
    }
    for (options, part) in [
        ("", "<--out <DIR|->|--contact-sheet <PNG>>"),
        ("--out a --contact-sheet b", "cannot be used with"),
        ("--out a --fps 0", "1..=240"),
        ("--out a --speed 0", "from 0.001 to 100000"),
        ("--out a --moments 3", "cannot be used with"),
        ("--out a --target earth", "--hud"),
    ] {
        let told = run(&format!("replay render {{}} {options}"), &[&recording]);
        assert!(code(&told) == 2 && stderr(&told).contains(part), "{options}: {}", stderr(&told));
    }
    assert!(!out.exists(), "nothing is written before it is clear what");
}

/// The near side of a pseudo-terminal is one too.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_no_video() {
    let folder = Folder::new();
    let terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/ptmx").expect("a pseudo-terminal");
    let mut film = command();
    film.args(["replay", "render", "--out", "-"]).arg(folder.recording("a.strec")).stdout(terminal);
    assert_misused(&film.output().expect("the binary runs"), "video is not for a terminal");
}

/// As on a machine where no driver is installed: the demo does all but its contact sheet.
#[test]
fn without_a_driver_the_demo_leaves_out_its_sheet() {
    let folder = Folder::new();
    let (out, none) = (folder.file("demo"), folder.file("none.json"));
    let mut demo = command();
    demo.args(["demo", "--seconds", "1", "--out"])
        .arg(&out)
        .env("VK_DRIVER_FILES", &none)
        .env("VK_ICD_FILENAMES", &none);
    let told = demo.output().expect("the binary runs");
    assert_eq!(code(&told), 0, "{}", stderr(&told));
    let text = stdout(&told);
    assert!(text.contains("sheet      left out: ") && text.contains("mesa-vulkan-drivers"), "{text}");
    assert!(out.join("demo.png").exists() && !out.join("demo-sheet.png").exists());
}
