//! Front matter: where it ends, and what its plain part means.

use holdfast::front_matter::{Plain, heading, plain, split};

fn text(value: &str) -> Plain {
    Plain::Text(value.into())
}

#[test]
fn a_text_is_split_at_its_first_two_lines_of_dashes() {
    let parts = split("\n---\ntitle: a\n----  \n\nbody\n---\nmore\n");
    assert_eq!((parts.front, parts.body), (Some("\ntitle: a\n"), "body\n---\nmore"));
    for whole in [
        "no front matter",
        "text\n---\na: b\n---",
        "---\nnever closed",
        "--\na: b\n--",
        "--- a\n---",
    ] {
        assert_eq!(split(whole).front, None, "{whole:?}");
        assert_eq!(split(whole).body, whole);
    }
    let empty = split("---\n---");
    assert_eq!((empty.front, empty.body), (Some("\n"), ""));
}

#[test]
fn flat_values_are_read() {
    let front = "title: The plan: part 2\n# a comment\nempty:\ncount: 12\nshare: 0.5\ndone: true\n\
                 day: 2026-02-28\nquoted: 'no: # yes'\ntags: [a, \"b c\"]\nlist:\n  - x\n  - 3\n";
    assert_eq!(plain(front), None, "a colon and a space are YAML's own");
    let front = front.replace("plan: part 2", "plan");
    let found = plain(&front).unwrap();
    let expected = [
        ("title", text("The plan")),
        ("empty", Plain::Null),
        ("count", Plain::Int(12)),
        ("share", Plain::Float(0.5)),
        ("done", Plain::Bool(true)),
        ("day", Plain::Date(2026, 2, 28)),
        ("quoted", text("no: # yes")),
        ("tags", Plain::List(vec![text("a"), text("b c")])),
        ("list", Plain::List(vec![text("x"), Plain::Int(3)])),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_yaml_reads_in_its_own_way_is_left_to_it() {
    for value in [
        "yes",
        "On",
        "~",
        "null",
        "010",
        "0x1F",
        "1_000",
        "1:30",
        "1e3",
        ".5",
        "1.",
        "2026-13-01",
        "2026-02-30",
        "2026-1-2",
        "2026-01-02 10:00",
        "&a x",
        "*a",
        "!!str 1",
        "{a: b}",
        "[a, [b]]",
        "[a, b",
        "| ",
        "> x",
        "\"a\\n\"",
        "'it''s'",
        "a # b",
        "a: b",
        "- a",
        "@x",
        "%x",
        "x\ty",
        "NO",
    ] {
        assert_eq!(plain(&format!("key: {value}\n")), None, "{value:?}");
    }
    for front in
        ["on: a", "a\n", "a: b\n  c", "? a", "a:b", "\ta: b", "a: b\n- c", "l:\n  - a\n - b"]
    {
        assert_eq!(plain(front), None, "{front:?}");
    }
}

#[test]
fn the_first_heading_outside_of_code_is_found() {
    assert_eq!(heading("```\n# code\n```\n\n## no\n# The title #\n# other"), Some("The title"));
    assert_eq!(heading("#hashtag\n~~~\n```\n# code"), None);
    assert_eq!(heading("    # indented\n# Learning C#"), Some("Learning C#"));
    assert_eq!(heading("````\n```\n# code\n````\n#\tTabbed"), Some("Tabbed"));
}
