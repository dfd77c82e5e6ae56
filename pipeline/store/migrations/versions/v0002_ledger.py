"""The ledger: runs that are resumed and balance, positions, rejects that are settled, callers told apart."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Change the tables and what is in them."""
    _runs()
    with op.batch_alter_table("predictions") as table:
        table.add_column(sa.Column("customer", sa.String(32)))
    # Five types and two routes: an index on either is read by nobody and written by every row.
    op.drop_index("ix_predictions_type", "predictions")
    op.drop_index("ix_predictions_route", "predictions")
    with op.batch_alter_table("rejects") as table:
        table.add_column(sa.Column("place", sa.JSON))
        table.add_column(sa.Column("status", sa.String(10), nullable=False, server_default="open"))
        table.add_column(
            sa.Column("settled_by", sa.Integer, sa.ForeignKey("runs.id", name="fk_rejects_settled_by_runs"))
        )
    op.create_table(
        "positions",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("part", sa.String(500), primary_key=True),
        sa.Column("part_sha256", sa.String(64), primary_key=True),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("cursor", sa.JSON),
        sa.Column("done", sa.Boolean, nullable=False),
    )


def _runs() -> None:
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("status", sa.String(10), nullable=False, server_default="closed"))
        table.add_column(sa.Column("resumed", sa.Integer, nullable=False, server_default="0"))
        table.add_column(sa.Column("purpose", sa.String(10), nullable=False, server_default="night"))
        table.add_column(sa.Column("source", sa.String(500), nullable=False, server_default=""))
        table.add_column(sa.Column("settings", sa.JSON, nullable=False, server_default="{}"))
        table.add_column(sa.Column("problems", sa.JSON, nullable=False, server_default="[]"))
        table.add_column(sa.Column("review", sa.Integer, nullable=False, server_default="0"))
    # A run without an end counted nothing; what it scored can be told from its predictions.
    op.execute("UPDATE runs SET status = 'abandoned' WHERE finished_at IS NULL")
    op.execute(
        "UPDATE runs SET review = (SELECT count(*) FROM predictions WHERE run_id = runs.id AND route = 'review')"
    )
    op.execute("UPDATE runs SET scored = (SELECT count(*) FROM predictions WHERE run_id = runs.id AND route = 'auto')")
    op.execute("UPDATE runs SET read = scored + review + known + rejected + before_since")
    with op.batch_alter_table("runs") as table:
        table.create_check_constraint("runs_balance", "read = scored + review + known + rejected + before_since")
