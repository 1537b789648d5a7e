"""Which levers actually move perception. The modules, in the order in which the work is done:

- What is asked: ``catalogue`` (the levers), ``spec`` (outcome, controls, thresholds), ``refusals`` (what may not be
  asked); levers from elsewhere: ``behaviours`` (evaluators), ``history`` (earlier contacts), ``trials`` (arms).
- The sample: ``sample`` joins answers with their contacts, ``surroundings`` adds what the rest of the log says of
  these, ``coding`` makes categories numbers, ``lever_facts`` says what each lever looks like, ``testable`` whether it
  can be tested, ``agent_days`` whether only contacts of the same days of an agent may be compared.
- The columns of a model: ``design`` (from a lever to its columns), ``columns`` and ``known_rows`` (made once for all
  models), ``linear`` (the same levers as straight lines).
- The ladder, rung by rung: ``ladder`` (what is known of each lever), ``rungs`` (raw, adjusted, within, corrected),
  ``fitting`` (their models), ``checks`` (does the within model hold), ``decomposition`` (what took the raw effect
  away), ``robustness`` (what would undo it); beside it ``between``, ``congestion`` and ``experiment``, of a trial whose
  ``timetable`` is read off the answers.
- The negative controls: ``difficulty`` hears after-call work as a ``witness`` of hard cases, ``alibi`` asks whether it
  can be one, ``later`` looks at later contacts, ``recontact`` tests the non-response weights.
- The verdict: ``inquiry`` does all of the above, ``verdict`` judges, ``because`` says why, ``ranks`` orders; beside
  it ``associations`` (what a driver chart would have said), ``silence`` (who did not answer), ``linkage`` (wrong
  links), ``unused`` (columns that nobody named). ``frames`` makes the tables and ``fit`` the result.
- One lever in detail: ``ground`` is what it is looked at on; ``dose``, ``dose_bases`` and ``threshold`` ask for its
  shape, ``segments`` and ``segment_levels`` for whom it moves, ``shape_and_place`` for both, ``mediation`` what it
  works through.
- Had others answered: ``nonresponse``, by models fitted again in ``reweighted``.
- For what-ifs and pilots: ``population`` (models, and contacts as points), gathered by ``populate`` from
  ``population_rows``, ``population_points`` and ``population_models``, told to others in ``plain_form``; and
  ``cluster_facts``.
- Beside other words: ``beliefs`` (leaders), ``corroboration`` (what customers do), ``relationship`` (what they think
  of us).
"""
