"""What came of one input of a fuzz test: refused with one line, or something worse."""

import signal
import traceback
import warnings
from collections.abc import Callable

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
