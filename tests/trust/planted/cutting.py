"""When sources are cut, and what is said of it (docs/planted-bugs.md)."""

BUGS = [
    ("straggler-ignored", "a required source that was not ready in time is left out, and the others are cut",
     "controller/cycle/cycle_barrier.c", "        required = required || s->required;\n", "",
     "unit.controller.cycle.cycle_barrier"),
    ("cut-too-early", "who is ready is cut while others are not", "controller/cycle/cycle_barrier.c",
     "    if (cycle_sources_in(c, CYCLE_SOURCE_CHECKED) + cycle_sources_in(c, CYCLE_SOURCE_READYING) > 0)\n", "    if (false)\n",
     "unit.controller.cycle.cycle_barrier"),
    ("straggler-not-told", "a source that is given up at the barrier goes on with its step", "controller/cycle/cycle_barrier.c",
     "            fleet_cancel(r->fleet, s->agent, s->job);\n", "            s->late = true;\n",
     "unit.controller.cycle.cycle_barrier"),
    ("skew-by-false-clocks", "the skew is that of the agents' own clocks", "common/record/record_skew.c",
     "    int64_t at = clock_between((struct wall){clock->offset_ns}, cut_until);\n", "    int64_t at = cut_until.ns;\n",
     "unit.common.record.record_skew"),
    ("clock-by-the-slowest", "the last answer to the question for the clock counts, however slow it was",
     "controller/fleet/fleet_clock.c", "uncertainty < m->best.uncertainty_ns;\n", "uncertainty >= 0;\n",
     "unit.controller.fleet.fleet_clock"),
    ("clock-that-cannot-be", "an agent's time inside a question may be longer than the whole trip", "controller/fleet/fleet_clock.c",
     "    if (theirs < 0 || theirs > trip)\n", "    if (false)\n", "unit.controller.fleet.fleet_clock"),
    ("facts-without-end", "an agent may fill the controller's record with its facts", "common/record/record_archive.c",
     "size_of_facts(a) + name_len + value_len <= RECORD_FACTS_SIZE_MAX", "size_of_facts(a) < SIZE_MAX",
     "unit.common.record.record"),
]
