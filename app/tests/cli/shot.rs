//! `spacetime shot`: pictures of scenarios and recordings, on whatever Vulkan device there is; in the project's own checks
//! that is lavapipe.

use render::Picture;

use crate::common::{Folder, assert_misused, code, command, json, run, stderr};

/// How bright the middle and the corner of a picture are, 0 to 255.
fn middle_and_corner(picture: &Picture) -> [u8; 2] {
    let at = |x, y| picture.at(x, y)[..3].iter().copied().max().unwrap_or(0);
    [at(picture.width / 2, picture.height / 2), at(2, 2)]
}

/// One picture is enough: before each first one lavapipe compiles its shaders for ten seconds.
#[test]
fn a_recording_shows_the_earth_to_both_eyes() {
    let folder = Folder::new();
    let (recording, out) = (folder.recording("a.strec"), folder.file("a.png"));
    let line = "shot {} --tick 200 --camera body:earth,radii=3,phase=0 --size 160x120 --stereo --json --out {}";
    let told = run(line, &[&recording, &out]);
    assert_eq!(code(&told), 0, "{}", stderr(&told));
    let told = json(&told);
    assert_eq!((&told["tick"], &told["width"], &told["exact"]), (&200.into(), &320.into(), &true.into()), "{told}");
    assert!(told["device"].as_str().is_some_and(|device| !device.is_empty()), "{told}");
    let picture = Picture::load(&out).expect("a picture");
    assert_eq!((picture.width, picture.height), (320, 120));
    let half = |from: u32| {
        let rows = (0..120).flat_map(|y| (from..from + 160).flat_map(move |x| [x, y])).collect::<Vec<u32>>();
        let rgba = rows.chunks_exact(2).flat_map(|xy| picture.at(xy[0], xy[1])).collect();
        Picture { width: 160, height: 120, rgba }
    };
    for eye in [half(0), half(160)] {
        let [middle, corner] = middle_and_corner(&eye);
        assert!(middle > 60 && corner < 40, "the Earth is in the middle, and space around it: {middle} {corner}");
    }
}

#[test]
fn what_cannot_be_shown_gets_a_sentence() {
    let folder = Folder::new();
    let (recording, out) = (folder.recording("a.strec"), folder.file("a.png"));
    for (line, part) in [
        ("shot {} --tick 401 --out {}", "has no tick 401; it goes from tick 0 to tick 400"),
        ("shot {} --camera body:vulcan --out {}", "there is no body `vulcan`; there are"),
        ("shot {} --camera cockpit:999 --out {}", "there is no ship 999"),
        ("shot {} --hud --target 999 --out {}", "there is nothing with the number 999 at tick 400"),
    ] {
        assert_misused(&run(line, &[&recording, &out]), part);
    }
    for (line, part) in [("--camera drone", "`drone` is no camera"), ("--size 9x9", "16x16")] {
        let told = run(&format!("shot demo --out {{}} {line}"), &[&out]);
        assert!(code(&told) == 2 && stderr(&told).contains(part), "{}", stderr(&told));
    }
    assert!(!out.exists());
    assert_misused(&run("shot nothing --out {}", &[&out]), "there is no scenario `nothing`");
    // A recording is not written over by its picture.
    let before = std::fs::read(&recording).expect("it is there");
    let told = run("shot {} --size 16x16 --out {}", &[&recording, &recording]);
    assert_eq!((code(&told), std::fs::read(&recording).expect("it is there")), (2, before), "{}", stderr(&told));
}

/// As on a machine where no driver is installed: the loader is told to look for one where there is none.
#[test]
fn without_a_driver_a_sentence_says_what_to_install() {
    let folder = Folder::new();
    let mut shot = command();
    shot.args(["shot", "earth-orbit", "--out"]).arg(folder.file("a.png"));
    shot.env("VK_DRIVER_FILES", folder.file("none.json")).env("VK_ICD_FILENAMES", folder.file("none.json"));
    let told = shot.output().expect("the binary runs");
    assert_eq!(code(&told), 2);
    assert!(stderr(&told).contains("mesa-vulkan-drivers"), "{}", stderr(&told));
}
