"""The contract test: it passes what is right and names what is wrong."""

import pytest
from rule_breakers import BROKEN, Counter

from graphmarl.envs import check_env


def test_a_correct_environment_passes():
    check_env(Counter(), make=Counter)


@pytest.mark.parametrize(
    ("broken", "message"), BROKEN.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_a_broken_environment_is_named(broken, message):
    with pytest.raises((AssertionError, ValueError), match=message):
        check_env(broken(), make=broken)
