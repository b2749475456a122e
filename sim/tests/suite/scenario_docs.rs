//! What `docs/SCENARIOS.md` shows is real: its examples parse, and its wrong ones fail with the printed message.

use sim::Scenario;

const PAGE: &str = include_str!("../../../docs/SCENARIOS.md");

/// The fenced blocks of the page: language and text, in order.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut fences = PAGE.split("```");
    let mut blocks = Vec::new();
    while let (Some(_prose), Some(fenced)) = (fences.next(), fences.next()) {
        blocks.push(fenced.split_once('\n').expect("a block has lines"));
    }
    blocks
}

/// One line, with every run of white space as one space.
fn flowed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn examples_parse_and_messages_are_real() {
    let blocks = blocks();
    let (mut good, mut bad) = (0, 0);
    for (i, (language, text)) in blocks.iter().enumerate() {
        if *language != "toml" {
            continue;
        }
        match blocks.get(i + 1) {
            Some(("text", message)) => {
                let error = Scenario::parse(text).expect_err("shown as wrong");
                assert_eq!(flowed(&error.to_string()), flowed(message));
                bad += 1;
            }
            _ => {
                let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{error} in:\n{text}"));
                assert!(!scenario.fleets.is_empty());
                good += 1;
            }
        }
    }
    assert_eq!((good, bad), (2, 4));
}

#[test]
fn tuning_files_and_their_problems_are_real() {
    let blocks = blocks();
    let scenario = Scenario::parse("name = \"any\"").expect("an empty world is a world");
    let (mut good, mut bad) = (0, 0);
    for (i, (_, text)) in blocks.iter().enumerate().filter(|(_, (language, _))| *language == "toml tuning") {
        match (sim::tuning::read(text, &scenario), blocks.get(i + 1)) {
            (Err(problems), Some(("text", messages))) => {
                let problems: Vec<String> = problems.iter().map(|problem| flowed(&problem.to_string())).collect();
                assert_eq!(problems, messages.lines().map(flowed).collect::<Vec<_>>());
                bad += 1;
            }
            (values, _) => {
                assert_eq!(values.map(|values| values.len()), Ok(5));
                good += 1;
            }
        }
    }
    assert_eq!((good, bad), (1, 1));
}
