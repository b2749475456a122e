//! `spacetime serve`: starts the parts in their order, runs the session, and ends in good order. Must never end while
//! something that was taken is not durable, unless it is told to twice.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use netcode::transport::Identity;
use persistence::people::History;
use persistence::{Epoch, Journal, Limits, Millis};
use serde_json::json;
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::config::{Config, Store as Place};
use super::control::{About, Controller};
use super::ending::Ending;
use super::health::Monitor;
use super::host::{self, Steering};
use super::keys::{Keys, Master};
use super::log::{Keeping, StoreLedger};
use super::position::{self, Position};
use super::resume::{self, Resumed};
use super::retention::{self, Retention};
use super::seats::Seats;
use super::shared::Shared;
use super::startup::Startup;
use super::stores::{self, Opened, Which};
use super::web::feed::{Feed, FeedLedger};
use super::web::recordings::Library;
use super::web::{self, Parts, Web};
use super::{ask, log};
use crate::cli::ServeArgs;
use crate::exit::{Failure, Outcome};
use crate::output::grouped;
use crate::progress::Progress;
use crate::session::Options;
use crate::session_cmd::peer::{Alone, Peer, Plan};
use crate::session_cmd::report::Report;
use crate::session_cmd::stop::{Input, Stop};
use crate::session_cmd::{Inviter, key};
use crate::{run, scenario_cmd};

/// Runs `spacetime serve`.
///
/// # Errors
/// [`Failure`] for a configuration, store or world that cannot be used, and for what is not durable at the end.
pub fn command(args: &ServeArgs, progress: Progress) -> Result<Outcome, Failure> {
    start(args, Startup::new(Report::new(args.json, progress.is_quiet()).lasting()))
}

/// The same with a startup that says which part needs which.
pub(super) fn start(args: &ServeArgs, mut startup: Startup) -> Result<Outcome, Failure> {
    startup.begin("configuration")?;
    let config = Config::load(args.config.as_deref())?;
    startup.ready("configuration")?;
    startup.begin("signals")?;
    let mut stop = Stop::listen(Input { commands: false, leave_at_eof: false })?;
    let runtime = ask::runtime()?;
    startup.ready("signals")?;
    startup.begin("master key")?;
    let master = Master::find(&config)?;
    startup.ready("master key")?;
    startup.begin("folder")?;
    prepare_folder(&config)?;
    startup.ready("folder")?;
    startup.begin("store")?;
    let open = || runtime.block_on(stores::open(&config)).map_err(|e| stores::hindrance(&config, Which::Main, &e));
    let Some(opened) = startup.wait_for("store", &mut stop, open)? else { return Ok(Outcome::Fine) };
    startup.ready("store")?;
    let report = startup.report().clone();
    let service = Service { config, report, runtime: &runtime, opened: opened.clone(), master };
    let result = service.run(args, startup, stop);
    opened.close();
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// The service's folder, and that of its store.
fn prepare_folder(config: &Config) -> Result<(), Failure> {
    stores::make_folder(&config.folder)?;
    if let Place::Embedded(path) = &config.store
        && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        stores::make_folder(folder)?;
    }
    Ok(())
}

/// Who the service is to peers. One that was named has to be there: peers know the service by it.
fn identity(config: &Config) -> Result<Identity, Failure> {
    let named = config.values.path("session.identity_file");
    if let Some(path) = named.as_ref().filter(|path| !path.exists()) {
        let how = format!("`spacetime key --identity {}` makes a new one", path.display());
        return Err(Failure::unreadable(
            path,
            format!("there is no identity, which session.identity_file names: {how}"),
        ));
    }
    Ok(key::load_or_make(&named.unwrap_or_else(|| config.folder.join("identity")))?.0)
}

/// A service whose store is open.
struct Service<'a> {
    config: Config,
    report: Report,
    runtime: &'a Runtime,
    opened: Opened,
    master: Master,
}

impl Service<'_> {
    fn run(&self, args: &ServeArgs, mut startup: Startup, mut stop: Stop) -> Result<Outcome, Failure> {
        let moved = self.runtime.block_on(resume::refuse_moving(&*self.opened.store));
        moved.map_err(|e| self.failure(e))?;
        startup.begin("keys")?;
        let open = || self.runtime.block_on(Keys::open(&self.config, &self.opened, &self.master));
        let Some(keys) = startup.wait_for("keys", &mut stop, open)? else { return Ok(Outcome::Fine) };
        if let Some(rotated) = keys.rotated {
            let (now, before) = (rotated.rewrapped, rotated.already);
            let sentence =
                format!("{now} keys are wrapped with the new master key, {before} were before: destroy the former one");
            self.report.say(&sentence, "rotated", json!({ "rewrapped": now, "already": before }))?;
        }
        startup.ready("keys")?;
        let result = self.run_alone(args, startup, stop, &keys);
        keys.opened.close();
        result
    }

    /// The control socket, and that nobody else has the session's address, or the API's: a second service must fail before it claims
    /// the world of the first.
    fn take_sockets(&self) -> Result<UnixListener, Failure> {
        let (socket, listen) = (&self.config.socket, self.config.session.listen);
        std::net::UdpSocket::bind(listen)
            .map_err(|e| Failure::Machine(format!("no socket can be opened at {listen}: {e}")))?;
        if let Some(api) = &self.config.api {
            std::net::TcpListener::bind(api.listen)
                .map_err(|e| Failure::Machine(format!("the API cannot listen at {} (api.listen): {e}", api.listen)))?;
        }
        let listener = self.runtime.block_on(persistence::remote::bind(socket));
        listener.map_err(|e| Failure::unwritable(socket, e))
    }

    fn run_alone(&self, args: &ServeArgs, mut startup: Startup, stop: Stop, keys: &Keys) -> Result<Outcome, Failure> {
        startup.begin("sockets")?;
        // What cannot be used is refused before anything is opened.
        self.config.api.as_ref().map_or(Ok(()), web::check_files)?;
        let listener = self.take_sockets()?;
        startup.ready("sockets")?;
        let result = self.serve(args, startup, stop, keys, listener);
        // Nobody listens there any more.
        let _ = std::fs::remove_file(&self.config.socket);
        result
    }

    fn serve(
        &self,
        args: &ServeArgs,
        mut startup: Startup,
        stop: Stop,
        keys: &Keys,
        listener: UnixListener,
    ) -> Result<Outcome, Failure> {
        startup.begin("identity")?;
        let identity = identity(&self.config)?;
        startup.ready("identity")?;
        startup.begin("world")?;
        let world = self.open_world(args)?;
        self.tell_resumed(&world)?;
        startup.ready("world")?;
        startup.begin("journal")?;
        let limits = Limits { bytes: self.config.log.backlog_bytes, batches: self.config.log.backlog_batches };
        let journal = Arc::new(Journal::start(Arc::clone(&self.opened.store), limits, self.runtime.handle()));
        startup.ready("journal")?;
        startup.begin("log")?;
        let shared = Arc::new(Shared::default());
        let (name, store) = (self.config.world.clone(), &self.opened.store);
        let seats = self.runtime.block_on(Seats::open(&**store, name, world.world.epoch, keys.people.clone()));
        let seats = seats.map_err(|e| Failure::Machine(format!("who is who in the world cannot be read: {e}")))?;
        let founded = host::found(&self.config, &identity, &world, &seats)?;
        let position = Position::open(&self.position())?;
        let keeping = self.keeping(&world, limits);
        let (peers, known) = watch::channel(Vec::new());
        let ledger = StoreLedger::start(keeping, peers, Arc::clone(&journal), Arc::clone(&shared), position)?;
        let seated = self.runtime.spawn(seats.keep(Arc::clone(store), Arc::clone(&journal), known));
        startup.ready("log")?;
        startup.begin("session")?;
        let inviter = Inviter::lasting(identity, founded.place);
        shared.state().session = founded.session;
        inviter.print(&self.report, self.config.session.invites, founded.session)?;
        let pool = run::pool(Some(self.config.threads))?;
        startup.ready("session")?;
        startup.begin("control")?;
        let about = About {
            epoch: world.world.epoch.0,
            rate_hz: world.scenario.tick_rate_hz,
            first_tick: world.simulation.tick().0,
            durable: world.durable.map(|_| world.mark()),
            began: Instant::now(),
        };
        if self.config.log.is_synchronous {
            shared.publish_behind(Arc::clone(&journal), world.mark());
        }
        // It is as large as the world, and the session has its own.
        drop(world);
        let (monitor, security) = (self.monitor(keys, &journal, &shared), Arc::new(OnceLock::new()));
        let tended = Tended { about, keys, journal: &journal, shared: &shared, monitor: &monitor, security: &security };
        let tasks = self.tend(&tended, inviter.clone(), listener);
        startup.ready("control")?;
        startup.begin("api")?;
        let feed = Arc::new(Feed::new(Arc::clone(&shared)));
        let library = self.open_library(&shared)?;
        let web = self.start_api(&tended, &feed, library.as_ref())?;
        startup.ready("api")?;
        let mut told = json!({ "socket": self.config.socket, "listen": self.config.session.listen });
        let sentence = web.as_ref().map_or("serving".to_owned(), |web| format!("serving; the API is at {}", web.url()));
        told["api"] = json!(web.as_ref().map(Web::url));
        self.report.say(&sentence, "serving", told)?;
        let (core, link, report) = (founded.core, founded.link, self.report.clone());
        let steering = Box::new(Steering::new(Arc::clone(&shared)));
        let session = &self.config.session;
        let alone = session.alone_after.map(|after| Alone { after, invites: session.invites });
        let plan = Plan { alone, ..Plan::default() };
        let mut stored = Ok(());
        let ended = pool.install(|| {
            let peer = Peer::new(core, link, Options::default(), plan, stop, report, inviter);
            // The feed first: whoever is told at the desk of a tick finds it there.
            let peer = peer.with_ledger(Box::new(FeedLedger(feed))).with_ledger(Box::new(ledger));
            let peer = library.iter().fold(peer, |peer, library| peer.with_ledger(Box::new(library.ledger())));
            peer.with_seat(steering).run_with(|mut reached| {
                let ending = Ending { runtime: self.runtime, report: &self.report, journal: &journal, shared: &shared };
                stored = ending.wait(seated);
                let told = shared.published(log::mark(reached.tick, reached.digest));
                (reached.tick, reached.digest) = (told.tick.0, told.digest.0);
                reached
            })
        });
        web.into_iter().for_each(|web| self.runtime.block_on(web.end()));
        tasks.iter().for_each(JoinHandle::abort);
        let refusal = ended?;
        stored?;
        Ok(refusal.map_or(Outcome::Fine, Outcome::Different))
    }

    fn position(&self) -> PathBuf {
        self.config.folder.join(format!("position-{}", self.config.world))
    }

    fn failure(&self, error: resume::ResumeError) -> Failure {
        match error {
            resume::ResumeError::Store(error) => stores::failure(&self.config, &error),
            resume::ResumeError::World(sentence) => Failure::Machine(sentence),
        }
    }

    fn open_world(&self, args: &ServeArgs) -> Result<Resumed, Failure> {
        let (store, name) = (&*self.opened.store, &self.config.world);
        let fresh = || scenario_cmd::load(&self.config.scenario).map_err(|e| e.to_string());
        let opening = async {
            // Before the world is claimed: what is refused must not shut anybody out.
            self.goes_beyond(args).await?;
            let mut world = resume::open(store, name, &fresh, args.at_tick).await?;
            // And after: until then its last owner may have written.
            if self.goes_beyond(args).await? {
                let save = log::save_of(name, &world.simulation, None).map_err(resume::ResumeError::World)?;
                (world.durable, world.saved) = (Some(save.tick.0), Some(save.tick.0));
                resume::discard_after(store, &world.world, save).await?;
            }
            Ok(world)
        };
        self.runtime.block_on(opening).map_err(|e| self.failure(e))
    }

    /// Whether the log has anything behind the tick that the world is to go on from, which then may go.
    async fn goes_beyond(&self, args: &ServeArgs) -> Result<bool, resume::ResumeError> {
        let (Some(at), name) = (args.at_tick, &self.config.world) else { return Ok(false) };
        let end = resume::end_of(&*self.opened.store, name).await?;
        if end > 0 && end < at {
            return Err(resume::ResumeError::World(format!(
                "the log of the world {name} has no tick {at}; it goes to {end}"
            )));
        }
        if end > at && !args.discard_after {
            return Err(resume::ResumeError::World(format!(
                "the world {name} goes to tick {end}; to go on from tick {at} is to lose what comes behind it: keep a copy \
                 by `spacetime db export`, and say --discard-after"
            )));
        }
        Ok(end > at)
    }

    /// Says from where the world goes on, and what was lost.
    fn tell_resumed(&self, world: &Resumed) -> Result<(), Failure> {
        let (tick, digest) = (world.simulation.tick().0, world.simulation.digest().total);
        let name = &self.config.world;
        let value = json!({ "world": name.as_str(), "tick": tick, "digest": crate::output::hex(digest) });
        if world.is_new {
            let sentence = format!("a new world, {name}, of the scenario {}", world.scenario.name);
            return self.report.say(&sentence, "created", value);
        }
        let reached = position::read(&self.position()).unwrap_or_default();
        let lost = reached.published.saturating_sub(tick);
        let untold = reached.tick.saturating_sub(reached.published.max(tick));
        let rest = if untold > 0 { format!(", and {untold} that nobody was told of") } else { String::new() };
        let sentence = format!("resumed at tick {}; {lost} executed ticks were lost{rest}", grouped(tick));
        let mut value = value;
        (value["lost_ticks"], value["lost_unpublished_ticks"]) = (json!(lost), json!(untold));
        self.report.say(&sentence, "resumed", value)
    }

    fn keeping(&self, world: &Resumed, limits: Limits) -> Keeping {
        let log = &self.config.log;
        let ticks = log.group.as_millis() as u64 * u64::from(world.scenario.tick_rate_hz) / 1000;
        Keeping {
            world: self.config.world.clone(),
            epoch: world.world.epoch,
            durable: world.durable,
            saved: world.saved,
            group_ticks: if log.is_synchronous { 1 } else { ticks.max(1) },
            group: log.group,
            save_every: self.config.saves.every,
            limits,
        }
    }

    fn monitor(&self, keys: &Keys, journal: &Arc<Journal>, shared: &Arc<Shared>) -> Arc<Monitor> {
        let Opened { store, guard, .. } = self.opened.clone();
        let monitor = Monitor::new(store, guard, Arc::clone(journal), Arc::clone(shared), self.config.folder.clone());
        Arc::new(monitor.with_keys(keys.opened.server.is_some().then(|| Arc::clone(&keys.opened.store))))
    }

    /// The recordings of the API, unless it is off.
    fn open_library(&self, shared: &Arc<Shared>) -> Result<Option<Arc<Library>>, Failure> {
        let open = |_| Library::open(self.config.recordings.clone(), Arc::clone(shared)).map(Arc::new);
        self.config.api.as_ref().map(open).transpose()
    }

    /// Starts the API, unless it is off. Whoever is at the control socket can look after its accounts from then on.
    fn start_api(
        &self,
        tended: &Tended<'_>,
        feed: &Arc<Feed>,
        library: Option<&Arc<Library>>,
    ) -> Result<Option<Web>, Failure> {
        let Some(library) = library else { return Ok(None) };
        let parts = Parts {
            people: tended.keys.people.clone(),
            store: Arc::clone(&self.opened.store),
            journal: Arc::clone(tended.journal),
            shared: Arc::clone(tended.shared),
            monitor: Arc::clone(tended.monitor),
            feed: Arc::clone(feed),
            library: Arc::clone(library),
            rate_hz: tended.about.rate_hz,
            durable: tended.about.durable.map_or(0, |mark| mark.tick.0),
        };
        let web = Web::start(&self.config, parts, self.runtime)?;
        if let Some(web) = &web {
            // It is set here only.
            let _ = tended.security.set(Arc::clone(&web.security));
        }
        Ok(web)
    }

    /// Starts what goes on beside the session: health, old saves, the socket.
    fn tend(&self, tended: &Tended<'_>, inviter: Inviter, listener: UnixListener) -> Vec<JoinHandle<()>> {
        let Opened { store, guard, .. } = self.opened.clone();
        let (monitor, people) = (Arc::clone(tended.monitor), tended.keys.people.clone());
        let controller = Controller {
            config: self.config.clone(),
            about: tended.about,
            shared: Arc::clone(tended.shared),
            journal: Arc::clone(tended.journal),
            guard,
            monitor: Arc::clone(&monitor),
            people: people.clone(),
            inviter,
            security: Arc::clone(tended.security),
        };
        let retention = Retention {
            store: Arc::clone(&store),
            people,
            history: History::new(self.config.world.clone(), Epoch(tended.about.epoch)),
            periods: retention::periods(&self.config.values),
            shared: Arc::clone(tended.shared),
        };
        vec![
            self.runtime.spawn(async move { monitor.watch().await }),
            self.runtime.spawn(retention.keep(|| Millis::of(SystemTime::now()))),
            self.runtime.spawn(persistence::remote::serve(listener, store, Arc::new(controller))),
        ]
    }
}

/// What goes on beside the session.
struct Tended<'a> {
    about: About,
    keys: &'a Keys,
    journal: &'a Arc<Journal>,
    shared: &'a Arc<Shared>,
    monitor: &'a Arc<Monitor>,
    security: &'a Arc<OnceLock<Arc<api::security::Security>>>,
}
