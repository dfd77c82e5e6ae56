"""What comes in with requests, checked at the door: forms and addresses hold nothing that a database cannot."""

from typing import Annotated

from fastapi import Form, Path, Query
from pydantic import StringConstraints

_LARGEST = 2**31 - 1  # PostgreSQL's integer
LINE = 200

# PostgreSQL keeps no NUL in a text.
Line = Annotated[str, StringConstraints(max_length=LINE, pattern=r"^[^\x00]*$")]
RowId = Annotated[int, Path(ge=1, le=_LARGEST)]
Before = Annotated[int | None, Query(ge=1, le=_LARGEST)]
FormLine = Annotated[Line, Form()]
QueryLine = Annotated[Line, Query()]
