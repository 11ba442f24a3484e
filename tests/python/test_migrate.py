"""Migrations through the Python face."""

from pathlib import Path

import holdfast


def test_steps_from_a_generator_serve_again(path: Path) -> None:
    steps = (holdfast.Migration(n, f"t{n}", f"create table t{n}(x)") for n in (1, 2))
    with holdfast.open(path, migrations=steps) as db:
        assert db.schema_version() == 2
        assert db.migrate().applied == ()
