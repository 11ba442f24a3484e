"""What is measured on whom, and what Holdfast aims at."""

from dataclasses import dataclass

SYNC = ("holdfast", "stdlib", "apsw", "cysqlite", "libsql", "sqlalchemy", "sqlite-utils")
WRITERS = (*SYNC[:3], "apsw-autocommit", *SYNC[3:])
THREADED = ("holdfast", "stdlib", "apsw", "cysqlite")
ASYNC = ("holdfast", "aiosqlite", "apsw", "cysqlite", "rapsqlite")
C = "C"


@dataclass(frozen=True)
class Work:
    """One work: its function and the module of that, who does it, for how many seconds."""

    title: str
    function: str
    peers: tuple[str, ...]
    seconds: float = 0.4
    argument: str | bool | None = None
    unit: str = "operations/s"
    module: str = "works"
    file: str = "template"

    @property
    def is_durable(self) -> bool:
        """Whether it waits for the disk, which must not be busy with the copy of the file then."""
        return self.argument is True


@dataclass(frozen=True)
class Target:
    """What Holdfast's figure is to be: against peers (the best of them), or by itself."""

    work: str
    metric: str
    want: float
    against: tuple[str, ...] = ()
    most: bool = False
    worst: bool = False
    unit: str = ""

    def met(self, found: float) -> bool:
        return found <= self.want if self.most else found >= self.want


WORKS = {
    "point_select": Work(
        "point select by primary key, 5 columns, one thread", "point_select", (*SYNC, C)
    ),
    "point_select_busy": Work(
        "the same beside one busy pure-Python thread", "point_select_busy", THREADED, 0.5
    ),
    "point_select_threads": Work(
        "the same on 8 threads, total", "point_select_threads", THREADED, 0.5
    ),
    "fetch_tuples": Work(
        "fetch 100,000 rows x 5 columns to tuples", "fetch", (*SYNC, C), 0.4, "tuples", "rows/s"
    ),
    "fetch_dicts": Work("to dicts", "fetch", SYNC, 0.4, "dicts", "rows/s"),
    "fetch_objects": Work(
        "to dataclasses or typed objects", "fetch", SYNC, 0.4, "objects", "rows/s"
    ),
    "insert_many": Work(
        "execute_many insert, 100,000 rows", "insert_many", (*SYNC, C), unit="rows/s"
    ),
    "upsert_many": Work(
        "upsert 100,000 rows, half of them there",
        "upsert_many",
        (SYNC[0], "holdfast-sql", *SYNC[1:]),
        unit="rows/s",
    ),
    "write_one": Work("one-row writes, one thread, NORMAL", "write_one", (*WRITERS, "msqlite", C)),
    "write_threads": Work(
        "one-row writes, 8 threads, NORMAL", "write_threads", (*THREADED, "msqlite"), 0.8, False
    ),
    "write_threads_full": Work(
        "one-row writes, 8 threads, FULL", "write_threads", THREADED, 0.8, True
    ),
    "write_processes": Work(
        "one-row writes, 8 processes, NORMAL",
        "write_processes",
        ("holdfast", "stdlib", "apsw", "msqlite"),
        2.0,
    ),
    "read_beside_writer": Work(
        "2 readers beside a writer that never stops",
        "read_beside_writer",
        ("holdfast", "stdlib", "apsw"),
        0.5,
        module="beside",
    ),
    "read_beside_vacuum": Work(
        "2 readers beside the vacuum",
        "read_beside_vacuum",
        ("holdfast", "stdlib", "apsw"),
        0.3,
        module="beside",
        file="spare",
    ),
    "async_point_1": Work("async point select, one task", "point_1", ASYNC, module="aio_works"),
    "async_point_100": Work(
        "async point select, 100 tasks", "point_100", ASYNC, module="aio_works"
    ),
    "async_write_100": Work(
        "async one-row writes, 100 tasks, NORMAL", "write_100", ASYNC, module="aio_works"
    ),
    "async_lag": Work(
        "event loop: 4 tasks with statements of 100 ms, 100 tasks with short ones",
        "lag",
        ASYNC,
        1.5,
        module="aio_works",
    ),
    "import": Work(
        "import, in a fresh process",
        "import_time",
        (*SYNC, "msqlite", "aiosqlite", "rapsqlite"),
        module="footprint",
        unit="ms",
    ),
    "memory": Work(
        "memory that import, open, a select and a write add",
        "memory",
        (*SYNC, "msqlite"),
        module="footprint",
        unit="MB",
    ),
    "wheel": Work(
        "size of the wheel",
        "wheel",
        ("holdfast", *SYNC[2:], "msqlite", "aiosqlite", "rapsqlite"),
        module="footprint",
        unit="MB",
    ),
}
_OTHERS_ASYNC = tuple(peer for peer in ASYNC if peer != "holdfast")

TARGETS = (
    Target("point_select", "rate", 1.25, ("apsw",)),
    Target("point_select", "rate", 2.0, ("stdlib",)),
    Target("point_select", "rate", 0.70, (C,)),
    Target("point_select_busy", "rate", 100, ("stdlib",)),
    Target("point_select_threads", "rate", 2.5, ("stdlib",)),
    Target("point_select_threads", "p99", 100, most=True, unit="us"),
    Target("fetch_tuples", "rate", 1.3, ("apsw",)),
    Target("fetch_dicts", "rate", 2.5, ("stdlib",)),
    Target("fetch_objects", "rate", 2.0, ("apsw", "sqlalchemy")),
    Target("insert_many", "rate", 1.1, ("apsw",)),
    Target("upsert_many", "rate", 3.0, ("sqlite-utils",)),
    Target("write_one", "rate", 1.0, ("apsw",)),
    Target("write_threads", "rate", 1.3, ("stdlib",)),
    Target("write_threads", "max", 0.5, ("stdlib",), most=True),
    Target("write_threads", "errors", 0, most=True, worst=True),
    Target("write_threads_full", "rate", 4.0, ("stdlib",)),
    Target("write_processes", "rate", 1.0, ("stdlib",)),
    Target("write_processes", "p999", 5_000, most=True, unit="us"),
    Target("write_processes", "max", 50_000, most=True, worst=True, unit="us"),
    Target("write_processes", "errors", 0, most=True, worst=True),
    Target("write_processes", "fairness", 0.5),
    Target("read_beside_writer", "against_idle", 1.5, most=True),
    Target("read_beside_vacuum", "against_idle", 1.5, most=True),
    Target("async_point_1", "rate", 25, ("aiosqlite",)),
    Target("async_point_1", "rate", 1.0, _OTHERS_ASYNC),
    Target("async_point_100", "rate", 8, ("aiosqlite",)),
    Target("async_point_100", "rate", 1.0, _OTHERS_ASYNC),
    Target("async_write_100", "rate", 5, ("aiosqlite",)),
    Target("async_lag", "p99", 5_000, most=True, unit="us"),
    Target("import", "milliseconds", 15, most=True, unit="ms"),
    Target("wheel", "megabytes", 3, most=True, unit="MB"),
)
