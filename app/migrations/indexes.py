"""How does a step add an index to a table that calls are writing to?"""

import sqlalchemy as sa
from alembic import op


def create_index(
    name: str,
    table: str,
    *columns: str | sa.TextClause,
    where: str | None = None,
    unique: bool = False,
    using: str | None = None,
) -> None:
    """Add an index; on PostgreSQL without keeping anybody from writing meanwhile.

    What the step did before is committed then, so it must be such that it can be done once more: building
    an index so may fail, and is taken up again by the next upgrade. `using` names PostgreSQL's kind of index,
    where it isn't a B-tree.
    """
    condition = sa.text(where) if where is not None else None
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, list(columns), sqlite_where=condition, unique=unique)
        return
    with op.get_context().autocommit_block():
        is_valid = op.get_bind().scalar(
            sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"), {"name": name}
        )
        if is_valid is False:
            # What an upgrade that was broken off has left behind.
            op.drop_index(name, table, postgresql_concurrently=True)
        if not is_valid:
            op.create_index(
                name,
                table,
                list(columns),
                postgresql_where=condition,
                postgresql_using=using,
                postgresql_concurrently=True,
                unique=unique,
            )


def drop_index(name: str, table: str) -> None:
    """Take an index away, as create_index() adds one."""
    if op.get_bind().dialect.name != "postgresql":
        op.drop_index(name, table)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
