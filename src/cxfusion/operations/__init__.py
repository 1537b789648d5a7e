"""The diagnostic approach: what happened on the contacts, from the whole log.

- What a contact counts: ``figures`` (a log with its limits, and one value per contact), ``service_levels``,
  ``metrics`` (all of them, by name), ``slots`` (intervals of the site's clock), ``legs`` (every leg as a contact).
- What a group counts: ``tallies`` (sums and quantiles), ``tidy`` (the frame of them), ``diagnose`` (all of it).
- The same customer again: ``episodes`` (chains of contacts), ``links`` (chained once for all who ask), ``follow``
  (what they come back about).
- What changed and what stands out: ``change``, ``control_chart`` (of a ``series`` of intervals), ``ranking``.
- Whether there are agents enough: ``occupancy``; ``workload`` (a typical week), ``erlang`` (queues) and ``staffing``.
"""
