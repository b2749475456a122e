//! The records of a copy on their way from the store to whoever takes them. Must never let a copy that was cut off look
//! like one that is complete: it is complete only once whoever makes it has said so.

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::error::StoreError;
use crate::record::Record;

/// How many records of a copy wait at most.
const COPY_WAITING_MAX: usize = 64;

/// What comes.
#[derive(Debug)]
enum Part {
    Record(Box<Record>),
    /// Nothing behind it; the copy is complete if it is well.
    End(Result<(), StoreError>),
}

/// Records that come one by one; few wait to be taken.
#[derive(Debug)]
pub struct Copy {
    parts: Receiver<Part>,
    has_ended: bool,
}

/// Where a store puts the records of a copy.
#[derive(Debug)]
pub struct Copying {
    parts: Sender<Part>,
}

/// Nobody takes the copy any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned;

impl Copying {
    /// A copy, and what it is filled by.
    #[must_use]
    pub fn begin() -> (Self, Copy) {
        let (sender, parts) = channel(COPY_WAITING_MAX);
        (Self { parts: sender }, Copy { parts, has_ended: false })
    }

    /// The next record, once there is room for it.
    ///
    /// # Errors
    /// [`Abandoned`].
    pub async fn push(&self, record: Record) -> Result<(), Abandoned> {
        self.parts.send(Part::Record(Box::new(record))).await.map_err(|_| Abandoned)
    }

    /// The same in a thread that may wait.
    ///
    /// # Errors
    /// [`Abandoned`].
    pub fn blocking_push(&self, record: Record) -> Result<(), Abandoned> {
        self.parts.blocking_send(Part::Record(Box::new(record))).map_err(|_| Abandoned)
    }

    /// That was all, or why it was not.
    pub async fn end(self, outcome: Result<(), StoreError>) {
        // Who does not listen any more need not know.
        let _ = self.parts.send(Part::End(outcome)).await;
    }

    /// The same in a thread that may wait.
    pub fn blocking_end(self, outcome: Result<(), StoreError>) {
        let _ = self.parts.blocking_send(Part::End(outcome));
    }
}

impl Copy {
    /// The next record; nothing behind the last one of a complete copy, nor behind an error.
    ///
    /// # Errors
    /// What the store says, and [`StoreError::Unavailable`] where it went away before it said that this was all.
    pub async fn recv(&mut self) -> Option<Result<Record, StoreError>> {
        if self.has_ended {
            return None;
        }
        let outcome = match self.parts.recv().await {
            Some(Part::Record(record)) => return Some(Ok(*record)),
            Some(Part::End(outcome)) => outcome,
            None => Err(StoreError::Unavailable("the copy was cut off before its end".to_owned())),
        };
        self.has_ended = true;
        outcome.err().map(Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Name, Rev, Setting, Text};

    fn record() -> Record {
        let name = Name::new("a").expect("a name");
        Record::Setting(Setting { name, rev: Rev::FIRST, value: Text("b".to_owned()) })
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_a_copy_that_was_ended_ends() {
        let (copying, mut copy) = Copying::begin();
        tokio::spawn(async move {
            copying.push(record()).await.expect("it is taken");
            copying.end(Ok(())).await;
        });
        assert_eq!(copy.recv().await, Some(Ok(record())));
        assert_eq!((copy.recv().await, copy.recv().await), (None, None));

        let (copying, mut copy) = Copying::begin();
        tokio::spawn(copying.end(Err(StoreError::Closed)));
        assert_eq!((copy.recv().await, copy.recv().await), (Some(Err(StoreError::Closed)), None));

        // Whoever makes it ends in the middle.
        let (copying, mut copy) = Copying::begin();
        let task = tokio::spawn(async move {
            copying.push(record()).await.expect("it is taken");
            panic!("on purpose");
        });
        assert_eq!(copy.recv().await, Some(Ok(record())));
        let cut = copy.recv().await;
        assert!(matches!(&cut, Some(Err(StoreError::Unavailable(why))) if why.contains("cut off")), "{cut:?}");
        assert_eq!(copy.recv().await, None);
        assert!(task.await.is_err());

        let (copying, copy) = Copying::begin();
        drop(copy);
        assert_eq!(copying.push(record()).await, Err(Abandoned));
    }
}
