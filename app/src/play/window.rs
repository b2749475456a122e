//! The window: the only file that knows winit. Events go to the client, frames come from it. Must never decide anything that
//! a test without a window would want to know.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use render::hud::Front;
use render::quality::Governor;
use render::{Gpu, GpuError, GpuOptions, Screen};
use winit::application::ApplicationHandler;
use winit::dpi::PhysicalSize;
use winit::event::{DeviceEvent, DeviceId, ElementState, KeyEvent, MouseScrollDelta, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::keyboard::{KeyCode, PhysicalKey};
use winit::window::{Fullscreen, Window, WindowId};

use super::client::{Client, Request};
use super::clipboard::Clipboard;
use super::gamepad::Gamepads;
use super::input::Event;
use super::keys::{Input, Key, MouseButton, with_keys};
use super::measure::{Frame, Log, Measure, Measured};
use crate::cli::PlayArgs;
use crate::exit::{Failure, Outcome};
use crate::output;

/// A device that is lost so soon after it was opened again will not come back.
const LOST_AGAIN: Duration = Duration::from_secs(10);
/// What a display shows a second, where it does not say.
const DISPLAY_HZ: f64 = 60.0;
/// Pixels of a touchpad that are a notch of a wheel.
const NOTCH_PX: f64 = 40.0;
/// Smallest window.
const LEAST: PhysicalSize<u32> = PhysicalSize::new(160, 90);

/// Ctrl-C, or a termination signal.
static STOP: AtomicBool = AtomicBool::new(false);

/// Opens the window and runs the client until it is closed.
///
/// # Errors
/// [`Failure::Machine`] without a display or a graphics device; what a measurement or a log cannot be written to.
pub fn run(client: Client, args: &PlayArgs) -> Result<Outcome, Failure> {
    let inputs = [args.replay.as_deref(), args.identity.as_deref(), args.scenario.as_deref().map(Path::new)];
    let inputs: Vec<&Path> = inputs.into_iter().flatten().collect();
    let log = args.log_frames.as_deref().map(|path| Log::create(path, &inputs)).transpose()?;
    if cfg!(all(unix, not(target_os = "macos"))) {
        has_display(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))?;
    }
    let events = EventLoop::builder().build().map_err(|e| cannot_open(&e))?;
    // A second handler in one process, as tests make, keeps the first one's.
    let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
    let mut shell = Shell {
        client,
        size: args.size,
        scale: args.scale,
        drawn: None,
        pads: Gamepads::open(),
        clipboard: Clipboard::default(),
        reopened: None,
        measure: args.measure.map(Measure::new),
        measured: None,
        log,
        last: Instant::now(),
        failure: None,
    };
    let ran = events.run_app(&mut shell).map_err(|e| cannot_open(&e));
    // Whoever closes the window early gets what was measured up to then.
    shell.end_measure();
    // The window goes first: what still ends is waited for without it, and without a place for messages.
    shell.drawn = None;
    shell.client.close().iter().for_each(|said| output::complain(said));
    ran?;
    if let Some(failure) = shell.failure {
        return Err(failure);
    }
    if let Some(measured) = &shell.measured {
        measured.print(args.json)?;
    }
    Ok(Outcome::Fine)
}

/// Says so where there is no display. `is_set` tells of a variable of the environment.
fn has_display(is_set: impl Fn(&str) -> bool) -> Result<(), Failure> {
    if is_set("DISPLAY") {
        return Ok(());
    }
    let wayland = if is_set("WAYLAND_DISPLAY") { "; under Wayland, XWayland is needed" } else { "" };
    Err(Failure::Machine(format!(
        "there is no display to open a window on: DISPLAY is not set{wayland} (`spacetime shot` draws without one)"
    )))
}

fn cannot_open(error: &dyn std::fmt::Display) -> Failure {
    let mut said = error.to_string().replace('\n', " ");
    if let Some((_, rest)) = said.split_once("os error at ") {
        // winit names its own source file first; that helps nobody.
        said = rest.split_once(": ").map_or(rest, |(_, rest)| rest).to_owned();
    }
    Failure::Machine(format!("the display cannot be used: {said} (`spacetime shot` draws without one)"))
}

/// A window with what draws into it.
struct Drawn {
    window: Arc<Window>,
    device: String,
    screen: Screen,
    display_hz: f64,
    governor: Governor,
}

struct Shell {
    client: Client,
    size: [u32; 2],
    /// As on the command line.
    scale: Option<f64>,
    drawn: Option<Drawn>,
    pads: Gamepads,
    clipboard: Clipboard,
    /// When a lost device was opened again last.
    reopened: Option<Instant>,
    measure: Option<Measure>,
    measured: Option<Measured>,
    log: Option<Log>,
    last: Instant,
    failure: Option<Failure>,
}

impl ApplicationHandler for Shell {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        if self.drawn.is_none() {
            match self.open(events, None) {
                Ok(drawn) => {
                    self.drawn = Some(drawn);
                    self.take_quality();
                }
                Err(failure) => self.fail(events, failure),
            }
        }
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _window: WindowId, event: WindowEvent) {
        match event {
            WindowEvent::CloseRequested => events.exit(),
            WindowEvent::Resized(size) => {
                if let Some(drawn) = &mut self.drawn {
                    drawn.screen.resize(size.into());
                }
            }
            WindowEvent::RedrawRequested => {
                if let Err(error) = self.draw(events) {
                    self.recover(events, &error);
                }
            }
            WindowEvent::KeyboardInput { event, is_synthetic: false, .. } => self.key(&event),
            WindowEvent::CursorMoved { position, .. } => {
                self.client.event(&Event::Point(position.x as f32, position.y as f32));
            }
            WindowEvent::MouseInput { state, button, .. } => {
                if let Some(button) = button_of(button) {
                    self.set(Input::Mouse(button), state == ElementState::Pressed);
                }
            }
            WindowEvent::MouseWheel { delta, .. } => {
                let notches = match delta {
                    MouseScrollDelta::LineDelta(_, y) => y,
                    MouseScrollDelta::PixelDelta(way) => (way.y / NOTCH_PX) as f32,
                };
                self.client.event(&Event::Turned(notches));
            }
            WindowEvent::Focused(is) => self.client.event(&Event::Focus(is)),
            WindowEvent::DroppedFile(path) => self.client.dropped(path),
            _ => {}
        }
    }

    fn device_event(&mut self, _events: &ActiveEventLoop, _device: DeviceId, event: DeviceEvent) {
        if let DeviceEvent::MouseMotion { delta: (x, y) } = event {
            self.client.event(&Event::Motion(x as f32, y as f32));
        }
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        if STOP.load(Ordering::Relaxed) {
            events.exit();
            return;
        }
        let Some(drawn) = &self.drawn else { return };
        // Where the display does not hold frames back, this does.
        let due = self.last + Duration::from_secs_f64(0.9 / drawn.display_hz);
        if self.measure.is_some() || Instant::now() >= due {
            events.set_control_flow(ControlFlow::Poll);
            drawn.window.request_redraw();
        } else {
            events.set_control_flow(ControlFlow::WaitUntil(due));
        }
    }
}

impl Shell {
    /// Opens the window, unless there is one, and a device that draws into it.
    fn open(&self, events: &ActiveEventLoop, window: Option<Arc<Window>>) -> Result<Drawn, Failure> {
        let window = match window {
            Some(window) => window,
            None => {
                let looks = Window::default_attributes()
                    .with_title("SpaceTime")
                    .with_inner_size(PhysicalSize::<u32>::from(self.size))
                    .with_min_inner_size(LEAST);
                Arc::new(events.create_window(looks).map_err(|e| cannot_open(&e))?)
            }
        };
        let broken = |e: GpuError| Failure::Machine(e.to_string());
        let gpu = Arc::new(Gpu::open_on(GpuOptions::default(), &*window).map_err(broken)?);
        let device = gpu.name().to_owned();
        let scale = self.scale.unwrap_or(self.client.settings().scale);
        let preset = self.client.settings().quality;
        let mut screen = Screen::new(gpu, Arc::clone(&window), window.inner_size().into(), scale).map_err(broken)?;
        screen.set_steady(self.measure.is_none());
        let shown = window.current_monitor().and_then(|monitor| monitor.refresh_rate_millihertz());
        let display_hz = shown.filter(|rate| *rate >= 10_000).map_or(DISPLAY_HZ, |rate| f64::from(rate) / 1e3);
        let governor = Governor::new(preset, 1e3 / display_hz);
        Ok(Drawn { window, device, screen, display_hz, governor })
    }

    fn fail(&mut self, events: &ActiveEventLoop, failure: Failure) {
        self.failure.get_or_insert(failure);
        events.exit();
    }

    /// A lost device is opened again, once in a while.
    fn recover(&mut self, events: &ActiveEventLoop, error: &GpuError) {
        let again = self.reopened.is_some_and(|then| then.elapsed() < LOST_AGAIN);
        let window = self.drawn.take().map(|drawn| drawn.window);
        if !matches!(error, GpuError::DeviceLost(_)) || again {
            self.fail(events, Failure::Machine(error.to_string()));
            return;
        }
        // What the lost device still holds of the window may be in the way: then there is a new one.
        match self.open(events, window).or_else(|_| self.open(events, None)) {
            Ok(drawn) => {
                self.drawn = Some(drawn);
                self.take_quality();
                self.client.toast("The graphics device was lost and opened again.");
                self.reopened = Some(Instant::now());
            }
            Err(failure) => self.fail(events, failure),
        }
    }

    fn set(&mut self, input: Input, pressed: bool) {
        self.client.event(&Event::Set(input, if pressed { 1.0 } else { 0.0 }));
    }

    fn key(&mut self, event: &KeyEvent) {
        let pressed = event.state == ElementState::Pressed;
        if let PhysicalKey::Code(code) = event.physical_key
            && let Some(key) = key_of(code)
        {
            // A key that is held goes on through a menu, and does nothing else again.
            if event.repeat && self.client.is_in_menu() && goes_on(key) {
                self.set(Input::Key(key), false);
            }
            if !event.repeat || self.client.is_in_menu() {
                self.set(Input::Key(key), pressed);
            }
        }
        if let Some(text) = event.text.as_ref().filter(|_| pressed) {
            self.client.event(&Event::Text(text.to_string()));
        }
    }

    fn draw(&mut self, events: &ActiveEventLoop) -> Result<(), GpuError> {
        for event in self.pads.poll() {
            self.client.event(&event);
        }
        match self.clipboard.answer() {
            Some(Ok(text)) => self.client.paste(&text),
            Some(Err(sentence)) => self.client.toast(sentence),
            None => {}
        }
        let Some(drawn) = &mut self.drawn else { return Ok(()) };
        let begun = Instant::now();
        let whole_ms = begun.saturating_duration_since(self.last).as_secs_f64() * 1e3;
        self.last = begun;
        let size: [u32; 2] = drawn.window.inner_size().into();
        self.client.frame(begun, size);
        let scene_ms = begun.elapsed().as_secs_f64() * 1e3;
        let screen = &mut drawn.screen;
        let was_drawn = self.client.show(|scene, front| screen.draw(scene, front))?;
        let times = screen.times();
        for request in self.client.take_requests() {
            self.grant(events, request)?;
        }
        if let Some(log) = &mut self.log
            && let Err(failure) = log.frame(begun, size, self.client.state())
        {
            self.fail(events, failure);
        }
        let worked_ms = scene_ms + times.cpu_ms.max(times.gpu_ms.unwrap_or(0.0));
        if was_drawn
            && self.scale.is_none()
            && self.measure.is_none()
            && self.drawn.as_mut().is_some_and(|drawn| drawn.governor.frame(whole_ms / 1e3, worked_ms))
        {
            self.take_quality();
        }
        let frame = Frame { whole_ms, scene_ms, drawn: times };
        if was_drawn && self.measure.as_mut().is_some_and(|measure| measure.frame(begun, frame)) {
            events.exit();
        }
        Ok(())
    }

    /// Drawn pixels along each edge of one of the window's. What the command line says stands, whatever the governor says.
    fn scale(&self) -> f64 {
        let governed = self.drawn.as_ref().map_or(1.0, |drawn| drawn.governor.quality().scale);
        self.scale.unwrap_or(self.client.settings().scale * governed)
    }

    /// Draws as fine as the governor says.
    fn take_quality(&mut self) {
        let scale = self.scale();
        let Some(drawn) = &mut self.drawn else { return };
        drawn.screen.set_scale(scale);
        self.client.set_quality(drawn.governor.quality());
    }

    fn end_measure(&mut self) {
        let scale = self.scale();
        let Some((measure, drawn)) = self.measure.take().zip(self.drawn.as_mut()) else { return };
        let size = drawn.window.inner_size().into();
        // A device that was lost has no numbers.
        let work = drawn.screen.work().unwrap_or_default();
        self.measured = Some(measure.result(&drawn.device, (size, scale), drawn.display_hz, work));
    }

    fn grant(&mut self, events: &ActiveEventLoop, request: Request) -> Result<(), GpuError> {
        let Some(drawn) = &mut self.drawn else { return Ok(()) };
        match request {
            Request::Quit => events.exit(),
            Request::FullScreen(full) => {
                if full != drawn.window.fullscreen().is_some() {
                    drawn.window.set_fullscreen(full.then_some(Fullscreen::Borderless(None)));
                }
            }
            Request::Settings => {
                drawn.governor = Governor::new(self.client.settings().quality, 1e3 / drawn.display_hz);
                self.take_quality();
            }
            Request::Paste => self.clipboard.ask(),
            Request::Screenshot => {
                let screen = &mut drawn.screen;
                let picture = self.client.show(|scene, front| {
                    // Messages about screenshots are not for screenshots.
                    screen.picture(scene, &Front { toast: None, ..*front })
                })?;
                if let Some(picture) = picture {
                    self.client.keep(picture);
                }
            }
        }
        Ok(())
    }
}

macro_rules! make_key_of {
    ($($name:ident)*) => {
        fn key_of(code: KeyCode) -> Option<Key> {
            match code {
                $(KeyCode::$name => Some(Key::$name),)*
                _ => None,
            }
        }
    };
}
with_keys!(make_key_of);

/// Whether a key that is held is pressed again and again in a menu.
fn goes_on(key: Key) -> bool {
    matches!(key, Key::ArrowUp | Key::ArrowDown | Key::ArrowLeft | Key::ArrowRight | Key::Backspace)
}

fn button_of(button: winit::event::MouseButton) -> Option<MouseButton> {
    use winit::event::MouseButton as Theirs;
    Some(match button {
        Theirs::Left => MouseButton::Left,
        Theirs::Right => MouseButton::Right,
        Theirs::Middle => MouseButton::Middle,
        Theirs::Back => MouseButton::Back,
        Theirs::Forward => MouseButton::Forward,
        Theirs::Other(_) => return None,
    })
}
