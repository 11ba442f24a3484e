//! How long a statement is expected to run: what its plan says, and what its runs have shown.

use std::cell::{Cell, OnceCell};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use rusqlite::ffi;

use super::Statement;
use crate::connection::Connection;
use crate::error::Result;
use crate::watch::BUDGET;

/// The short runs that make up for each millisecond of a long one.
const AMENDS: u32 = 16;
/// The same for a plan that says that it may block and has not run yet.
const PROBATION: u32 = 4;

/// Instructions of SQLite's virtual machine that may work long by themselves. The loop around one
/// is seen by the progress handler, what happens inside of it is not.
const BLOCKING: &[&str] = &[
    "SorterOpen",
    "SorterSort",
    "RowSetRead",
    "Count",
    "VFilter",
    "VUpdate",
    "VCreate",
    "VDestroy",
    "VRename",
    "Clear",
    "Destroy",
    "ParseSchema",
    "IntegrityCk",
    "Vacuum",
    "Checkpoint",
];

/// Functions are named by `p4`; for other instructions it may lead to a table of a schema that is gone.
const PLAN: &str = "SELECT opcode, \
                    CASE WHEN opcode IN ('Function', 'PureFunc', 'AggStep', 'AggFinal') THEN p4 END, \
                    addr, p2 FROM bytecode(?)";

/// Instructions that end a loop over rows.
const LOOPS: &[&str] = &["Next", "Prev", "SorterNext", "VNext"];

/// Functions whose work is bounded by the size of one row. Others, as those of extensions, may
/// block.
const QUICK: &[&str] = &[
    "->",
    "->>",
    "abs",
    "avg",
    "bm25",
    "ceil",
    "changes",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_extract",
    "json_object",
    "json_quote",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_insert_rowid",
    "last_value",
    "lead",
    "length",
    "like",
    "ln",
    "log",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "pow",
    "power",
    "printf",
    "quote",
    "random",
    "rank",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sqrt",
    "strftime",
    "string_agg",
    "subtype",
    "substr",
    "substring",
    "sum",
    "time",
    "timediff",
    "total",
    "total_changes",
    "trim",
    "trunc",
    "typeof",
    "unhex",
    "unicode",
    "unixepoch",
    "upper",
];

/// What is known of a statement's pace.
#[derive(Default)]
pub(super) struct Pace {
    /// What its plan says; asked for at the first need.
    plan: OnceCell<Plan>,
    /// Short runs that are wanted before the next one is expected to be short.
    doubt: Cell<u32>,
    /// In the middle of a run: whether the last step was long.
    last: Cell<Option<bool>>,
    /// Whether all steps of the last whole run together were long.
    heavy: Cell<bool>,
}

/// What can be told of a run ahead of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// It looks at a few rows.
    Bounded,
    /// It loops over rows.
    Loops,
    /// It may work long within one instruction.
    Blocks,
}

impl Pace {
    /// The clock to take along on a step: the progress handler has none for a plan that blocks.
    #[inline]
    pub(super) fn clock(&self) -> Option<Instant> {
        (self.plan.get() == Some(&Plan::Blocks)).then(Instant::now)
    }

    /// Learn from a step.
    #[inline]
    pub(super) fn learn(&self, took: Duration) {
        let long = took >= BUDGET;
        let first = self.last.replace(Some(long)).is_none();
        if long {
            let millis = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
            self.doubt.set(self.doubt.get().max(millis.saturating_mul(AMENDS)));
        } else if first && self.doubt.get() > 0 {
            self.doubt.set(self.doubt.get() - 1);
        }
    }

    /// The run has ended.
    #[inline]
    pub(super) fn ended(&self) {
        self.last.set(None);
    }

    /// The plan was made anew.
    pub(super) fn replanned(&mut self) {
        self.plan.take();
    }
}

impl Statement {
    /// Whether its next step is expected to work longer than a short statement does.
    ///
    /// A statement that was long must be short a number of times before it is believed again; one
    /// whose plan may block must be so before it is believed at all.
    #[inline]
    pub fn is_long(&self, connection: &Connection) -> bool {
        let pace = &self.pace;
        self.plan(connection);
        pace.last.get().unwrap_or(pace.doubt.get() > 0)
    }

    /// Whether all of its steps together took longer than an event loop can be kept waiting.
    pub fn is_heavy(&self) -> bool {
        self.pace.heavy.get()
    }

    /// Remember that it was ended for taking too long.
    pub fn is_too_long(&self) {
        self.pace.heavy.set(true);
    }

    /// Remember how long all of its steps took.
    pub fn took(&self, time: Duration) {
        self.pace.heavy.set(time >= BUDGET);
    }

    /// Whether its plan has a step that the progress handler cannot see into, and so a caller
    /// cannot let go in the middle of it: a sort, a virtual table, a function that is not known.
    pub fn may_block(&self, connection: &Connection) -> bool {
        self.plan(connection) == Plan::Blocks
    }

    /// Whether it looks at a few rows at most, whatever the tables hold.
    pub fn is_bounded(&self, connection: &Connection) -> bool {
        self.plan(connection) == Plan::Bounded
    }

    #[inline]
    fn plan(&self, connection: &Connection) -> Plan {
        *self.pace.plan.get_or_init(|| {
            // Without the table of instructions, as other builds are, nothing is known ahead.
            let plan = plan_of(connection, self.raw).unwrap_or(Plan::Loops);
            if plan == Plan::Blocks {
                self.pace.doubt.set(self.pace.doubt.get().max(PROBATION));
            }
            plan
        })
    }
}

/// Where the rows of several VALUES are made, for which a program turns back as often as they are.
#[derive(Default)]
struct Turns(Vec<bool>);

impl Turns {
    /// Whether the instruction turns back, as for the rows of a recursive query, so that its number
    /// of rounds is not known.
    fn next(&mut self, opcode: &str, address: i64, target: i64) -> bool {
        if address == 0 {
            // A program of its own, as each trigger's is.
            self.0.clear();
        }
        self.0.push(opcode == "Yield");
        // The end of each program turns to its second instruction, once.
        let back = opcode == "Goto" && target > 1 && target <= address;
        let of_values = usize::try_from(target).is_ok_and(|at| self.0.get(at) == Some(&true));
        back && !of_values
    }
}

/// Not by EXPLAIN, which would set the number of changes.
fn plan_of(connection: &Connection, raw: NonNull<ffi::sqlite3_stmt>) -> Result<Plan> {
    connection.internal(|| {
        let mut plan = connection.statement(PLAN)?;
        let of = raw.as_ptr().cast();
        // SAFETY: both statements are valid, and the pointer is let go of with the reset.
        unsafe {
            ffi::sqlite3_bind_pointer(plan.raw.as_ptr(), 1, of, c"stmt-pointer".as_ptr(), None);
        }
        let mut found = Plan::Bounded;
        let mut turns = Turns::default();
        while plan.step(connection)? {
            let opcode = plan.column(0).as_str().unwrap_or_default();
            let (address, target) = (plan.column(2).as_i64(), plan.column(3).as_i64());
            let again = turns.next(opcode, address.unwrap_or(0), target.unwrap_or(0));
            if again || LOOPS.contains(&opcode) {
                found = Plan::Loops;
            }
            if BLOCKING.contains(&opcode) {
                return Ok(Plan::Blocks);
            }
            if let Ok(function) = plan.column(1).as_str() {
                let name = function.split('(').next();
                if name.is_none_or(|name| QUICK.binary_search(&name).is_err()) {
                    return Ok(Plan::Blocks);
                }
            }
        }
        Ok(found)
    })
}
