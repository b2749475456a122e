//! What comes from devices: in flight it becomes actions, in menus steps, letters and pointing. Must never know of a window.

use glam::{Vec2, vec2};
use render::hud::layout::{Part, View};
use render::hud::menu::{Item, Rows, slider_bar, timeline_bar};

use super::Client;
use super::show::item;
use crate::play::actions::{Action, Context};
use crate::play::input::{self, Event, Step};
use crate::play::keys::{Input, Key, MouseButton, Wheel};
use crate::play::screens::{Page, Stands, Wish};

const CLICK: Input = Input::Mouse(MouseButton::Left);

impl Client {
    /// Something came from a device.
    pub fn event(&mut self, event: &Event) {
        let begun = self.pressed.take(event, self.settings.dead_zone as f32);
        let mut points = false;
        if let Event::Point(x, y) = event {
            // A pointer that rests where a window opens points at nothing yet; systems tell of it more than once.
            let at = vec2(*x, *y);
            points = self.pointer.replace(at).is_some_and(|before| before != at);
        }
        if self.screens.page().is_none() {
            let context = self.game.as_ref().map_or(Context::Both, |game| game.context());
            if begun.contains(&CLICK) && self.click_timeline() {
                return;
            }
            for action in input::begun(&self.settings.bindings, &begun, context) {
                self.act(action);
            }
            return;
        }
        if self.screens.is_binding() {
            if let Some(input) = begun.first() {
                let wish = self.screens.bind(*input, &mut self.settings);
                wish.into_iter().for_each(|wish| self.grant(wish));
            }
            return;
        }
        if let Event::Text(text) = event {
            self.screens.write(text);
        }
        if points {
            self.point();
        }
        begun.into_iter().for_each(|input| self.begin_in_menu(input));
    }

    fn begin_in_menu(&mut self, input: Input) {
        if input == Input::Key(Key::Backspace) {
            self.screens.erase();
        }
        let joins = self.screens.page().is_some_and(|(page, _)| page == Page::Join);
        let held = [Key::ControlLeft, Key::ControlRight].into_iter().any(|key| self.pressed.has(Input::Key(key)));
        if joins && input == Input::Key(Key::KeyV) && held {
            self.grant(Wish::Paste);
        }
        let window = |action: &Action| matches!(action, Action::Screenshot | Action::FullScreen);
        let actions: Vec<Action> = self.settings.bindings.actions(input, Context::Both).filter(window).collect();
        actions.into_iter().for_each(|action| self.act(action));
        match input {
            CLICK => self.click(),
            Input::Wheel(way) => self.scroll(way == Wheel::Down),
            input => {
                if let Some(step) = Step::of(input) {
                    self.go(step);
                }
            }
        }
    }

    fn go(&mut self, step: Step) {
        let wish = self.screens.step(step, &mut self.settings);
        wish.into_iter().for_each(|wish| self.grant(wish));
    }

    /// How the front is laid out; for menus the field of view makes no difference.
    fn view(&self) -> View {
        View::screen(self.size[0], self.size[1], 1.0, self.settings.text_size as f32)
    }

    /// Where the open menu's lines stand.
    fn rows(&mut self) -> Rows {
        self.lines = self.screens.lines(&self.settings);
        let items: Vec<Item<'_>> = self.lines.iter().map(item).collect();
        Rows::of(&self.view(), &self.menu(&items))
    }

    /// Marks the line under the pointer; gives its number and the list's places.
    fn point(&mut self) -> Option<(usize, Rows, Vec2)> {
        let at = self.pointer?;
        let rows = self.rows();
        let line = rows.at(at)?;
        self.screens.point(line, rows.first);
        Some((line, rows, at))
    }

    /// Does what the line under the pointer does; on a slider's way, chooses that share.
    fn click(&mut self) {
        let Some((line, rows, at)) = self.point() else { return };
        let stands = self.lines.get(line).map(|line| &line.stands);
        let share = rows.rect(line).filter(|_| matches!(stands, Some(Stands::Slider(..)))).map(|rect| {
            let bar = slider_bar(&self.view(), rect);
            (at.x - bar.min.x) / bar.size().x.max(1.0)
        });
        match share {
            // A little beyond its ends is meant for them; what is farther is not meant for it.
            Some(share) if (-0.05..=1.05).contains(&share) => {
                let wish = self.screens.slide(share, &mut self.settings);
                wish.into_iter().for_each(|wish| self.grant(wish));
            }
            Some(_) => {}
            None => self.go(Step::Accept),
        }
    }

    /// The wheel: a long list goes on below the pointer, a short one's mark does.
    fn scroll(&mut self, down: bool) {
        let rows = self.rows();
        if rows.shown >= rows.all {
            self.go(if down { Step::Down } else { Step::Up });
            return;
        }
        let last = rows.all - rows.shown;
        let first = if down { (rows.first + 1).min(last) } else { rows.first.saturating_sub(1) };
        let marked = self.screens.page().map_or(0, |(_, at)| at);
        // The mark stays among the lines that are seen, under the pointer where it is there.
        self.screens.point(marked.clamp(first, first + rows.shown - 1), first);
        self.point();
    }

    /// A click on a replay's bar goes there; whether it was one.
    fn click_timeline(&mut self) -> bool {
        let Some(at) = self.pointer.filter(|_| self.bar.is_some() && self.instruments) else { return false };
        let view = self.view();
        let place = self.show(|_, front| front.layout(&view).rect(Part::Timeline));
        let Some((place, bar)) = place.and_then(|place| Some((place, timeline_bar(&view, place)?))) else {
            return false;
        };
        if at.cmplt(place.min).any() || at.cmpgt(place.max).any() {
            return false;
        }
        let share = (at.x - bar.min.x) / bar.size().x.max(1.0);
        if let Some(game) = &mut self.game {
            match share {
                share if share < -0.05 => drop(game.act(Action::Play)),
                share => game.seek(f64::from(share.clamp(0.0, 1.0))),
            }
        }
        true
    }
}
