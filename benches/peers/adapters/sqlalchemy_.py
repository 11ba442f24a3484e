"""SQLAlchemy Core on sqlite3, statements made once, a connection held; objects by its ORM."""

from typing import Any

from sqlalchemy import bindparam, create_engine, event, insert, select, text
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, Session, mapped_column

from ..data import WRITE
from . import Closing, Point, Write, pragmas


class Base(MappedAsDataclass, DeclarativeBase):
    pass


class Columns(MappedAsDataclass):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    value: Mapped[float]
    kind: Mapped[int]
    body: Mapped[str]


class Item(Columns, Base):
    __tablename__ = "item"


class Bulk0(Columns, Base):
    __tablename__ = "bulk0"


class Bulk1(Columns, Base):
    __tablename__ = "bulk1"


class Bulk2(Columns, Base):
    __tablename__ = "bulk2"


ITEM = Item.__table__


class Peer(Closing):
    wants_mappings = True

    def __init__(self, path: str, durable: bool = False) -> None:
        super().__init__(path, durable)
        self.engine = create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")

        @event.listens_for(self.engine, "connect")
        def configure(connection: Any, _record: Any) -> None:
            for statement in pragmas(durable):
                connection.execute(statement)

        self.db = self.engine.connect()

    def close(self) -> None:
        self.db.close()
        self.engine.dispose()

    def fetch(self, sql: str) -> list[Any]:
        return list(self.db.execute(text(sql)).all())

    def run(self, sql: str) -> None:
        self.db.execute(text(sql))

    def point(self) -> Point:
        execute = self.db.execute
        statement = select(ITEM).where(ITEM.c.id == bindparam("key"))
        return lambda key: execute(statement, {"key": key}).fetchone()

    def tuples(self) -> list[Any]:
        return list(self.db.execute(select(ITEM)).all())

    def dicts(self) -> list[Any]:
        return [dict(row) for row in self.db.execute(select(ITEM)).mappings()]

    def objects(self) -> list[Any]:
        with Session(self.engine) as session:
            return list(session.scalars(select(Item)).all())

    def insert_many(self, table: str, rows: list[dict[str, Any]]) -> None:
        self._many(insert(Base.metadata.tables[table]), rows)

    def upsert_many(self, rows: list[dict[str, Any]]) -> None:
        new = sqlite_insert(ITEM)
        changed = {name: new.excluded[name] for name in ("name", "value", "kind", "body")}
        self._many(new.on_conflict_do_update(index_elements=["id"], set_=changed), rows)

    def _many(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        self.db.exec_driver_sql("begin immediate")
        self.db.execute(statement, rows)
        self.db.exec_driver_sql("commit")

    def writer(self) -> Write:
        execute = self.db.exec_driver_sql
        return lambda key, body: execute(WRITE, (key, body))
