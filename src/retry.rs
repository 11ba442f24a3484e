//! What is tried again, how often, and how long that may take.
//!
//! ```
//! use holdfast::retry::{RetryPolicy, execute_with_backoff};
//!
//! let policy = RetryPolicy { attempts: 5, ..RetryPolicy::default() };
//! let answer = execute_with_backoff(&policy, || Ok::<_, holdfast::Error>(42));
//! assert_eq!(answer.unwrap(), 42);
//! ```

use std::fmt;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::error::{Error, Result};

mod counters;

pub use counters::{RetryCounters, RetryStats};

const TARGET: &str = "holdfast::retry";

/// How often an operation is tried, and how long is waited in between.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// How often the operation runs at most, the first time included.
    pub attempts: u32,
    /// The delay before the second attempt.
    pub min_delay: Duration,
    /// No delay is longer, jitter included; a delay that an error suggests may be.
    pub max_delay: Duration,
    /// What each delay is multiplied by to give the next.
    pub factor: f32,
    /// The share of a delay by which chance lengthens or shortens it: 0.5 is plus or minus half.
    pub jitter: f32,
    /// The bound over everything, attempts and delays; no delay is begun that would pass it.
    pub deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            attempts: 3,
            min_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(10),
            factor: 2.0,
            jitter: 0.5,
            deadline: Duration::from_secs(30),
        }
    }
}

impl RetryPolicy {
    /// One attempt and no more.
    pub fn none() -> Self {
        RetryPolicy { attempts: 1, ..RetryPolicy::default() }
    }

    /// Whether the numbers make sense together.
    ///
    /// # Errors
    /// [`Error::Misuse`], naming the field, for no attempts, a factor below 1, a jitter outside
    /// 0 to 1, or a longest delay that is shorter than the first.
    pub fn validate(&self) -> Result<()> {
        let problem = if self.attempts == 0 {
            "attempts must be 1 or more, the first one included".to_owned()
        } else if self.max_delay < self.min_delay {
            let (min, max) = (self.min_delay, self.max_delay);
            format!("max_delay ({max:?}) must not be shorter than min_delay ({min:?})")
        } else if !(self.factor.is_finite() && self.factor >= 1.0) {
            format!("factor must be a finite number from 1, not {}", self.factor)
        } else if !(0.0..=1.0).contains(&self.jitter) {
            format!("jitter must be from 0 to 1, not {}", self.jitter)
        } else {
            return Ok(());
        };
        Err(Error::Misuse(format!("retry policy: {problem}")))
    }

    /// The delays between the attempts before jitter: 100, 200, 400, 800, 1600 ms for 6 attempts.
    pub fn progression(&self) -> impl Iterator<Item = Duration> + use<> {
        let max = self.max_delay;
        // backon counts retries where we count attempts.
        let delays = ExponentialBuilder::new()
            .with_min_delay(self.min_delay.min(max))
            .with_max_delay(max)
            .with_factor(self.factor)
            .with_max_times(self.attempts.saturating_sub(1) as usize)
            .build();
        delays.map(move |delay| round(delay).min(max))
    }

    /// The delays between the attempts, with jitter; each call draws anew.
    ///
    /// It serves as a backoff of [`backon`] too, whose own jitter only lengthens.
    pub fn delays(&self) -> impl Iterator<Item = Duration> + use<> {
        let max = self.max_delay;
        let jitter = f64::from(self.jitter);
        self.progression().map(move |delay| {
            let share = 1.0 + jitter * (2.0 * fastrand::f64() - 1.0);
            Duration::try_from_secs_f64(delay.as_secs_f64() * share).unwrap_or(max).min(max)
        })
    }
}

/// backon multiplies in `f32`, which leaves 200.000003 ms where 200 is meant.
fn round(delay: Duration) -> Duration {
    let micros = (delay.as_nanos() + 500) / 1000;
    u64::try_from(micros).map_or(Duration::MAX, Duration::from_micros)
}

/// What may be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It may pass by itself: try again while the policy allows.
    Retryable,
    /// Trying again cannot help.
    Permanent,
    /// It rarely passes: try once more, no further.
    Degraded,
}

/// An error that knows what may be done about it.
///
/// Its text goes into the log with each retry, so it must not hold values.
pub trait RetryClassifiable: fmt::Display {
    /// What may be done about it.
    fn classify(&self) -> Class;

    /// Whether trying again can succeed, and more than once is worth it.
    fn is_retryable(&self) -> bool {
        self.classify() == Class::Retryable
    }

    /// The delay that the other side asks for, such as a rate limit's; replaces the computed one.
    fn suggested_backoff(&self) -> Option<Duration> {
        None
    }
}

/// Runs operations by a policy; a first success costs one relaxed add and reads no clock.
#[derive(Debug, Clone, Copy)]
pub struct Retrier<'a> {
    policy: &'a RetryPolicy,
    counters: Option<&'a RetryCounters>,
    started: Option<Instant>,
}

impl<'a> Retrier<'a> {
    /// A retrier that counts nothing.
    pub fn new(policy: &'a RetryPolicy) -> Self {
        Retrier { policy, counters: None, started: None }
    }

    /// Count in `counters`.
    pub fn counters(self, counters: &'a RetryCounters) -> Self {
        Retrier { counters: Some(counters), ..self }
    }

    /// Count the deadline from `started`; otherwise it counts from the first failure.
    pub fn since(self, started: Instant) -> Self {
        Retrier { started: Some(started), ..self }
    }

    /// Run `operation` until it succeeds or the policy ends it, waiting by `sleep` in between.
    ///
    /// `sleep` returns false when waiting was cancelled; then nothing more is tried.
    ///
    /// # Errors
    /// The error of the last attempt.
    #[inline]
    pub fn run<T, E: RetryClassifiable>(
        &self,
        sleep: impl FnMut(Duration) -> bool,
        mut operation: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        match operation() {
            Ok(value) => {
                self.count(RetryCounters::plain);
                Ok(value)
            }
            Err(error) => self.again(error, sleep, operation),
        }
    }

    fn count(&self, add: impl FnOnce(&RetryCounters)) {
        if let Some(counters) = self.counters {
            add(counters);
        }
    }

    // backon's own loop takes only a sleeper that is 'static and cannot be cancelled, and a
    // backoff that does not see the error: neither serves a lane that closes or a rate limit.
    #[cold]
    fn again<T, E: RetryClassifiable>(
        &self,
        mut error: E,
        mut sleep: impl FnMut(Duration) -> bool,
        mut operation: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut class = error.classify();
        if class == Class::Permanent {
            self.count(RetryCounters::plain);
            return Err(error);
        }
        let started = self.started.unwrap_or_else(Instant::now);
        let mut attempt = 1;
        let result = 'ended: {
            for delay in self.policy.delays() {
                let delay = error.suggested_backoff().unwrap_or(delay);
                if started.elapsed().saturating_add(delay) > self.policy.deadline {
                    break;
                }
                log::debug!(
                    target: TARGET,
                    "attempt {attempt} failed ({class:?}), next in {delay:.1?}: {error}"
                );
                if !sleep(delay) {
                    break;
                }
                self.count(|c| c.retried(delay));
                attempt += 1;
                error = match operation() {
                    Ok(value) => break 'ended Ok(value),
                    Err(error) => error,
                };
                let last = class == Class::Degraded;
                class = error.classify();
                if last || class == Class::Permanent {
                    break;
                }
            }
            log::debug!(target: TARGET, "gave up after attempt {attempt} ({class:?}): {error}");
            Err(error)
        };
        self.count(|c| c.ended(result.is_ok()));
        result
    }
}

/// Run `operation` by `policy`, sleeping in between; the deadline counts from now.
///
/// # Errors
/// The error of the last attempt.
pub fn execute_with_backoff<T, E: RetryClassifiable>(
    policy: &RetryPolicy,
    operation: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let sleep = |delay| {
        std::thread::sleep(delay);
        true
    };
    Retrier::new(policy).since(Instant::now()).run(sleep, operation)
}
