//! Sends batches until it is known what became of them. Must never take an unknown outcome for a failure.

use std::time::Duration;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::record::{Key, Record};
use crate::store::Store;

/// How often a batch of unknown fate is sent.
const SENDINGS_MAX: u32 = 10;
/// How often something is read and decided again, because somebody else was quicker.
pub(super) const ROUNDS_MAX: u32 = 64;

/// Sends a batch, and again as long as it is not known whether it was written. Where that stays so, or becomes so, the
/// error is [`StoreError::Unknown`]. A conflict or a fence after an unknown outcome says nothing about the outcome: who
/// has to know looks for what the batch was to write.
pub(super) async fn commit(store: &dyn Store, batch: &Batch) -> Result<(), StoreError> {
    let mut unknown = None;
    for sending in 0..SENDINGS_MAX {
        match store.commit(batch).await {
            Err(StoreError::Unknown(why)) => unknown = Some(why),
            // That this sending failed does not say what became of an earlier one.
            Err(error) if unknown.is_some() && (error.is_transient() || error == StoreError::Closed) => {}
            outcome => return outcome,
        }
        pause(sending).await;
    }
    Err(StoreError::Unknown(unknown.unwrap_or_default()))
}

/// Looks for what a batch of unknown fate was to write. Where the store does not even say that, the fate stays unknown.
pub(super) async fn look(store: &dyn Store, key: &Key) -> Result<Option<Record>, StoreError> {
    let mut why = String::new();
    for sending in 0..SENDINGS_MAX {
        match store.get(key).await {
            Err(error) if error.is_transient() => why = error.to_string(),
            Err(error) => return Err(StoreError::Unknown(error.to_string())),
            found => return found,
        }
        pause(sending).await;
    }
    Err(StoreError::Unknown(why))
}

/// Waits for a random time that grows with the round, at most 32 ms: those who got into each other's way part.
pub(super) async fn pause(round: u32) {
    let mut random = [0; 2];
    // Without a random number everybody waits for no time, which is no worse than not to wait.
    let _ = getrandom::fill(&mut random);
    let most_us = 2_000_u64 << round.min(4);
    let us = u64::from(u16::from_le_bytes(random)) * most_us / (1 << 16);
    tokio::time::sleep(Duration::from_micros(us)).await;
}
