//! A large world whose first tick comes soon: a new process against a PostgreSQL that was just started goes on with all of
//! it, to the bit. How soon, the benchmark `store` measures (PERF-027).

use app::serve::{ask, log, resume};
use persistence::{Batch, Epoch, Key, Name, Postgres, PostgresConfig, Record, Store, Tick};
use persistence_testkit::cluster::PASSWORD;
use sim::{InputFrame, Simulation};

use crate::postgres::prepared;
use crate::process::Home;

/// Ticks before the save.
const TICKS: u64 = 3;

#[test]
fn a_hundred_thousand_entities_go_on_where_they_were() {
    let home = Home::new();
    let mut cluster = prepared(&home, &[], "", "");
    let config = PostgresConfig {
        url: cluster.url("spacetime_app"),
        password: Some(PASSWORD.to_owned()),
        root_certificate: Some(cluster.root_certificate()),
        ..PostgresConfig::default()
    };
    let (name, runtime) = (Name::new("main").expect("a name"), ask::runtime().expect("a runtime"));
    let scenario = app::scenario_cmd::load("bench-100k").expect("it is shipped");
    let mut simulation = Simulation::new(&scenario);
    (0..TICKS).for_each(|_| drop(simulation.step(&InputFrame::default())));
    let saved = simulation.digest().total;
    runtime.block_on(async {
        let store = Postgres::connect(config.clone()).await.expect("a store");
        let world = Record::World(resume::new_world(&name, &scenario));
        store.commit(&Batch::put([world]).expect("a batch")).await.expect("a world");
        let save = Record::Snapshot(log::save_of(&name, &simulation, None).expect("a save"));
        let batch = Batch::put([save]).expect("a batch").fenced(name.clone(), Epoch(1));
        store.commit(&batch).await.expect("a save");
    });
    cluster.stop();
    cluster.forget_files();
    cluster.restart();
    let began = std::time::Instant::now();
    let mut service = home.serving();
    let resumed = service.event("resumed");
    assert_eq!((&resumed["tick"], &resumed["digest"]), (&TICKS.into(), &app::output::hex(saved).into()), "{resumed}");
    home.status_until("its first tick", |status| status["tick"].as_u64() > Some(TICKS));
    println!("the first tick after {:?}", began.elapsed());
    home.status_until("it to be durable", |status| status["durable"]["tick"].as_u64() > Some(TICKS));
    service.crashes();
    // The first one is what follows from all that was saved.
    let first = runtime.block_on(async {
        let store = Postgres::connect(config).await.expect("a store");
        store.get(&Key::Segment(name, Tick(TICKS))).await.expect("it reads")
    });
    let Some(Record::Segment(segment)) = first else { panic!("a segment") };
    let frames = resume::frames(&segment).expect("it is whole");
    for (frame, digest) in frames.iter().take(2) {
        assert_eq!(simulation.step(frame).digest.total, *digest, "tick {}", simulation.tick().0);
    }
}
