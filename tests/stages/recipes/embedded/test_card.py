from stages.recipes.embedded.card import cpu_seconds


def test_minutes_are_summed_over_the_processes_of_a_run() -> None:
    assert cpu_seconds([10.0, 60.0, 5.0, 20.0, 30.0]) == 90.0
