//! The engine against what it replaces: one connection behind a mutex, in rollback-journal mode.
//!
//! `make bench` runs this and writes the figures into `docs/benchmarks.md`.

mod sides;
mod stages;

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};

use sides::{New, Old, ROWS, Side, Typed};

const BATCH: u64 = 1_000;
const THREADS: u64 = 10;

fn group<'c>(
    criterion: &'c mut Criterion,
    name: &str,
    elements: u64,
) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    // Equal samples: the report's test takes each for one observation.
    group.sampling_mode(SamplingMode::Flat).sample_size(30);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(elements));
    group
}

/// The four sides of a work that writes; each pair of columns has one setting in common.
fn each_side(mut bench: impl FnMut(&str, &dyn Side)) {
    bench("old", &Old::open("full"));
    bench("old-normal", &Old::open("normal"));
    bench("new", &New::open("balanced"));
    bench("new-durable", &New::open("durable"));
}

fn key() -> i64 {
    fastrand::i64(1..=ROWS)
}

fn writes(criterion: &mut Criterion) {
    let mut group = group(criterion, "writes", 1);
    each_side(|name, side| {
        group.bench_function(name, |b| b.iter(|| side.write(key(), fastrand::i64(..))));
    });
    let new = New::open("balanced");
    group.bench_function("new-verb", |b| b.iter(|| new.write_by_verb(key(), fastrand::i64(..))));
}

fn batch(criterion: &mut Criterion) {
    let mut group = group(criterion, "batch", BATCH);
    each_side(|name, side| {
        group.bench_function(name, |b| b.iter(|| side.insert_batch(BATCH)));
    });
}

fn selects(criterion: &mut Criterion) {
    let (old, new) = (Old::open("full"), New::open("balanced"));
    let mut group = group(criterion, "selects", 1);
    group.bench_function("old", |b| b.iter(|| old.read(key())));
    group.bench_function("new", |b| b.iter(|| new.read(key())));
    group.bench_function("new-query", |b| b.iter(|| new.read_by_query(key())));
    let held = new.reader();
    group.bench_function("new-held", |b| b.iter(|| sides::read_one(&held, key())));
}

fn scan(criterion: &mut Criterion) {
    let (old, new) = (Old::open("full"), New::open("balanced"));
    let mut group = group(criterion, "scan", ROWS.unsigned_abs());
    let check = |rows: Vec<Typed>| assert_eq!(black_box(rows).len() as i64, ROWS);
    group.bench_function("old", |b| b.iter(|| check(old.scan())));
    group.bench_function("new", |b| b.iter(|| check(new.scan())));
}

/// The time that some threads take to run `work(thread, turn)` a number of turns each.
fn together(threads: u64, turns: u64, work: impl Fn(u64, u64) + Sync) -> Duration {
    let start = Barrier::new(threads as usize + 1);
    let begun = std::thread::scope(|scope| {
        for thread in 0..threads {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                (0..turns).for_each(|turn| work(thread, turn));
            });
        }
        start.wait();
        Instant::now()
    });
    begun.elapsed()
}

fn selects_from_threads(criterion: &mut Criterion) {
    let (old, new) = (Old::open("full"), New::open("balanced"));
    let mut group = group(criterion, "selects-10-threads", THREADS);
    let sides: [(&str, &dyn Side); 2] = [("old", &old), ("new", &new)];
    for (name, side) in sides {
        let select = |_, _| drop(side.read(key()));
        group.bench_function(name, |b| b.iter_custom(|turns| together(THREADS, turns, select)));
    }
}

fn parallel(criterion: &mut Criterion) {
    let mut group = group(criterion, "parallel", THREADS);
    each_side(|name, side| {
        // Of each ten operations two write, whichever threads they fall to.
        let mixed = |thread, turn| match (thread + turn) % 5 {
            0 => side.write(key(), fastrand::i64(..)),
            _ => drop(side.read(key())),
        };
        group.bench_function(name, |b| b.iter_custom(|turns| together(THREADS, turns, mixed)));
    });
}

/// Reads while another thread commits without a pause; notes the commits a second beside them.
fn beside_a_writer(criterion: &mut Criterion, work: &str, readers: u64, write: fn(&dyn Side)) {
    let mut group = group(criterion, work, readers);
    each_side(|name, side| {
        let (stop, commits, measured) = (AtomicBool::new(false), Cell::default(), Cell::default());
        let written = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    write(side);
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
            let select = |_, _| drop(side.read(key()));
            group.bench_function(name, |b| {
                b.iter_custom(|turns| {
                    let before = written.load(Ordering::Relaxed);
                    let time = together(readers, turns, select);
                    commits.set(commits.get() + written.load(Ordering::Relaxed) - before);
                    measured.set(measured.get() + time);
                    time
                });
            });
            stop.store(true, Ordering::Relaxed);
        });
        sides::note_commits(work, name, commits.get(), measured.get());
    });
}

fn main() {
    let mut criterion =
        Criterion::default().nresamples(10_000).without_plots().configure_from_args();
    sides::describe();
    for bench in [writes, batch, selects, selects_from_threads, parallel, scan] {
        bench(&mut criterion);
    }
    let one_row = |side: &dyn Side| side.write(key(), fastrand::i64(..));
    beside_a_writer(&mut criterion, "beside-1", 1, one_row);
    beside_a_writer(&mut criterion, "beside-4", 4, one_row);
    beside_a_writer(&mut criterion, "beside-batches", 4, |side| side.insert_batch(10 * BATCH));
    stages::stages(&mut criterion);
    criterion.final_summary();
}
