"""How often a watched run is looked at (issues 13 and 17): what the doctor asks is not asked at each look."""

from batchspec.engine.run.watch import Visits


def due(visits: Visits, moved: int) -> bool:
    is_due = visits.is_due(moved)
    if is_due:
        visits.made()
    return is_due


def test_while_tasks_end_the_doctor_comes_at_one_of_four_looks() -> None:
    """At the first look, then at every fourth; and at each that finds nothing ended, once the pause is over."""
    visits = Visits(0.0)
    assert [due(visits, 5) for _ in range(9)] == [True, False, False, False] * 2 + [True]
    assert [due(visits, 0) for _ in range(3)] == [True, True, True]
    patient = Visits(3600.0)
    assert [due(patient, moved) for moved in (0, 0, 5, 0)] == [True, False, False, False]
