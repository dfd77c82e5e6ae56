"""What the first databases held, which were made without migrations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("model_digest", sa.String(64), nullable=False),
        sa.Column("taxonomy_version", sa.String(50), nullable=False),
        sa.Column("lexicon_sha256", sa.String(64), nullable=False),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("read", "scored", "known", "rejected", "before_since")
        ),
    )
    op.create_table(
        "predictions",
        sa.Column("ticket_id", sa.String(200), primary_key=True),
        sa.Column("content_sha256", sa.String(64), primary_key=True),
        sa.Column("model_digest", sa.String(64), primary_key=True),
        sa.Column("taxonomy_version", sa.String(50), primary_key=True),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), nullable=False, index=True),
        sa.Column("source", sa.String(500), nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("accepted_at", sa.DateTime, index=True),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("narrative", sa.Text, nullable=False),
        sa.Column("type", sa.String(100), nullable=False, index=True),
        sa.Column("cause", sa.String(100), nullable=False),
        sa.Column("type_probability", sa.Float, nullable=False),
        sa.Column("cause_probability", sa.Float, nullable=False),
        sa.Column("answer", sa.String(10), nullable=False),
        sa.Column("route", sa.String(10), nullable=False, index=True),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("alternatives", sa.JSON, nullable=False),
    )
    op.create_table(
        "rejects",
        sa.Column("source_sha256", sa.String(64), primary_key=True),
        sa.Column("row", sa.Integer, primary_key=True),
        sa.Column("source", sa.String(500), nullable=False),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("code", sa.String(50), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
