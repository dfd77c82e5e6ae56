"""The tables of the nightly database. Holds masked narratives and no personal column.

`migrations/` makes and changes them; a test compares what it makes with what is written here.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

# A run counts as it goes: every batch adds to these in its own transaction, and the database itself refuses figures
# that leave a row unaccounted for.
COUNTS = ("read", "scored", "review", "known", "rejected", "before_since")
BALANCE = "read = scored + review + known + rejected + before_since"

RUNNING, CLOSED, ABANDONED = "running", "closed", "abandoned"
OPEN, RESOLVED, SUPERSEDED = "open", "resolved", "superseded"

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("started_at", sa.DateTime, nullable=False),  # UTC, as every time that is ours
    sa.Column("finished_at", sa.DateTime),
    sa.Column("status", sa.String(10), nullable=False),  # running: at work, or killed and to be resumed
    sa.Column("resumed", sa.Integer, nullable=False),  # how often it was killed and went on
    sa.Column("purpose", sa.String(10), nullable=False),  # night, or replay (of rejects)
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("source", sa.String(500), nullable=False),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("model_digest", sa.String(64), nullable=False),
    sa.Column("taxonomy_version", sa.String(50), nullable=False),
    sa.Column("lexicon_sha256", sa.String(64), nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),  # what else its answers depend on
    sa.Column("problems", sa.JSON, nullable=False),  # list of {code, message}: files not read, another model used
    sa.Column("read", sa.Integer, nullable=False),
    sa.Column("scored", sa.Integer, nullable=False),  # answered for good: route auto
    sa.Column("review", sa.Integer, nullable=False),  # answered, and left to a person
    sa.Column("known", sa.Integer, nullable=False),  # answered before by this model
    sa.Column("rejected", sa.Integer, nullable=False),
    sa.Column("before_since", sa.Integer, nullable=False),  # left out because of --since
    sa.CheckConstraint(BALANCE, name="runs_balance"),
)

predictions = sa.Table(
    "predictions",
    metadata,
    # The key: a ticket whose text changed is another row, and so is one that another model or taxonomy answered.
    sa.Column("ticket_id", sa.String(200), primary_key=True),
    sa.Column("content_sha256", sa.String(64), primary_key=True),
    sa.Column("model_digest", sa.String(64), primary_key=True),
    sa.Column("taxonomy_version", sa.String(50), primary_key=True),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("source", sa.String(500), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("accepted_at", sa.DateTime, index=True),  # local time, as the export gives it
    sa.Column("customer", sa.String(32)),  # a keyed stand-in that tells callers apart and names nobody
    sa.Column("fields", sa.JSON, nullable=False),  # the other columns of the export, but for the personal ones
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("narrative", sa.Text, nullable=False),
    sa.Column("type", sa.String(100), nullable=False),
    sa.Column("cause", sa.String(100), nullable=False),
    sa.Column("type_probability", sa.Float, nullable=False),
    sa.Column("cause_probability", sa.Float, nullable=False),
    sa.Column("answer", sa.String(10), nullable=False),
    sa.Column("route", sa.String(10), nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("alternatives", sa.JSON, nullable=False),
)

rejects = sa.Table(
    "rejects",
    metadata,
    # A row of a file: the file's sha256 and the number. A row of a table: the sha256 of its cells, and 0.
    sa.Column("source_sha256", sa.String(64), primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("source", sa.String(500), nullable=False),
    sa.Column("place", sa.JSON(none_as_null=True)),  # of a table's row: its time and id
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("code", sa.String(50), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column(
        "settled_by", sa.ForeignKey("runs.id")
    ),  # the run that read the row after all, or its file's next version
)

positions = sa.Table(
    "positions",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("part", sa.String(500), primary_key=True),  # a file's name, or a table's
    sa.Column("part_sha256", sa.String(64), primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),  # how many of its rows are in the database
    sa.Column("cursor", sa.JSON(none_as_null=True)),  # of a table: time and id of the last of them
    sa.Column("done", sa.Boolean, nullable=False),
)
