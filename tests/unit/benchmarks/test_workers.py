from benchmarks import workers


def test_the_report_compares_medians() -> None:
    times = {"SVC": {1: [30.0, 10.0, 20.0], 2: [12.0, 8.0, 10.0]}}
    text = workers.render_report(times, 3)
    assert "| SVC | 20.0 s (10.0 to 30.0) | 10.0 s (8.0 to 12.0) | 2.00 |" in text
    assert "Median, fastest and slowest of 3 run(s)" in text.replace("\n", " ")


def test_a_stage_finds_the_project_in_its_folder() -> None:
    with workers.stage_folder() as folder:
        assert (folder / "params.yaml").read_bytes() == (
            workers.PROJECT / "params.yaml"
        ).read_bytes()
    assert not folder.exists()
