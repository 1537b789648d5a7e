"""Pure numbers: folds and functions on arrays that return small frozen fits. They know no contact and no queue.

- What a model sweeps over: ``rows`` (columns and codes of a batch), ``held`` (kept for all sweeps), ``splines``.
- Ordinal models: ``cumulative_logit`` and ``partial_odds`` by the steps of ``newton`` from ``first_look``;
  ``row_likelihood`` is what one row says, ``solving`` inverts information, ``scale_effects`` and ``joint_tests``
  test.
- What a fitted model says: ``effects`` of one step from ``effect_averages``, ``curves`` by level; their errors from
  ``influence``, ``robust`` and ``clusters``.
- Linear models: ``moments`` and ``cluster_moments`` of all rows, ``group_system`` and ``absorb`` for groups held
  fixed, ``within`` and ``least_squares`` without the rows, ``panel`` for units and periods; instruments in
  ``instruments``, ``jive`` and ``confidence_set``.
- What could be behind an estimate: ``decomposition``, ``sensitivity``, ``triads``, ``left_out``, ``shares``.
- Weights: ``raking``, ``calibrated``, ``tilting``.
- Figures and groups: ``intervals``, ``pooling``, ``random_intercept`` by ``own_variances``, ``between_shares``,
  ``control_limits``, ``choosing``, ``power``, ``support_points``; ``joint_draws`` of estimates, and the
  ``distributions`` of test statistics.
"""
