"""Where relations run. One small contract; DuckDB is the embedded default."""

from cxfusion.engine.contract import (
    DatabaseSource,
    Engine,
    FileSource,
    FrameSource,
    RelationSource,
    Source,
    StreamSource,
)
from cxfusion.engine.session import Session, default_session, require_one_session

__all__ = [
    "DatabaseSource",
    "Engine",
    "FileSource",
    "FrameSource",
    "RelationSource",
    "Session",
    "Source",
    "StreamSource",
    "default_session",
    "require_one_session",
]
