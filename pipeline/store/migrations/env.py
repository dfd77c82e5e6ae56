"""Runs migrations on the connection that `Store` hands over."""

from alembic import context

from pipeline.store.review import audit

context.configure(
    connection=context.config.attributes["connection"], target_metadata=audit.metadata, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
