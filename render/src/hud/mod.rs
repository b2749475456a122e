//! The head-up display and the menus: plain values in, a list of shapes in pixels out. Must never read input, a clock or
//! the simulation, and never touch the GPU.

pub mod colour;
pub mod format;
pub mod layout;
pub mod menu;
mod navball;
pub mod paint;
mod painter;
mod panels;
mod scene_marks;
pub mod values;

use colour::Palette;
use layout::{Layout, Part, View};
use menu::{Menu, Timeline};
use paint::Overlay;
use painter::Painter;
use values::HudValues;

use crate::text::Text;

/// How all of it is painted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Size of text and instruments, 1 as designed.
    pub zoom: f32,
    /// Colours.
    pub palette: Palette,
}

impl Default for Style {
    fn default() -> Self {
        Self { zoom: 1.0, palette: Palette::default() }
    }
}

/// What spares a stomach.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Comfort {
    /// Half the angle that stays clear, radians; beyond, the picture gets dark. Nothing leaves all of it.
    pub clear_rad: Option<f32>,
    /// How dark all of it is, 0 to 1.
    pub fade: f32,
}

/// All that may lie before the scene. What is absent is not painted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Front<'a> {
    /// How it is painted.
    pub style: Style,
    /// Before everything else.
    pub comfort: Comfort,
    /// Instruments.
    pub values: Option<&'a HudValues>,
    /// A replay's bar.
    pub timeline: Option<&'a Timeline<'a>>,
    /// What a tutorial says; up to three lines.
    pub subtitle: Option<&'a str>,
    /// A short message.
    pub toast: Option<&'a str>,
    /// A menu over all of it.
    pub menu: Option<&'a Menu<'a>>,
}

impl Front<'_> {
    /// Where the parts that are shown stand.
    #[must_use]
    pub fn layout(&self, view: &View) -> Layout {
        let instruments = self.menu.is_none();
        Layout::new(view, |part| match part {
            Part::Timeline => self.timeline.is_some() && instruments,
            Part::Subtitle => self.subtitle.is_some() && instruments,
            Part::Toast => self.toast.is_some(),
            _ => self.values.is_some() && instruments,
        })
    }
}

/// Appends all of it to `overlay`. Call [`Text::begin_frame`] once a frame before, however many views are painted.
pub fn paint(front: &Front<'_>, view: &View, palette: &Palette, text: &mut Text, overlay: &mut Overlay) {
    paint_with(front, &mut Painter::new(overlay, text, palette, view));
}

fn paint_with(front: &Front<'_>, painter: &mut Painter<'_>) {
    let layout = front.layout(painter.view);
    // A menu stands alone: instruments behind it would only be in the way of reading.
    if let Some(menu) = front.menu {
        menu::paint_menu(painter, menu);
    } else if let Some(values) = front.values {
        scene_marks::paint(painter, values, &layout);
        if let Some((rect, attitude)) = layout.rect(Part::Navball).zip(values.attitude.as_ref()) {
            navball::paint(painter, rect, attitude);
        }
        panels::paint(painter, values, &layout);
    }
    if let Some((rect, timeline)) = layout.rect(Part::Timeline).zip(front.timeline) {
        menu::paint_timeline(painter, rect, timeline);
    }
    if let Some((rect, subtitle)) = layout.rect(Part::Subtitle).zip(front.subtitle) {
        menu::paint_subtitle(painter, rect, subtitle);
    }
    if let Some((rect, toast)) = layout.rect(Part::Toast).zip(front.toast) {
        menu::paint_toast(painter, rect, toast);
    }
}
