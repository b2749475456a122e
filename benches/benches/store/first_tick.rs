//! How soon a large world goes on: from the start of a process of `spacetime serve`, against a PostgreSQL that was itself
//! just started and whose files the system has forgotten, to the first tick. Must never time a world that is not the one
//! that was saved.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use benches::shipped_simulation;
use persistence::remote::Remote;
use persistence::{
    Batch, Digest, Epoch, Hash, Millis, Name, Postgres, Record, Rev, Snapshot, Store, Text, Tick, World,
};
use persistence_testkit::cluster::{Cluster, PASSWORD};
use serde_json::Value;
use sim::recording::{FORMAT_VERSION, pack_keyframe};
use sim::{InputFrame, Simulation};
use tokio::runtime::Runtime;

use crate::config;
use crate::work::{Amount, quantiles};

/// Ticks before the save.
const TICKS: u64 = 10;

/// Time from start to first tick; nothing where the program was not built next to this one.
pub fn measure(runtime: &Runtime, amount: Amount) -> Option<Value> {
    let program = program()?;
    let (starts, scenario) = amount.starts;
    let mut simulation = shipped_simulation(scenario);
    for _ in 0..TICKS {
        simulation.step(&InputFrame::default());
    }
    let mut cluster = Cluster::start(&[("shared_buffers", "256MB")]);
    runtime.block_on(async {
        Postgres::migrate(config(&cluster, "spacetime_owner")).await.expect("migrated");
        let store = Postgres::connect(config(&cluster, "spacetime_app")).await.expect("a store");
        save(&store, &simulation).await;
    });
    let mut took = Vec::new();
    for _ in 0..starts {
        cluster.stop();
        cluster.forget_files();
        cluster.restart();
        took.push(start(runtime, &program, &cluster, &simulation));
        // The next one begins where this one did.
        cluster.sql(&format!("DELETE FROM spacetime.segments; DELETE FROM spacetime.snapshots WHERE tick > {TICKS}"));
    }
    Some(quantiles(took))
}

/// The program of the same build as this one.
fn program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.parent()?.parent()?.join("spacetime");
    program.exists().then_some(program)
}

async fn save(store: &Postgres, simulation: &Simulation) {
    let (id, scenario) = (Name::new("main").expect("a name"), simulation.scenario());
    let world = World {
        id: id.clone(),
        rev: Rev::FIRST,
        epoch: Epoch(1),
        created: Millis(1),
        scenario: Text(scenario.text.clone()),
        tick_rate_hz: scenario.tick_rate_hz,
        results_revision: u32::try_from(sim::RESULTS_REVISION).expect("a small number"),
        build: Text("benchmark".to_owned()),
    };
    store.commit(&Batch::put([Record::World(world)]).expect("a batch")).await.expect("a world");
    let snapshot = Snapshot {
        world: id.clone(),
        tick: Tick(simulation.tick().0),
        digest: Digest(simulation.digest().total),
        taken: Millis(1),
        label: None,
        format: u32::from(FORMAT_VERSION),
        payload: pack_keyframe(&simulation.snapshot()).expect("packed"),
        hash: Hash::default(),
    };
    let batch = Batch::put([Record::Snapshot(snapshot.hashed())]).expect("a batch");
    store.commit(&batch.fenced(id, Epoch(1))).await.expect("a save");
}

/// A process that is ended when it is not needed any more.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(runtime: &Runtime, program: &Path, cluster: &Cluster, saved: &Simulation) -> Duration {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program);
    command.args(["serve", "--json"]).stdin(Stdio::null()).stdout(Stdio::piped());
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(name, home.path());
    }
    for (key, value) in [
        ("SESSION__LISTEN", "127.0.0.1:0".to_owned()),
        ("API__LISTEN", "127.0.0.1:0".to_owned()),
        ("STORE__KIND", "postgres".to_owned()),
        ("STORE__POSTGRES__URL", cluster.url("spacetime_app")),
        ("STORE__POSTGRES__PASSWORD", PASSWORD.to_owned()),
        ("STORE__POSTGRES__ROOT_CERTIFICATE", cluster.root_certificate().display().to_string()),
    ] {
        command.env(format!("SPACETIME_SERVE__{key}"), value);
    }
    let began = Instant::now();
    let mut service = Service(command.spawn().expect("it runs"));
    let lines = BufReader::new(service.0.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let mut said = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let mut resumed = 0;
    let serving = loop {
        let value = said.next().expect("it serves");
        if value["event"] == "resumed" {
            let wanted = (saved.tick().0.into(), format!("{:016x}", saved.digest().total).into());
            assert_eq!((&value["tick"], &value["digest"]), (&wanted.0, &wanted.1), "all of it, to the bit");
            resumed += 1;
        }
        if value["event"] == "serving" {
            break value;
        }
    };
    assert_eq!(resumed, 1, "it went on with the world that was saved");
    let socket = serving["socket"].as_str().expect("a path").to_owned();
    runtime.block_on(async {
        let service = Remote::at(Path::new(&socket));
        loop {
            let status = service.ask("status").await.expect("an answer");
            let status: Value = serde_json::from_str(&status).expect("JSON");
            if status["tick"].as_u64().is_some_and(|tick| tick > saved.tick().0) {
                return began.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
}
