from benchmarks import workers


def test_the_report_compares_medians() -> None:
    times = {"SVC": {1: [30.0, 10.0, 20.0], 2: [12.0, 8.0, 10.0]}}
    text = workers.render_report(times, 3)
    assert "| SVC | 20.0 s | 10.0 s | 2.00 |" in text
    assert "Median of 3 run(s)" in text.replace("\n", " ")


def test_all_work_is_named() -> None:
    names = list(workers.work("tcp://127.0.0.1:1"))
    assert len(names) == 1 + len(workers.TUNED)
    assert names[0] == "SVC on 60,000 images, `fit`"
