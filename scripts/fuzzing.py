"""What came of one input of a fuzz test: refused with one line, or something worse."""

import argparse
import signal
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence

import torch

Outcome = tuple[str, str]


def outcome(
    make: Callable[[], str], seconds: int, refusals: tuple[type[Exception], ...] = (ValueError,)
) -> Outcome:
    """Use an input; the name of the outcome, and the message of an error.

    Args:
        make: uses the input, and names the outcome if it raises nothing.
        seconds: seconds after which it hangs.
        refusals: errors that refuse an input, if they are one line.
    """

    def late(*_: object) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make(), ""
    except TimeoutError:
        return "hang", traceback.format_exc()
    except refusals as error:
        lines = len(str(error).splitlines())
        return ("refused" if lines == 1 else f"refused with {lines} lines"), str(error)
    except Exception:
        return "traceback", traceback.format_exc()
    finally:
        signal.alarm(0)


def report(
    description: str | None,
    option: str,
    kinds: Sequence[str],
    fuzz: Callable[[str, int, int], tuple[Counter[str], list[str]]],
    count: int,
) -> None:
    """Read the command line and fuzz; prints what went wrong, and one line for each kind of input.

    Args:
        description: help of the command, with examples.
        option: name of the option that chooses among the kinds.
        kinds: kinds of input.
        fuzz: from kind, count and seed to the number of each outcome, and the bad ones.
        count: inputs of each kind by default.
    """
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=form)
    parser.add_argument(f"--{option}", nargs="+", choices=kinds, default=kinds, dest="kinds")
    parser.add_argument("--count", type=int, default=count, help="number of each kind")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    failed = False
    for kind in given.kinds:
        begin = time.perf_counter()
        found, bad = fuzz(kind, given.count, given.seed)
        print(*bad, sep="\n", end="\n" if bad else "")
        counts = ", ".join(f"{number:,} {came}" for came, number in found.most_common())
        print(f"{kind}: {counts} in {time.perf_counter() - begin:.0f} s", flush=True)
        failed |= bool(bad)
    raise SystemExit(failed)
