"""What every source becomes: canonical contacts and surveys.

- What may be read: ``opening`` (files, frames, databases), ``frames``, ``places`` (paths of a study), ``wanted``
  (what a log that lives elsewhere hands over), ``quiet`` (files without rows); vendors' own exports in ``sources``.
- What its columns mean: ``canonical`` (the columns that there are), ``mapping``, ``column_map`` and ``validation`` (a
  map), ``headings`` and ``recognition`` (usual names), ``binding`` (both together); ``proposal`` and ``guesses``
  write a first map.
- How its cells are written: ``look`` looks first, ``formats``, ``times`` and ``numbers`` are what there may be;
  ``day_orders`` has each of several files bear it out.
- Reading: ``staging`` starts the ``reading`` of a source, ``cells`` and ``made`` make its values, ``aside`` sorts its
  rows, ``books`` count them, ``read`` does it all for a ``period``; ``leg_reading`` and ``legs`` make contacts of
  vendors' legs.
- Persons: ``pseudonyms`` hide them, ``persons`` finds groups of so few that a figure would tell on them.
- What comes out: ``relation``, from when to when it goes in ``span``; ``context`` and ``evaluations`` join more to it.
- For whoever works on it: ``coding`` (categories as numbers), ``sums`` (the same in any order), ``sampling`` (by a
  hash) and ``steps`` (computed one by one).
"""
