//! Holdfast in place of an `Arc<Mutex<Connection>>`: `cargo run --example shared_connection`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use holdfast::{
    Database, Migrations, Mode, Patience, Result, Step, Value, batch_insert,
    execute_in_transaction, migrate_to_latest, upsert,
};

const SENSORS: i64 = 8;

fn main() -> Result<()> {
    // One handle serves all threads: each read has a connection of its own, writes take turns.
    // The word opens a file that is removed at the end; an app gives its path here.
    let db = Database::open(":memory:")?;
    let tables = Step {
        version: 1,
        name: "tables".into(),
        sql: "CREATE TABLE reading(sensor INTEGER NOT NULL, celsius REAL NOT NULL);
              CREATE TABLE latest(sensor INTEGER PRIMARY KEY, celsius REAL NOT NULL);"
            .into(),
    };
    let migrated = migrate_to_latest(&db, &Migrations::from_steps([tables])?)?;
    println!("schema version {}", migrated.to);

    // All of it or nothing: an error or a panic inside rolls back, a busy file is tried again.
    let stored = execute_in_transaction(&db, Mode::Immediate, |tx| {
        let rows = (0..10_000).map(|i| [Value::from(i % SENSORS), (20.0 + i as f64 / 1e3).into()]);
        batch_insert(tx.connection()?, "reading", &["sensor", "celsius"], rows)
    })?;
    println!("stored {stored} readings in one transaction");

    let reads = AtomicU64::new(0);
    thread::scope(|scope| -> Result<()> {
        // Behind a mutex these would wait for the writer below; here no reader ever does.
        let readers: Vec<_> = (0..4).map(|_| scope.spawn(|| read_averages(&db, &reads))).collect();
        for round in 0..100 {
            for sensor in 0..SENSORS {
                keep_latest(&db, sensor, 21.0 + f64::from(round) / 10.0)?;
            }
        }
        readers.into_iter().try_for_each(|reader| reader.join().expect("no panic"))
    })?;
    println!("4 threads read {} averages beside 800 upserts", reads.into_inner());

    for row in db.query("SELECT sensor, celsius FROM latest ORDER BY sensor LIMIT 2", &[])? {
        println!("latest {row:?}");
    }
    Ok(())
}

/// One statement, its own transaction: on return it is committed.
fn keep_latest(db: &Database, sensor: i64, celsius: f64) -> Result<Option<i64>> {
    let row = [("sensor", sensor.into()), ("celsius", celsius.into())];
    db.write(&Patience::unbounded(), |connection| upsert(connection, "latest", &row, &["sensor"]))
}

fn read_averages(db: &Database, reads: &AtomicU64) -> Result<()> {
    for sensor in (0..SENSORS).cycle().take(200) {
        db.query("SELECT avg(celsius) FROM reading WHERE sensor = ?", &[sensor.into()])?;
        reads.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
