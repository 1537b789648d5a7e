"""Where relations run. One small contract; DuckDB is the embedded default."""

from cxfusion.engine.contract import (
    DatabaseSource,
    Engine,
    FileSource,
    FrameSource,
    LibraryFrameSource,
    RelationSource,
    Source,
    StreamSource,
)
from cxfusion.engine.session import Session, default_session, is_spark_frame, require_one_session, session_for

__all__ = [
    "DatabaseSource",
    "Engine",
    "FileSource",
    "FrameSource",
    "LibraryFrameSource",
    "RelationSource",
    "Session",
    "Source",
    "StreamSource",
    "default_session",
    "is_spark_frame",
    "require_one_session",
    "session_for",
]
