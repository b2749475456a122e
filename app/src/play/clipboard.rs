//! What was copied elsewhere, for pasting an invite. Must never make a frame wait: whoever has it may take seconds to hand
//! it over.

use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// What is asked for.
#[derive(Default)]
pub struct Clipboard {
    asked: Option<Receiver<Result<String, String>>>,
}

impl Clipboard {
    /// Asks for it, in a thread of its own.
    pub fn ask(&mut self) {
        let (tell, asked) = channel();
        self.asked = Some(asked);
        // Without a thread the question has no answer, which is an answer.
        let _ = std::thread::Builder::new().name("clipboard".to_owned()).spawn(move || tell.send(text()));
    }

    /// The text, or a sentence that says why there is none; nothing while it is on its way.
    pub fn answer(&mut self) -> Option<Result<String, String>> {
        let answer = match self.asked.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("The clipboard cannot be read.".to_owned()),
            Ok(answer) => answer,
        };
        self.asked = None;
        Some(answer)
    }
}

fn text() -> Result<String, String> {
    let mut clipboard = arboard::Clipboard::new().map_err(|_| "There is no clipboard here.".to_owned())?;
    clipboard.get_text().map_err(|error| match error {
        arboard::Error::ContentNotAvailable => "There is no text in the clipboard.".to_owned(),
        error => format!("The clipboard cannot be read: {error}."),
    })
}
