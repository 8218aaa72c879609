"""The script for a machine with a GPU is tried without one: `scripts/check_gpu.py`."""

import importlib

import pytest
import torch
from pretended import DEVICE, pretended

check_gpu = importlib.import_module("check_gpu")


def test_without_a_gpu_it_says_so(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert check_gpu.main([]) == 0
    assert "has no GPU" in capsys.readouterr().out


@pytest.mark.usefixtures("unchecked")
def test_the_cpu_equals_itself(capsys):
    words = ["--device", "cpu", "--quick", "--methods", "ippo", "--envs", "sensor"]
    assert check_gpu.main(words) == 0
    out = capsys.readouterr().out
    for what in ("update of ippo", "environment sensor", "training of ippo"):
        assert f"{what} " in out
    assert out.count("0.0e+00") == 3 and "3 of 3 rows are as they should be" in out


@pytest.mark.usefixtures("unchecked")
def test_a_difference_is_found(capsys, monkeypatch):
    played = iter([1.0, 1.0 + 1e-3, 1.0, 1.0])
    monkeypatch.setattr(check_gpu, "returns_of", lambda *_: torch.full((16,), next(played)))
    words = ["--device", "cpu", "--quick", "--methods", "--envs", "sensor"]
    assert check_gpu.main(words) == 1
    assert "WRONG" in capsys.readouterr().out


def test_what_comes_after_the_time_is_left_out_and_named(capsys):
    words = ["--device", "cpu", "--methods", "vpp", "--envs", "push", "--minutes", "0"]
    assert check_gpu.main(words) == 0
    assert "left out after 0 minutes: update of vpp, environment push" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["ippo", "pic"])
@pytest.mark.usefixtures("unchecked")
def test_updates_draw_the_same_numbers_on_every_device(name):
    parts = check_gpu.trajectories(name, 3)
    before, here = check_gpu.updated(name, parts, torch.device("cpu"))
    with pretended():
        _, there = check_gpu.updated(name, parts, DEVICE)
    assert (here != before).any()
    torch.testing.assert_close(there, here, atol=1e-5, rtol=1e-4)


def test_random_numbers_of_a_device_come_from_the_cpu():
    def drawn(device: torch.device) -> list[torch.Tensor]:
        torch.manual_seed(0)
        with check_gpu.DrawnOnCPU():
            probabilities = torch.full((3, 4), 0.25, device=device)
            found = [torch.rand(3, device=device), torch.randn_like(probabilities)]
            found.append(torch.multinomial(probabilities, 1))
            found.append(torch.empty(3, device=device).exponential_())
        assert all(each.device == device for each in found)
        return [each.cpu() for each in found]

    expected = drawn(torch.device("cpu"))
    with pretended() as log:
        found = drawn(DEVICE)
        # To the device they come; the operands of `randn_like`, `multinomial` and `exponential_`
        # go to the CPU, and so do the results of this test.
        assert sum(log.copies.values()) == 3 + 4
    for one, two in zip(expected, found, strict=True):
        assert torch.equal(one, two)
