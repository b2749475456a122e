//! What presentation shows and hears with: controllers, sound, pictures. Must never change the world.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A controller of a headset.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Controller {
    /// `left` or `right`, or another word of the runtime.
    pub hand: String,
    /// Whether its pose is known now.
    pub is_tracked: bool,
    /// Position about the floor's middle, m.
    pub position_m: [f64; 3],
    /// Attitude as a quaternion (x, y, z, w).
    pub attitude: [f64; 4],
    /// Inputs that are pressed.
    pub pressed: Vec<String>,
}

/// Something that sounds.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AudioSource {
    /// Stable id of the entity that it belongs to.
    pub entity: u64,
    /// Which sound.
    pub sound: String,
    /// Position relative to the listener, m.
    pub position_m: [f64; 3],
    /// Gain; 1 for as recorded.
    pub gain: f64,
}

/// How much effort goes into pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// As little as possible.
    Low,
    /// Some.
    Medium,
    /// All.
    High,
}

/// Why presentation did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PresentationError {
    /// What it shows with cannot do that.
    #[error("not possible with what is attached")]
    NotPossible,
    /// It does not answer; a sentence for the log.
    #[error("presentation: {0}")]
    Unavailable(String),
}

/// A presentation that is attached.
#[async_trait]
pub trait Presentation: Send + Sync + 'static {
    /// Controllers, as they are now.
    fn controllers(&self) -> Vec<Controller>;

    /// What sounds now.
    fn audio_sources(&self) -> Vec<AudioSource>;

    /// Sets the quality of pictures.
    ///
    /// # Errors
    /// [`PresentationError`].
    async fn set_quality(&self, quality: Quality) -> Result<(), PresentationError>;
}
