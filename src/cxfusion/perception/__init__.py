"""The research approach: how the contacts felt, from those who answered.

- What is read off a score: ``scores``; the rows behind it: ``answers``; their figures: ``figures``, ``measure`` of a
  pairing, ``alone`` of surveys without a log; two groups beside each other: ``compare`` and ``differences``.
- Who was asked and who answered: ``asked``, ``outcomes`` (what became of each survey), ``response`` (rates);
  ``askable`` and ``offers`` (do agents pick whom they ask).
- Who did not answer: ``attributes`` (what the log knows of all), ``contact_cells`` (contacts that are alike),
  ``weights``, ``linearised`` (what weights do to errors), ``nonresponse`` (what they cannot mend).
- Beside the log: ``resolution`` (the customer's word), ``sources`` (what other data there are), ``ratings`` (of many
  items by several groups).
"""
