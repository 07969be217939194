"""``python -m tests.benchmarks`` prints the figures of the front page."""

from tests.benchmarks.summary import main

if __name__ == "__main__":
    main()
