//! Front matter of markdown: where it ends, and what the plain part of YAML in it means.
//!
//! The same as python-frontmatter, which reads YAML 1.1 by PyYAML: what could mean something else
//! there is left to it.

/// A text in two: the YAML between its first two lines of dashes, and what follows.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The YAML, if there are such lines.
    pub front: Option<&'a str>,
    /// The rest, without white space around it.
    pub body: &'a str,
}

/// A value of front matter.
#[derive(Debug, Clone, PartialEq)]
pub enum Plain {
    /// Nothing after the colon.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Decimal digits without a leading zero.
    Int(i64),
    /// Decimal digits with a point between them.
    Float(f64),
    /// Year, month and day of a date that exists.
    Date(u16, u8, u8),
    /// All other text.
    Text(String),
    /// A list of such values.
    List(Vec<Plain>),
}

/// White space as Python's `str.strip` and `\s` have it.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// Split a text at its first two lines of three or more dashes, if the first begins it.
pub fn split(text: &str) -> Parts<'_> {
    let text = text.trim_matches(is_space);
    let whole = Parts { front: None, body: text };
    let Some(opened) = boundary(text, 0) else { return whole };
    let mut from = opened;
    while let Some(at) = text[from..].find("\n---") {
        let begin = from + at + 1;
        if let Some(end) = boundary(text, begin) {
            let front = Some(&text[opened..begin]);
            return Parts { front, body: text[end..].trim_matches(is_space) };
        }
        from = begin;
    }
    whole
}

/// The end of the boundary that begins here: dashes, and white space up to the end of a line.
fn boundary(text: &str, begin: usize) -> Option<usize> {
    let rest = text[begin..].trim_start_matches('-');
    let dashes = text.len() - begin - rest.len();
    if dashes < 3 {
        return None;
    }
    let after = rest.trim_start_matches(is_space);
    let space = &rest[..rest.len() - after.len()];
    let taken = if after.is_empty() { space.len() } else { space.rfind('\n')? };
    Some(begin + dashes + taken)
}

/// The first heading of a body, code left out.
pub fn heading(body: &str) -> Option<&str> {
    let mut fence: Option<&str> = None;
    for line in body.lines() {
        let text = line.trim_start_matches(' ');
        if line.len() - text.len() > 3 {
            continue;
        }
        let mark = run(text).filter(|mark| mark.len() >= 3);
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            // Closed by as many, with nothing behind.
            (Some(open), Some(mark)) if mark.starts_with(open) && mark == text.trim_end() => {
                fence = None;
            }
            (None, None) => {
                let text = text.strip_prefix('#').filter(|text| text.starts_with([' ', '\t']));
                let title = text.map(|text| closed(text.trim())).filter(|title| !title.is_empty());
                if title.is_some() {
                    return title;
                }
            }
            _ => {}
        }
    }
    None
}

/// The backticks or tildes that a line begins with.
fn run(line: &str) -> Option<&str> {
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    Some(&line[..line.len() - line.trim_start_matches(mark).len()])
}

/// A heading without the hashes that close it.
fn closed(text: &str) -> &str {
    let bare = text.trim_end_matches('#');
    if bare.is_empty() || bare.ends_with(' ') { bare.trim_end() } else { text }
}

/// Read YAML that is flat and plain; `None` for all else, also where it is wrong.
pub fn plain(front: &str) -> Option<Vec<(&str, Plain)>> {
    let mut found = Vec::new();
    let mut lines = front.split('\n').filter(|l| !is_blank(l)).peekable();
    while let Some(line) = lines.next() {
        let (key, rest) = line.split_once(':')?;
        if !is_key(key) {
            return None;
        }
        let value = match rest.trim_matches(' ') {
            "" => match lines.peek().and_then(|next| item(next)) {
                None => Plain::Null,
                Some((indent, _)) => {
                    let mut items = Vec::new();
                    while let Some((depth, text)) = lines.peek().and_then(|next| item(next)) {
                        if depth != indent {
                            return None;
                        }
                        items.push(scalar(text, false)?);
                        lines.next();
                    }
                    Plain::List(items)
                }
            },
            text if rest.starts_with(' ') => match text.strip_prefix('[') {
                Some(list) => flow(list)?,
                None => scalar(text, false)?,
            },
            _ => return None,
        };
        found.push((key, value));
    }
    (!found.is_empty()).then_some(found)
}

/// An empty line, or a comment from its first column.
fn is_blank(line: &str) -> bool {
    line.bytes().all(|b| b == b' ') || (line.starts_with('#') && line.chars().all(is_plain))
}

fn is_key(key: &str) -> bool {
    key.len() <= 100
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && !is_word(key)
}

/// The indent and the text of an item of a list.
fn item(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches(' ');
    Some((line.len() - text.len(), text.strip_prefix("- ")?.trim_matches(' ')))
}

fn flow(list: &str) -> Option<Plain> {
    let list = list.strip_suffix(']')?;
    if list.bytes().all(|b| b == b' ') {
        return Some(Plain::List(Vec::new()));
    }
    let items = list.split(',').map(|text| scalar(text.trim_matches(' '), true));
    Some(Plain::List(items.collect::<Option<_>>()?))
}

/// Whether YAML 1.1 may take a text, whose first letter is a letter, for more than text.
fn is_word(text: &str) -> bool {
    let words = ["true", "yes", "on", "false", "no", "off", "null", "y", "n"];
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn scalar(text: &str, in_flow: bool) -> Option<Plain> {
    let first = text.chars().next()?;
    if matches!(first, '"' | '\'') {
        let inner = text[1..].strip_suffix(first)?;
        let closed = !inner.contains(first) && !inner.contains('\\') && inner.chars().all(is_plain);
        // A comma was cut at already.
        return closed.then(|| Plain::Text(inner.to_owned()));
    }
    if first.is_ascii_digit() {
        return number(text);
    }
    if !first.is_alphanumeric() || !text.chars().all(is_plain) {
        return None;
    }
    let special = if in_flow {
        text.contains([':', '#', '[', ']', '{', '}', '"', '\'', '?', '&', '*', '!', '|', '>', '%'])
    } else {
        text.contains(": ") || text.contains(" #") || text.ends_with(':')
    };
    if special {
        return None;
    }
    match text {
        "true" => Some(Plain::Bool(true)),
        "false" => Some(Plain::Bool(false)),
        _ if is_word(text) => None,
        _ => Some(Plain::Text(text.to_owned())),
    }
}

/// Characters that stand for themselves in every YAML.
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{2010}'..='\u{2027}') || (c > '~' && c.is_alphanumeric())
}

fn number(text: &str) -> Option<Plain> {
    let bytes = text.as_bytes();
    if bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' {
        let digits = |range: std::ops::Range<usize>| {
            let part = &text.as_bytes()[range];
            part.iter()
                .all(u8::is_ascii_digit)
                .then(|| part.iter().fold(0_u16, |sum, digit| sum * 10 + u16::from(digit - b'0')))
        };
        let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let longest = match month {
            2 => 28 + u16::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let exists = year > 0 && (1..=longest).contains(&day);
        return exists.then_some(Plain::Date(year, month as u8, day as u8));
    }
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let is_decimal = all_digits(whole) && (whole == "0" || !whole.starts_with('0'));
    if !is_decimal || whole.len() > 18 {
        return None;
    }
    match fraction {
        None => whole.parse().ok().map(Plain::Int),
        Some(fraction) if all_digits(fraction) => text.parse().ok().map(Plain::Float),
        Some(_) => None,
    }
}
