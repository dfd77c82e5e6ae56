"""How the schema came to be, one revision a file; Alembic runs what a database lacks."""
