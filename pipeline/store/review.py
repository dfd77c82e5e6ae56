"""The tables of the review desk: who may look, what is to be looked at, and what was decided.

Decisions and the audit log are append-only: triggers that the migration makes refuse to change or remove a row.
"""

import sqlalchemy as sa

from pipeline.store.schema import metadata

# What a reading shows: nothing but the ticket, or also what the agent and the model made of it.
BLIND, SHOWN = "blind", "shown"
WAITING, OPEN, TAKEN, DONE = "waiting", "open", "taken", "done"  # a second reading waits for the first
CONFIRM, CORRECT, WITHDRAW = "confirm", "correct", "withdraw"

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False, unique=True),
    sa.Column("password_hash", sa.String(200), nullable=False),  # argon2id, with its own salt and costs
    sa.Column("role", sa.String(20), nullable=False),  # reviewer, lead or administrator
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("must_change", sa.Boolean, nullable=False),  # the password is one that somebody else knows
    sa.Column("failures", sa.Integer, nullable=False),  # failed logins in a row
    sa.Column("locked_until", sa.DateTime),  # UTC, as every time that is ours
    sa.Column("created_at", sa.DateTime, nullable=False),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_sha256", sa.String(64), primary_key=True),  # who reads the database cannot log in with it
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("csrf", sa.String(64), nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
)

review_nights = sa.Table(
    "review_nights",
    metadata,
    # A night whose tickets were chosen from: of so many, which settings, so that a figure can say what it rests on.
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("filled_at", sa.DateTime, nullable=False),
    sa.Column("tickets", sa.Integer, nullable=False),  # that the blind ones were drawn from
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("blind", sa.Integer, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
)

review_items = sa.Table(
    "review_items",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("ticket_id", sa.String(200), nullable=False),
    sa.Column("content_sha256", sa.String(64), nullable=False),
    sa.Column("model_digest", sa.String(64), nullable=False),
    sa.Column("taxonomy_version", sa.String(50), nullable=False),
    sa.Column("blind", sa.Boolean, nullable=False),  # one of the random share
    sa.Column("reason", sa.String(20), nullable=False),  # the first of its reasons; see pipeline.review.reasons
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("agent_type", sa.String(100)),  # ids; None where the export has none or one that the tree does not know
    sa.Column("agent_cause", sa.String(100)),
    sa.Column("unit", sa.String(200), nullable=False),  # "" where the export has none
    sa.Column("week", sa.String(8), nullable=False),  # ISO week of acceptance, 2026-W48; of the night where unknown
    sa.Column("evidence", sa.JSON(none_as_null=True)),  # what carried the answer; None until it was looked for
    sa.ForeignKeyConstraint(
        ["ticket_id", "content_sha256", "model_digest", "taxonomy_version"],
        [
            "predictions.ticket_id",
            "predictions.content_sha256",
            "predictions.model_digest",
            "predictions.taxonomy_version",
        ],
        name="fk_review_items_predictions",
    ),
    sa.UniqueConstraint(
        "ticket_id", "content_sha256", "model_digest", "taxonomy_version", name="uq_review_items_ticket"
    ),
)

# A reading is one look of one person at one ticket; a ticket that is read twice has two.
readings = sa.Table(
    "readings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("item_id", sa.Integer, sa.ForeignKey("review_items.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),  # 1 before 2: a second reading is given after the first
    sa.Column("kind", sa.String(10), nullable=False),  # blind or shown
    sa.Column("run_id", sa.Integer, nullable=False),  # the item's: newest nights come first
    sa.Column("position", sa.Float, nullable=False),  # from 0 to 1 within the night
    sa.Column("status", sa.String(10), nullable=False),  # waiting, open, taken or done
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id")),  # who has it or decided
    sa.Column("taken_at", sa.DateTime),
    sa.Column("taken_until", sa.DateTime),
    sa.UniqueConstraint("item_id", "number", name="uq_readings_item"),
    sa.Index("ix_readings_queue", "status", "run_id", "position"),
)

skips = sa.Table(
    "skips",
    metadata,
    sa.Column("reading_id", sa.Integer, sa.ForeignKey("readings.id"), primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("at", sa.DateTime, nullable=False),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("reading_id", sa.Integer, sa.ForeignKey("readings.id"), nullable=False, index=True),
    sa.Column("item_id", sa.Integer, sa.ForeignKey("review_items.id"), nullable=False, index=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("decided_at", sa.DateTime, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),  # since the ticket was shown
    sa.Column("kind", sa.String(10), nullable=False),  # of the reading
    sa.Column("action", sa.String(10), nullable=False),  # confirm, correct or withdraw
    # Before: what the agent and the model had said.
    sa.Column("agent_type", sa.String(100)),
    sa.Column("agent_cause", sa.String(100)),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("model_type", sa.String(100), nullable=False),
    sa.Column("model_cause", sa.String(100), nullable=False),
    # After: None where a decision is withdrawn.
    sa.Column("type", sa.String(100)),
    sa.Column("cause", sa.String(100)),
    sa.Column("second_cause", sa.String(100)),
    sa.Column("rule", sa.Text, nullable=False),  # the clause it rests on
    sa.Column("note", sa.Text, nullable=False),  # the reason, masked
    sa.Column("supersedes", sa.Integer, sa.ForeignKey("decisions.id"), unique=True),
    sa.Column("nonce", sa.String(64), nullable=False, unique=True),  # of the form: sent twice, kept once
    sa.CheckConstraint("(action = 'withdraw') = (type IS NULL)", name="decisions_type"),
    sa.CheckConstraint("(action = 'withdraw') = (cause IS NULL)", name="decisions_cause"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.String(32), nullable=False),  # ISO 8601 in UTC: hashed as it is written
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id")),
    sa.Column("user", sa.String(50), nullable=False),  # the name then
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),  # JSON, hashed as it is written
    sa.Column("previous", sa.String(64), nullable=False),  # the sha256 of the entry before
    sa.Column("sha256", sa.String(64), nullable=False),
)
