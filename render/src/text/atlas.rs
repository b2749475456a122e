//! A picture of 8-bit coverage that holds glyphs on shelves, grows to a bound and then forgets what was not used for the
//! longest time. Must never move or overwrite a glyph that was used in the present frame.

use std::collections::HashMap;

use super::fonts::GlyphKey;

/// Columns of the atlas.
pub(super) const WIDTH: u16 = 1024;
/// Rows that it may grow to.
pub(super) const MOST_HEIGHT: u16 = 2048;
/// Empty texels between glyphs, so that filtered drawing takes nothing from a neighbour.
const GAP: u16 = 1;

/// A rectangle of the atlas, texels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Slot {
    /// Left edge.
    pub x: u16,
    /// Upper edge.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    left: i32,
    top: i32,
    slot: Slot,
    /// Index into the shelves' stable numbers; an empty glyph has none.
    shelf: u32,
}

/// A strip of the atlas, filled from left to right.
#[derive(Clone, Debug)]
struct Shelf {
    /// Stays the same when other shelves come and go.
    number: u32,
    y: u16,
    height: u16,
    filled: u16,
    used: u64,
    keys: Vec<GlyphKey>,
}

/// The picture and where the glyphs are in it. It is always as wide as [`Atlas::size`] says from the start; it only ever
/// grows downward, so that places stay valid.
#[derive(Debug)]
pub struct Atlas {
    width: u16,
    height: u16,
    most_height: u16,
    texels: Vec<u8>,
    /// From top to bottom without gaps; together as high as the atlas.
    shelves: Vec<Shelf>,
    entries: HashMap<GlyphKey, Entry>,
    frame: u64,
    numbers: u32,
    /// Something found no room in this frame.
    full: bool,
    changed: Option<(u16, u16)>,
}

impl Atlas {
    /// Columns, and the most rows that an atlas of a [`Text`](super::Text) grows to.
    pub const MOST_SIZE: [u16; 2] = [WIDTH, MOST_HEIGHT];

    pub(super) fn new(width: u16, most_height: u16) -> Self {
        Self {
            width,
            height: 0,
            most_height,
            texels: Vec::new(),
            shelves: Vec::new(),
            entries: HashMap::new(),
            frame: 0,
            numbers: 0,
            full: false,
            changed: None,
        }
    }

    /// Columns and rows; rows are 0 before the first glyph.
    #[must_use]
    pub fn size(&self) -> [u16; 2] {
        [self.width, self.height]
    }

    /// The coverage, row by row; 255 is covered.
    #[must_use]
    pub fn texels(&self) -> &[u8] {
        &self.texels
    }

    /// The rows (first, and one past the last) that changed since this was asked before. Rows that were added count
    /// as changed.
    pub fn take_changed(&mut self) -> Option<(u16, u16)> {
        self.changed.take()
    }

    /// All rows count as changed: what was told of them before came to nothing.
    pub(crate) fn change_all(&mut self) {
        if self.height > 0 {
            self.mark_changed(0, self.height);
        }
    }

    pub(super) fn begin_frame(&mut self) {
        self.frame += 1;
        if std::mem::take(&mut self.full) {
            // Shelves that hold one glyph in use and many forgotten ones may have taken all room: start afresh.
            while self.forget_oldest() {}
        }
    }

    /// Offset of the glyph's left and upper edge, and where it is.
    pub(super) fn get(&mut self, key: GlyphKey) -> Option<(i32, i32, Slot)> {
        let entry = *self.entries.get(&key)?;
        if let Some(shelf) = self.shelves.iter_mut().find(|shelf| shelf.number == entry.shelf) {
            shelf.used = self.frame;
        }
        Some((entry.left, entry.top, entry.slot))
    }

    /// Takes a glyph in. `None` where all room is taken by glyphs of the present frame.
    pub(super) fn insert(
        &mut self,
        key: GlyphKey,
        left: i32,
        top: i32,
        width: u16,
        height: u16,
        coverage: &[u8],
    ) -> Option<(i32, i32, Slot)> {
        if width == 0 || height == 0 || coverage.len() != usize::from(width) * usize::from(height) {
            // Blanks need no room and are never forgotten: there are only a few.
            let entry = Entry { left, top, slot: Slot::default(), shelf: 0 };
            self.entries.insert(key, entry);
            return Some((left, top, Slot::default()));
        }
        let room = self.room(width.saturating_add(GAP), height.saturating_add(GAP));
        self.full |= room.is_none();
        let at = room?;
        let shelf = &mut self.shelves[at];
        let slot = Slot { x: shelf.filled, y: shelf.y, width, height };
        shelf.filled += width + GAP;
        shelf.used = self.frame;
        shelf.keys.push(key);
        self.entries.insert(key, Entry { left, top, slot, shelf: shelf.number });
        self.copy(slot, coverage);
        Some((left, top, slot))
    }

    fn copy(&mut self, slot: Slot, coverage: &[u8]) {
        let row_length = usize::from(self.width);
        for (row, source) in coverage.chunks_exact(usize::from(slot.width)).enumerate() {
            let start = (usize::from(slot.y) + row) * row_length + usize::from(slot.x);
            self.texels[start..start + source.len()].copy_from_slice(source);
        }
        self.mark_changed(slot.y, slot.y + slot.height);
    }

    fn mark_changed(&mut self, from: u16, to: u16) {
        let (first, last) = self.changed.unwrap_or((from, to));
        self.changed = Some((first.min(from), last.max(to)));
    }

    /// Index of a shelf with room for a rectangle.
    fn room(&mut self, width: u16, height: u16) -> Option<usize> {
        if width > self.width || height > self.most_height {
            return None;
        }
        // Shelf heights in steps, so that glyphs of like height share a shelf.
        let wanted = height.next_multiple_of(4).min(self.most_height);
        if let Some(at) = self.shelf_with_room(width, height, wanted) {
            return Some(at);
        }
        while !self.shelves.iter().any(|shelf| shelf.keys.is_empty() && shelf.height >= wanted) {
            if !self.grow(wanted) && !self.forget_oldest() {
                // No shelf is old enough: take any with room, even one far too high.
                return self.shelf_with_room(width, height, self.most_height);
            }
        }
        let at = self.shelves.iter().position(|shelf| shelf.keys.is_empty() && shelf.height >= wanted)?;
        self.split(at, wanted);
        Some(at)
    }

    /// The lowest shelf in use that has room for a rectangle, unless it wastes too much height.
    fn shelf_with_room(&self, width: u16, height: u16, wanted: u16) -> Option<usize> {
        let most = wanted.saturating_add(wanted / 4);
        let fits = |shelf: &Shelf| {
            !shelf.keys.is_empty() && (height..=most).contains(&shelf.height) && self.width - shelf.filled >= width
        };
        let fitting = self.shelves.iter().enumerate().filter(|(_, shelf)| fits(shelf));
        fitting.min_by_key(|(_, shelf)| shelf.height).map(|(at, _)| at)
    }

    /// Adds rows: doubles, at least enough for a shelf. `false` at the bound.
    fn grow(&mut self, wanted: u16) -> bool {
        let height =
            self.height.saturating_mul(2).max(128).max(self.height.saturating_add(wanted)).min(self.most_height);
        if height == self.height {
            return false;
        }
        self.texels.resize(usize::from(self.width) * usize::from(height), 0);
        let number = self.next_number();
        let (y, used) = (self.height, 0);
        self.shelves.push(Shelf { number, y, height: height - y, filled: 0, used, keys: Vec::new() });
        self.mark_changed(y, height);
        self.height = height;
        self.join_empty();
        true
    }

    /// Empties the shelf that was not used for the longest time. `false` if all others were used in this frame.
    fn forget_oldest(&mut self) -> bool {
        let old = self.shelves.iter_mut().filter(|shelf| !shelf.keys.is_empty() && shelf.used < self.frame);
        let Some(shelf) = old.min_by_key(|shelf| shelf.used) else { return false };
        for key in shelf.keys.drain(..) {
            self.entries.remove(&key);
        }
        shelf.filled = 0;
        let (from, to) = (shelf.y, shelf.y + shelf.height);
        let row_length = usize::from(self.width);
        // Otherwise the gaps of the next glyphs would show parts of the forgotten ones.
        self.texels[usize::from(from) * row_length..usize::from(to) * row_length].fill(0);
        self.mark_changed(from, to);
        self.join_empty();
        true
    }

    /// Makes one shelf of neighbours that are empty.
    fn join_empty(&mut self) {
        self.shelves.dedup_by(|lower, upper| {
            let both = lower.keys.is_empty() && upper.keys.is_empty();
            if both {
                upper.height += lower.height;
            }
            both
        });
    }

    /// Cuts an empty shelf to a height; the rest becomes an empty shelf below.
    fn split(&mut self, at: usize, height: u16) {
        let rest = self.shelves[at].height - height;
        if rest > 0 {
            let number = self.next_number();
            let shelf = &mut self.shelves[at];
            shelf.height = height;
            let y = shelf.y + height;
            self.shelves.insert(at + 1, Shelf { number, y, height: rest, filled: 0, used: 0, keys: Vec::new() });
        }
    }

    fn next_number(&mut self) -> u32 {
        // 0 stands for no shelf; after 2^32 shelves a blank's number may come again, which does no harm.
        self.numbers = self.numbers.wrapping_add(1);
        self.numbers
    }
}

#[cfg(test)]
mod tests {
    use super::super::fonts::{Fonts, GlyphKey};
    use super::super::{Face, Weight};
    use super::*;
    use proptest::prelude::*;

    /// A key of its own for each number.
    fn key(number: u16) -> GlyphKey {
        thread_local!(static BASE: GlyphKey = {
            let mut glyphs = Vec::new();
            Fonts::new().shape("A", Face::new(12.0, Weight::Medium), &mut glyphs);
            GlyphKey { glyph: glyphs[0].key, quarter: 0 }
        });
        let mut key = BASE.with(|base| *base);
        key.glyph.glyph_id = number;
        key
    }

    fn put(atlas: &mut Atlas, number: u16, size: (u16, u16)) -> Option<Slot> {
        if let Some((.., slot)) = atlas.get(key(number)) {
            return Some(slot);
        }
        // Never 0, so that what is overwritten is seen.
        let coverage = vec![(number % 255) as u8 + 1; usize::from(size.0) * usize::from(size.1)];
        atlas.insert(key(number), 0, 0, size.0, size.1, &coverage).map(|(.., slot)| slot)
    }

    fn texel(atlas: &Atlas, x: u16, y: u16) -> u8 {
        atlas.texels()[usize::from(y) * usize::from(atlas.size()[0]) + usize::from(x)]
    }

    /// A glyph's texels are its own, and those around it are empty or outside.
    fn check_whole(atlas: &Atlas, number: u16, slot: Slot) {
        let [width, height] = atlas.size();
        assert!(slot.x + slot.width <= width && slot.y + slot.height <= height, "{slot:?} in {width} x {height}");
        for (x, y) in (0..slot.height).flat_map(|y| (0..slot.width).map(move |x| (slot.x + x, slot.y + y))) {
            assert_eq!(texel(atlas, x, y), (number % 255) as u8 + 1, "glyph {number} at {x}, {y}");
        }
        if slot.x + slot.width < width {
            assert_eq!(texel(atlas, slot.x + slot.width, slot.y), 0, "a gap to the right of {number}");
        }
        if slot.y + slot.height < height {
            assert_eq!(texel(atlas, slot.x, slot.y + slot.height), 0, "a gap below {number}");
        }
    }

    proptest! {
        #[test]
        fn glyphs_of_a_frame_stay_whole(
            frames in prop::collection::vec(prop::collection::vec((0u16..200, 1u16..40, 1u16..60), 1..40), 1..20),
        ) {
            let mut atlas = Atlas::new(128, 256);
            // A glyph always has the size that it was seen with first, as in a font.
            let mut sizes = HashMap::new();
            for frame in frames {
                atlas.begin_frame();
                let mut placed = Vec::new();
                for (number, width, height) in frame {
                    let size = *sizes.entry(number).or_insert((width, height));
                    placed.extend(put(&mut atlas, number, size).map(|slot| (number, slot)));
                }
                prop_assert!(!placed.is_empty());
                prop_assert!(atlas.size()[1] <= 256);
                placed.iter().for_each(|(number, slot)| check_whole(&atlas, *number, *slot));
                let filled: u32 = atlas.shelves.iter().map(|shelf| u32::from(shelf.height)).sum();
                prop_assert_eq!(filled, u32::from(atlas.size()[1]));
            }
        }
    }

    #[test]
    fn the_glyphs_used_last_are_kept() {
        let mut atlas = Atlas::new(64, 64);
        for frame in 0..100 {
            atlas.begin_frame();
            put(&mut atlas, 0, (30, 14)).expect("there is room for what is always used");
            put(&mut atlas, frame + 1, (30, 14)).expect("there is room when older ones are forgotten");
        }
        // Glyph 1 stands beside glyph 0 on a shelf that is always in use.
        assert!(atlas.get(key(3)).is_none(), "the oldest is forgotten");
        assert!(atlas.get(key(100)).is_some());
        assert!(atlas.entries.len() <= 8, "{} entries", atlas.entries.len());
    }

    #[test]
    fn a_full_frame_is_refused_and_the_next_has_room_again() {
        let mut atlas = Atlas::new(64, 64);
        atlas.begin_frame();
        let placed = (0..100).filter(|number| put(&mut atlas, *number, (15, 15)).is_some()).count();
        assert_eq!(placed, 16);
        assert!(put(&mut atlas, 200, (65, 2)).is_none() && put(&mut atlas, 201, (2, 65)).is_none());
        atlas.begin_frame();
        assert!(put(&mut atlas, 300, (60, 60)).is_some());
    }

    #[test]
    fn rows_that_changed_are_told_once() {
        let mut atlas = Atlas::new(64, 256);
        atlas.begin_frame();
        put(&mut atlas, 1, (10, 10));
        assert_eq!(atlas.take_changed(), Some((0, 128)));
        assert_eq!(atlas.take_changed(), None);
        put(&mut atlas, 2, (10, 10));
        assert_eq!(atlas.take_changed(), Some((0, 10)));
        put(&mut atlas, 1, (10, 10));
        assert_eq!(atlas.take_changed(), None);
    }
}
