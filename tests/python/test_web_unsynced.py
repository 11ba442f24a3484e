"""An index that was never synced, where nothing may be changed."""

from pathlib import Path

import holdfast
from holdfast.artifacts import ArtifactIndex
from web_apps import dashboard


def test_who_changes_nothing_makes_no_index(db: holdfast.Database, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A\n")
    index = ArtifactIndex(db, tmp_path / "docs")
    with dashboard(db, index=index, read_only=True) as web:
        answer = web.get("/api/v1/database/artifacts")
        assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")
        assert "no sync" in web.get("/api/v1/database/stats").json()["index"]["error"]
        assert db.fetch_all("select name from sqlite_schema where name like 'artifact%'") == []
        index.sync()
        assert web.get("/api/v1/database/artifacts").json()["total"] == 1
