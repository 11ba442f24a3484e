//! Statements that the engine writes: quoting, INSERT, upsert; and what it reads of others'.

use crate::error::{Error, Result};

/// Quote an identifier, whatever it contains.
///
/// # Errors
/// [`Error::Value`] for a NUL, which no identifier can hold, and for the empty name.
///
/// ```
/// assert_eq!(holdfast::sql::quote("a \"b\"")?, "\"a \"\"b\"\"\"");
/// # Ok::<(), holdfast::Error>(())
/// ```
pub fn quote(name: &str) -> Result<String> {
    if name.is_empty() {
        return Err(Error::Value("an identifier is empty".into()));
    }
    if name.contains('\0') {
        return Err(Error::Value(format!("the identifier {name:?} holds a NUL character")));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// Whether anything but white space, comments and semicolons is left.
pub(crate) fn has_statement(sql: &str) -> bool {
    tokens(sql).any(|token| token != ";")
}

/// The tokens of a text, without white space and comments. Strings, quoted identifiers, words and
/// numbers are one token each; everything else is one character.
pub(crate) fn tokens(sql: &str) -> impl Iterator<Item = &str> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        rest = skip_blank(rest);
        let length = token_length(rest)?;
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

/// The text from its first token on, past white space and comments.
pub(crate) fn skip_blank(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{feff}');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else {
            return rest;
        }
    }
}

/// The text up to the end of its first statement, the semicolon included.
pub(crate) fn first_statement(sql: &str) -> &str {
    let is = |token: &str, word: &str| token.eq_ignore_ascii_case(word);
    let mut head = tokens(sql).take(3).skip_while(|token| is(token, "create"));
    let temporary = |token: &&str| is(token, "temp") || is(token, "temporary");
    let trigger = is(tokens(sql).next().unwrap_or_default(), "create")
        && head.find(|token| !temporary(token)).is_some_and(|token| is(token, "trigger"));
    let (mut last, mut before) = ("", "");
    for token in tokens(sql) {
        // A trigger's body is a list of statements, so only the semicolon after its END counts.
        if token == ";" && (!trigger || (is(last, "end") && before == ";")) {
            return &sql[..token.as_ptr() as usize - sql.as_ptr() as usize + 1];
        }
        (before, last) = (last, token);
    }
    sql
}

fn token_length(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    Some(match first {
        '\'' | '"' | '`' => quoted_length(text, first),
        '[' => text.find(']').map_or(text.len(), |end| end + 1),
        c if word(c) => text.find(|c| !word(c)).unwrap_or(text.len()),
        c => c.len_utf8(),
    })
}

/// A doubled quote stands for itself, so the literal goes on after it.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(end) = text[at..].find(quote) {
        at += end + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// What happens when a row with the same key exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict<'a> {
    /// The insert fails.
    Fail,
    /// These columns take the new values.
    Update {
        /// The columns of a unique key.
        key: &'a [&'a str],
        /// The columns to update; the rest stays as it is.
        columns: &'a [&'a str],
    },
    /// The row stays as it is.
    Nothing {
        /// The columns of a unique key; any constraint when empty.
        key: &'a [&'a str],
    },
}

/// `INSERT INTO table (columns) VALUES (?, ...)`, with what to do on conflict.
///
/// # Errors
/// [`Error::Value`] for identifiers that cannot be; [`Error::Misuse`] for a key that is not among
/// the columns.
pub fn insert(table: &str, columns: &[&str], conflict: OnConflict<'_>) -> Result<String> {
    let table = quote(table)?;
    let mut sql = if columns.is_empty() {
        format!("INSERT INTO {table} DEFAULT VALUES")
    } else {
        let marks = vec!["?"; columns.len()].join(", ");
        format!("INSERT INTO {table} ({}) VALUES ({marks})", list(columns)?)
    };
    match conflict {
        OnConflict::Fail => {}
        OnConflict::Nothing { key: [] } => sql.push_str(" ON CONFLICT DO NOTHING"),
        OnConflict::Nothing { key } => {
            // The row that exists is found by its key, for its id.
            check_columns("key column", key, columns)?;
            sql.push_str(&format!(" ON CONFLICT ({}) DO NOTHING", list(key)?));
        }
        OnConflict::Update { key, columns: updated } => {
            check_columns("key column", key, columns)?;
            check_columns("column to update", updated, columns)?;
            if key.is_empty() {
                return Err(Error::Misuse("an upsert needs the columns of a unique key".into()));
            }
            // Without a column to update, the row still has to be found for its id.
            let updated = if updated.is_empty() { key } else { updated };
            let assignments = updated.iter().map(|column| {
                let column = quote(column)?;
                Ok(format!("{column} = excluded.{column}"))
            });
            let assignments = assignments.collect::<Result<Vec<_>>>()?.join(", ");
            sql.push_str(&format!(" ON CONFLICT ({}) DO UPDATE SET {assignments}", list(key)?));
        }
    }
    Ok(sql)
}

fn check_columns(what: &str, names: &[&str], columns: &[&str]) -> Result<()> {
    match names.iter().find(|name| !contains(columns, name)) {
        None => Ok(()),
        Some(name) => Err(Error::Misuse(format!(
            "the {what} {name:?} is not among the columns of the row: {}",
            columns.join(", ")
        ))),
    }
}

/// Whether a name is among others, as SQLite compares them.
pub(crate) fn contains(names: &[&str], name: &str) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

fn list(columns: &[&str]) -> Result<String> {
    let quoted = columns.iter().map(|column| quote(column)).collect::<Result<Vec<_>>>()?;
    Ok(quoted.join(", "))
}

/// `SELECT id FROM table WHERE key = ? AND ...`
pub(crate) fn lookup(table: &str, key: &[&str], id: &str) -> Result<String> {
    let terms = key.iter().map(|column| Ok(format!("{} IS ?", quote(column)?)));
    let terms = terms.collect::<Result<Vec<_>>>()?.join(" AND ");
    Ok(format!("SELECT {id} FROM {} WHERE {terms}", quote(table)?))
}
