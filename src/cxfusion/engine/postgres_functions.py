"""Functions of our schema in PostgreSQL: what it has no word for, or has one that raises."""

from __future__ import annotations

from typing import Final

__all__ = ["FUNCTIONS"]

NUMBER: Final = r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$"
TRY: Final = """CREATE FUNCTION {name}(cell text) RETURNS {kind} LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN {expression};
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$"""
STRPTIME: Final = r"""
CREATE FUNCTION cx_strptime(cell text, patterns text[]) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  pattern text; shape text; codes text[]; parts text[]; code text; part text;
  y int; mo int; d int; h int; mi int; s float8; pm bool; ahead interval;
BEGIN
  FOREACH pattern IN ARRAY patterns LOOP
    shape := regexp_replace(pattern, '([.+*?()\[\]{}|^$\\])', '\\\1', 'g');
    shape := regexp_replace(shape, '%[dmHIMSy]', '(\\d{1,2})', 'g');
    shape := replace(shape, '%Y', '(\d{4})');
    shape := replace(shape, '%f', '(\d{1,9})');
    shape := replace(shape, '%p', '([ap]m)');
    shape := replace(shape, '%z', '(z|[+-]\d\d(?::?\d\d)?)');
    shape := replace(shape, '%Z', '(utc|gmt|z)');
    shape := regexp_replace(shape, '%[aAbB]', '([a-z]+)', 'g');
    parts := regexp_match(cell, '^' || shape || '$', 'i');
    CONTINUE WHEN parts IS NULL OR shape ~ '%';
    codes := ARRAY(SELECT m[1] FROM regexp_matches(pattern, '%([a-zA-Z])', 'g') AS m);
    y := 1900; mo := 1; d := 1; h := 0; mi := 0; s := 0; pm := NULL; ahead := interval '0';
    BEGIN
      FOR i IN 1 .. cardinality(codes) LOOP
        code := codes[i]; part := parts[i];
        CASE code
          WHEN 'Y' THEN y := part::int;
          WHEN 'y' THEN y := CASE WHEN part::int < 69 THEN 2000 ELSE 1900 END + part::int;
          WHEN 'm' THEN mo := part::int;
          WHEN 'b', 'B' THEN mo := array_position(
            CASE code WHEN 'b' THEN ARRAY['jan','feb','mar','apr','may','jun','jul','aug','sep','oct','nov','dec']
            ELSE ARRAY['january','february','march','april','may','june','july','august','september','october',
                       'november','december'] END, lower(part));
          WHEN 'd' THEN d := part::int;
          WHEN 'H' THEN h := part::int;
          WHEN 'I' THEN h := CASE WHEN part::int BETWEEN 1 AND 12 THEN part::int % 12 END;
          WHEN 'M' THEN mi := part::int;
          WHEN 'S' THEN s := s + CASE WHEN part::int < 60 THEN part::int END;
          WHEN 'f' THEN s := s + ('0.' || part)::float8;
          WHEN 'p' THEN pm := lower(part) = 'pm';
          WHEN 'z' THEN ahead := CASE WHEN lower(part) = 'z' THEN interval '0' ELSE
            (left(part, 3) || ' hours')::interval
            + (left(part, 1) || '0' || right(replace(substr(part, 4), ':', ''), 2) || ' minutes')::interval END;
          ELSE NULL;
        END CASE;
      END LOOP;
      IF h < 24 AND s IS NOT NULL AND mo IS NOT NULL THEN
        RETURN make_timestamp(y, mo, d, h + CASE WHEN pm THEN 12 ELSE 0 END, mi, s) - ahead;
      END IF;
    EXCEPTION WHEN data_exception THEN
      NULL;
    END;
  END LOOP;
  RETURN NULL;
END $$"""


def _of(name: str, argument: str, kind: str, expression: str) -> str:
    return f"CREATE FUNCTION {name}({argument}) RETURNS {kind} LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {expression}"


FUNCTIONS: Final = (
    _of("cx_epoch", "t timestamp", "numeric", "floor(extract(epoch FROM t) * 1000000)"),
    _of("cx_epoch", "t timestamptz", "numeric", "floor(extract(epoch FROM t) * 1000000)"),
    _of(
        "cx_since_1970",
        "us bigint",
        "timestamp",
        "timestamp '1970-01-01' + (us / 1000000) * interval '1 s' + (us % 1000000) * interval '1 us'",
    ),
    _of("cx_round", "x float8", "float8", "sign(x) * floor(abs(x) + 0.5)"),
    _of("cx_written", "x float8", "text", "CASE WHEN x::text ~ '^-?[0-9]+$' THEN x::text || '.0' ELSE x::text END"),
    TRY.format(name="cx_float", kind="float8", expression=f"CASE WHEN cell ~ '{NUMBER}' THEN cell::float8 END"),
    TRY.format(
        name="cx_whole",
        kind="bigint",
        expression=f"CASE WHEN cell ~ '{NUMBER}' THEN cx_round(cell::float8)::bigint END",
    ),
    TRY.format(name="cx_time", kind="timestamp", expression="cell::timestamp"),
    TRY.format(name="cx_instant", kind="timestamptz", expression="cell::timestamptz"),
    STRPTIME,
)
"""Statements that make them, in their order."""
