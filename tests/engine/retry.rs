use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Once;
use std::time::{Duration, Instant};

use backon::BlockingRetryable;
use holdfast::retry::{
    Class, Retrier, RetryClassifiable, RetryCounters, RetryPolicy, RetryStats, execute_with_backoff,
};

#[derive(Debug, Clone, Copy, PartialEq)]
struct Fault(Class, Option<Duration>);

const BUSY: Fault = Fault(Class::Retryable, None);
const BROKEN: Fault = Fault(Class::Permanent, None);
const SHAKY: Fault = Fault(Class::Degraded, None);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a fault")
    }
}

impl RetryClassifiable for Fault {
    fn classify(&self) -> Class {
        self.0
    }

    fn suggested_backoff(&self) -> Option<Duration> {
        self.1
    }
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn policy(attempts: u32) -> RetryPolicy {
    RetryPolicy { attempts, jitter: 0.0, ..RetryPolicy::default() }
}

/// Runs an operation that fails as listed and then succeeds; the result, attempts and delays.
fn fail(retrier: Retrier, faults: &[Fault]) -> (Result<usize, Fault>, usize, Vec<Duration>) {
    let (mut attempts, mut delays) = (0, Vec::new());
    let result = retrier.run(
        |delay| {
            delays.push(delay);
            true
        },
        || {
            attempts += 1;
            faults.get(attempts - 1).map_or(Ok(attempts), |fault| Err(*fault))
        },
    );
    (result, attempts, delays)
}

#[test]
fn progression_doubles_to_the_longest_delay() {
    let six: Vec<_> = policy(6).progression().collect();
    assert_eq!(six, [100, 200, 400, 800, 1600].map(millis));
    let ten: Vec<_> = policy(10).progression().skip(5).collect();
    assert_eq!(ten, [3200, 6400, 10_000, 10_000].map(millis));
    assert_eq!(RetryPolicy::none().progression().count(), 0);
    let flat = RetryPolicy { factor: 1.0, ..policy(4) };
    assert!(flat.progression().eq([millis(100); 3]));
}

#[test]
fn jitter_goes_both_ways_and_stays_in_bounds() {
    let policy = RetryPolicy { jitter: 0.5, max_delay: millis(450), ..policy(4) };
    let (mut shorter, mut longer) = (0, 0);
    for _ in 0..2000 {
        let delays: Vec<_> = policy.delays().collect();
        assert_eq!(delays.len(), 3);
        for (delay, middle) in delays.iter().zip([100, 200, 400]) {
            assert!(*delay >= millis(middle / 2) && *delay <= millis(middle * 3 / 2), "{delay:?}");
            assert!(*delay <= millis(450), "{delay:?}");
        }
        shorter += usize::from(delays[0] < millis(75));
        longer += usize::from(delays[0] > millis(125));
    }
    assert!(shorter > 300 && longer > 300, "{shorter} shorter, {longer} longer");
}

#[test]
fn delays_serve_backon_as_a_backoff() {
    let attempts = Cell::new(0);
    let operation = || {
        attempts.set(attempts.get() + 1);
        Err::<(), _>(BUSY)
    };
    assert!(operation.retry(policy(3).delays()).sleep(|_| {}).call().is_err());
    assert_eq!(attempts.get(), 3);
}

#[test]
fn validation_names_the_field() {
    assert!(RetryPolicy::default().validate().is_ok());
    assert!(RetryPolicy::none().validate().is_ok());
    let wrong = [
        ("attempts", policy(0)),
        ("max_delay", RetryPolicy { max_delay: millis(99), ..policy(3) }),
        ("factor", RetryPolicy { factor: 0.5, ..policy(3) }),
        ("factor", RetryPolicy { factor: f32::NAN, ..policy(3) }),
        ("jitter", RetryPolicy { jitter: 1.1, ..policy(3) }),
        ("jitter", RetryPolicy { jitter: f32::NAN, ..policy(3) }),
    ];
    for (field, policy) in wrong {
        let error = policy.validate().unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
        // Unvalidated nonsense may wait oddly, but must not panic.
        assert!(policy.delays().all(|delay| delay <= policy.max_delay));
    }
}

#[test]
fn attempts_are_exact() {
    for attempts in 1..5 {
        let (result, ran, delays) = fail(Retrier::new(&policy(attempts)), &[BUSY; 9]);
        assert_eq!(result, Err(BUSY));
        assert_eq!((ran, delays.len()), (attempts as usize, attempts as usize - 1));
    }
    let (result, _, delays) = fail(Retrier::new(&policy(3)), &[BUSY, BUSY]);
    assert_eq!(result, Ok(3));
    assert_eq!(delays, [millis(100), millis(200)]);
}

#[test]
fn permanent_ends_at_once_and_degraded_after_one_more() {
    let policy = policy(9);
    let ran = |faults: &[Fault]| fail(Retrier::new(&policy), faults).1;
    assert_eq!(ran(&[BROKEN; 9]), 1);
    assert_eq!(ran(&[BUSY, BROKEN, BUSY]), 2);
    assert_eq!(ran(&[SHAKY; 9]), 2);
    assert_eq!(ran(&[SHAKY, BUSY, BUSY]), 2);
    assert_eq!(ran(&[BUSY, BUSY, SHAKY, SHAKY, BUSY]), 4);
    assert_eq!(fail(Retrier::new(&policy), &[SHAKY]).0, Ok(2));
    assert!(BUSY.is_retryable() && !SHAKY.is_retryable() && !BROKEN.is_retryable());
}

#[test]
fn suggested_delay_replaces_the_computed_one() {
    let limited = Fault(Class::Retryable, Some(Duration::from_secs(12)));
    let (result, _, delays) = fail(Retrier::new(&policy(4)), &[BUSY, limited, BUSY]);
    assert_eq!(result, Ok(4));
    assert_eq!(delays, [millis(100), Duration::from_secs(12), millis(400)]);
    let closed = Fault(Class::Retryable, Some(Duration::from_secs(31)));
    assert_eq!(fail(Retrier::new(&policy(4)), &[closed; 4]), (Err(closed), 1, vec![]));
}

#[test]
fn deadline_holds_over_attempts_and_delays() {
    let policy = RetryPolicy { deadline: millis(250), ..policy(9) };
    let begun = Instant::now();
    let mut attempts = 0;
    let result = execute_with_backoff(&policy, || {
        attempts += 1;
        std::thread::sleep(millis(20));
        Err::<(), _>(BUSY)
    });
    assert_eq!((result, attempts), (Err(BUSY), 2));
    assert!(begun.elapsed() >= millis(140));

    let policy = RetryPolicy::default();
    let past = Instant::now() - Duration::from_secs(30);
    assert_eq!(fail(Retrier::new(&policy).since(past), &[BUSY; 9]).1, 1);
}

#[test]
fn cancelled_sleep_returns_the_last_error() {
    let (policy, counters) = (policy(9), RetryCounters::default());
    let (mut sleeps, mut attempts) = (0, 0);
    let result = Retrier::new(&policy).counters(&counters).run(
        |_| {
            sleeps += 1;
            sleeps < 2
        },
        || {
            attempts += 1;
            Err::<(), _>(Fault(Class::Retryable, Some(millis(attempts))))
        },
    );
    assert_eq!(result, Err(Fault(Class::Retryable, Some(millis(2)))));
    let stats = counters.snapshot();
    assert_eq!((stats.attempts, stats.gave_up, stats.delayed), (2, 1, millis(1)));
}

#[test]
fn counters_tell_rate_and_success() {
    let (policy, counters) = (policy(3), RetryCounters::default());
    let idle = counters.snapshot();
    assert_eq!((idle, idle.rate(), idle.success()), (RetryStats::default(), 0.0, 1.0));
    let retrier = Retrier::new(&policy).counters(&counters);
    for faults in [&[] as &[Fault], &[], &[BROKEN], &[BUSY], &[SHAKY], &[BUSY; 2], &[BUSY; 3]] {
        _ = fail(retrier, faults);
    }
    assert_eq!(fail(retrier, &[BUSY, BROKEN]).0, Err(BROKEN));
    let stats = counters.snapshot();
    let expected = RetryStats {
        operations: 8,
        attempts: 3 + 2 + 2 + 3 + 3 + 2,
        retries: 1 + 1 + 2 + 2 + 1,
        recovered: 3,
        gave_up: 2,
        delayed: millis(100 + 100 + 300 + 300 + 100),
    };
    assert_eq!(stats, expected);
    assert_eq!((stats.rate(), stats.success()), (5.0 / 8.0, 0.6));
}

thread_local! {
    static LINES: RefCell<Vec<(log::Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct Memory;

impl log::Log for Memory {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        if record.target() == "holdfast::retry" {
            LINES.with_borrow_mut(|all| all.push((record.level(), record.args().to_string())));
        }
    }

    fn flush(&self) {}
}

/// What this thread logs while `work` runs.
fn logged(work: impl FnOnce()) -> Vec<(log::Level, String)> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        log::set_logger(&Memory).expect("the only logger of this test binary");
        log::set_max_level(log::LevelFilter::Debug);
    });
    LINES.take();
    work();
    LINES.take()
}

#[test]
fn each_retry_is_logged() {
    let policy = policy(2);
    let lines = logged(|| _ = fail(Retrier::new(&policy), &[BUSY; 2]));
    let expected = [
        "attempt 1 failed (Retryable), next in 100.0ms: a fault",
        "gave up after attempt 2 (Retryable): a fault",
    ];
    assert_eq!(lines, expected.map(|line| (log::Level::Debug, line.to_owned())));
    assert!(logged(|| _ = fail(Retrier::new(&policy), &[BROKEN])).is_empty());
}

#[test]
fn a_high_rate_is_warned_about_once_per_crossing() {
    let (policy, counters) = (policy(2), RetryCounters::default());
    let retrier = Retrier::new(&policy).counters(&counters);
    let warnings = |operations: usize, faults: &[Fault]| {
        let lines = logged(|| (0..operations).for_each(|_| _ = fail(retrier, faults)));
        let warnings = lines.into_iter().filter(|line| line.0 == log::Level::Warn);
        warnings.map(|line| line.1).collect::<Vec<_>>()
    };
    assert!(warnings(19, &[BUSY]).is_empty(), "too few operations to tell");
    let first = warnings(40, &[BUSY]);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].starts_with("20 of the last 20 operations needed a retry"), "{first:?}");
    assert!(warnings(100, &[]).is_empty());
    assert!(warnings(20, &[BUSY]).is_empty(), "a fifth is not more than a fifth");
    let second = warnings(60, &[BUSY]);
    assert_eq!(second.len(), 1, "{second:?}");
    assert!(second[0].starts_with("21 of the last 100 "), "{second:?}");
}
