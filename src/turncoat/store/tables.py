"""Traces as parquet, and back: columns as they were, and the frames of replays compressed in the file's metadata."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from turncoat.core import Traces

if TYPE_CHECKING:
    import polars as pl

RUN = "run"  # a column of packed tables: "<recipe digest>/<seed>"


class Damaged(Exception):
    """The bytes are no such table."""


def to_parquet(traces: Traces, notes: Mapping[str, str]) -> bytes:
    """One parquet file; `notes` are kept in its metadata, beside the frames."""
    frames = {"frames": pack_json(traces.frames)} if traces.frames else {}
    return written(frame_of(traces), dict(notes) | frames)


def frame_of(traces: Traces) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame({name: np.ascontiguousarray(column) for name, column in traces.columns.items()})


def from_parquet(data: bytes) -> Traces:
    """Raises Damaged."""
    frame, notes = read(data)
    return Traces(columns_of(frame), tuple(unpack_json(notes["frames"])) if "frames" in notes else ())


def written(frame: pl.DataFrame, notes: Mapping[str, str], level: int | None = None) -> bytes:
    """`level`: how hard it is compressed, up to 22; None: quickly."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=level, metadata=dict(notes))
    return buffer.getvalue()


def read(data: bytes) -> tuple[pl.DataFrame, dict[str, str]]:
    """A data frame and the metadata that it was written with. Raises Damaged."""
    import polars as pl

    try:
        return pl.read_parquet(io.BytesIO(data)), pl.read_parquet_metadata(io.BytesIO(data))
    except (pl.exceptions.PolarsError, ValueError, OSError) as error:
        raise Damaged(str(error).splitlines()[0] if str(error) else type(error).__name__) from None


def columns_of(frame: pl.DataFrame) -> dict[str, np.ndarray]:
    """The columns as arrays; words are NumPy strings."""
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    return {name: column.astype(str) if column.dtype == object else column for name, column in columns.items()}


def pack_json(thing: object) -> str:
    return base64.b85encode(zlib.compress(json.dumps(thing, separators=(",", ":")).encode(), 9)).decode()


def unpack_json(packed: str) -> Any:
    """Raises Damaged."""
    try:
        return json.loads(zlib.decompress(base64.b85decode(packed)))
    except (ValueError, zlib.error) as error:
        raise Damaged(str(error)) from None
