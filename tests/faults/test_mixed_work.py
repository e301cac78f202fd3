"""Mixed work in four threads: memory within 1 %, no more files or threads, the first bits again."""

from harness import amount, run


def test_mixed_work_in_four_threads():
    seconds = amount(15, 600)
    run("mixed_work.py", seconds, limit=120 + 2 * seconds)
