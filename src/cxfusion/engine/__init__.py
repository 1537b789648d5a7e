"""Where relations run. One small contract; DuckDB is the embedded default."""

from cxfusion.engine.contract import Engine, FileSource, FrameSource, Source
from cxfusion.engine.session import Session, default_session, require_one_session

__all__ = [
    "Engine",
    "FileSource",
    "FrameSource",
    "Session",
    "Source",
    "default_session",
    "require_one_session",
]
