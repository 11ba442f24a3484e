//! The steps of a component, and what may not stand in one.

use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result, summary};
use crate::sql;
use crate::watch::{Role, refuse_pragma};

/// The component of the application itself.
pub const APP: &str = "app";

/// One numbered change of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number; the first is 1.
    pub version: u32,
    /// What it does, in a word; it may be changed later.
    pub name: String,
    /// Its statements.
    pub sql: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}_{}", self.version, self.name)
    }
}

impl Step {
    /// The SHA-256 of the text, in hexadecimal. White space at the ends of lines does not count, so
    /// that an editor or a checkout with other line endings changes nothing.
    pub fn checksum(&self) -> String {
        let unix = self.text().replace("\r\n", "\n").replace('\r', "\n");
        let mut hash = Sha256::new();
        for line in unix.trim_end().lines() {
            hash.update(line.trim_end());
            hash.update("\n");
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The statements without the mark that some editors put before them.
    pub(super) fn text(&self) -> &str {
        self.sql.strip_prefix('\u{feff}').unwrap_or(&self.sql)
    }

    /// Refuse what the transaction around all steps could not undo, or would ignore.
    fn check(&self) -> Result<()> {
        let mut rest = self.text();
        if rest.contains('\0') {
            return Err(Error::Migration(format!("step {self} holds a NUL character; remove it")));
        }
        while !rest.is_empty() {
            let statement = sql::first_statement(rest);
            if let Some(problem) = refusal(statement) {
                let statement = summary(sql::skip_blank(statement));
                return Err(Error::Migration(format!("step {self}: {statement} {problem}")));
            }
            rest = &rest[statement.len()..];
        }
        Ok(())
    }
}

fn refusal(statement: &str) -> Option<String> {
    let mut tokens = sql::tokens(statement);
    match tokens.next()?.to_ascii_uppercase().as_str() {
        "BEGIN" | "COMMIT" | "END" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" => Some(
            "may not stand in a step: all pending steps run in one transaction that Holdfast begins \
             and commits; leave it out"
                .into(),
        ),
        "ATTACH" | "DETACH" => Some(
            "may not stand in a step: a migration changes one file; move data between files in code"
                .into(),
        ),
        "VACUUM" => Some(
            "may not stand in a step: it cannot run inside a transaction; call db.vacuum(full=True) \
             after migrating"
                .into(),
        ),
        "PRAGMA" => {
            let mut name = tokens.next()?;
            let mut sign = tokens.next();
            if sign == Some(".") {
                name = tokens.next()?;
                sign = tokens.next();
            }
            let name = name.trim_matches(|c| "\"'`[]".contains(c)).to_ascii_lowercase();
            let has_value = matches!(sign, Some("=" | "("));
            refuse_in_step(&name, has_value).map(|why| format!("may not stand in a step: {why}"))
        }
        _ => None,
    }
}

fn refuse_in_step(name: &str, has_value: bool) -> Option<String> {
    match name {
        "foreign_keys" if has_value => {
            Some("foreign keys are off while the steps run and checked before the commit".into())
        }
        "user_version" if has_value => Some("Holdfast sets it to the number of the step".into()),
        _ => refuse_pragma(Role::Writer, name, has_value),
    }
}

/// The steps of one component, in order and without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrations {
    component: String,
    steps: Vec<Step>,
}

impl Migrations {
    /// Read the steps of a directory: files named like `0001_create_note.sql`. Files that do not end
    /// in `.sql`, hidden ones and directories are left alone.
    ///
    /// # Errors
    /// [`Error::Migration`] for a `.sql` file with another name, a directory without steps, and as
    /// [`Migrations::from_steps`], or when something cannot be read.
    pub fn from_directory(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |e| Error::Migration(format!("cannot read the migrations in {path:?}: {e}"));
        let mut steps = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_sql = name.to_ascii_lowercase().ends_with(".sql") && !name.starts_with('.');
            if !is_sql || file.is_dir() {
                continue;
            }
            // A pipe would be read for ever.
            if !file.is_file() {
                return Err(Error::Migration(format!("{file:?} is no regular file")));
            }
            let Some((version, title)) = parse(&name) else {
                return Err(Error::Migration(format!(
                    "{file:?} is not named like a step: rename it to something like \
                     0001_create_note.sql, or move it out of the directory"
                )));
            };
            let sql = std::fs::read(&file).map_err(failed)?;
            let sql = String::from_utf8(sql).map_err(|_| {
                Error::Migration(format!("{file:?} is not UTF-8 text: save it as UTF-8"))
            })?;
            steps.push(Step { version, name: title.to_owned(), sql });
        }
        if steps.is_empty() {
            return Err(Error::Migration(format!(
                "{path:?} holds no step: put a file like 0001_create_note.sql there"
            )));
        }
        Self::from_steps(steps)
    }

    /// Take steps in any order, as the component `"app"`.
    ///
    /// # Errors
    /// [`Error::Migration`] for numbers that do not run from 1 without a gap or a duplicate, and for
    /// a step with a statement that cannot be part of a transaction.
    pub fn from_steps(steps: impl IntoIterator<Item = Step>) -> Result<Self> {
        let mut steps: Vec<Step> = steps.into_iter().collect();
        steps.sort_by_key(|step| step.version);
        for pair in steps.windows(2) {
            if pair[0].version == pair[1].version {
                return Err(Error::Migration(format!(
                    "two steps have the number {}: {} and {}; give the newer one the next free \
                     number, {}",
                    pair[0].version,
                    pair[0],
                    pair[1],
                    steps[steps.len() - 1].version.saturating_add(1)
                )));
            }
        }
        for (step, wanted) in steps.iter().zip(1..) {
            if step.version != wanted {
                let what = if wanted == 1 { "the first step must be" } else { "there is no" };
                return Err(Error::Migration(format!(
                    "{what} number {wanted}, found {step}: numbers run from 1 without a gap; bring \
                     the missing file back, or renumber what was not released yet"
                )));
            }
            step.check()?;
        }
        Ok(Migrations { component: APP.to_owned(), steps })
    }

    /// The same steps as those of another component, which shares a file with others.
    #[must_use]
    pub fn component(self, name: impl Into<String>) -> Self {
        Migrations { component: name.into(), ..self }
    }

    /// The name of the component.
    pub fn component_name(&self) -> &str {
        &self.component
    }

    /// The steps, from number 1 on.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The number of the last step; 0 without steps.
    pub fn latest(&self) -> u32 {
        self.steps.last().map_or(0, |step| step.version)
    }
}

/// The number and the title of a file named like `0001_create_note.sql`.
fn parse(file: &str) -> Option<(u32, &str)> {
    let (number, title) = file.strip_suffix(".sql")?.split_once('_')?;
    let digits = number.len() >= 4 && number.bytes().all(|b| b.is_ascii_digit());
    let version: i32 = number.parse().ok().filter(|_| digits && !title.is_empty())?;
    Some((version.unsigned_abs(), title))
}
