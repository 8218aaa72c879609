"""Mixed precision and compilation: the first updates are those of single precision."""

from pathlib import Path
from typing import Any

import pytest
import torch

from graphmarl.experiment.compilation import EAGER
from graphmarl.experiment.train import train
from graphmarl.results.checkpoints import load_checkpoint
from graphmarl.results.run import Run

pytestmark = pytest.mark.usefixtures("unchecked")


OFF_POLICY = "dgn:learning_starts=100,batch_size=32,gradient_steps=1,hidden=32,heads=2"
ON_POLICY = "commnet:rollout_length=8,epochs=1,minibatch_size=1000"


def start(folder: Path, name: str, method: str = OFF_POLICY, **options: Any) -> Run:
    env = "navigation:num_agents=4,num_envs=8"
    more: dict[str, Any] = {"steps": 250, "runs": str(folder), "progress": False, **options}
    return train(method, env, "knn:k=2", name=name, **more)


def losses(run: Run, name: str = "td") -> list[float]:
    return [row[name] for row in run.metrics() if name in row]


def test_bfloat16_has_the_first_losses_of_single_precision(tmp_path):
    single = losses(start(tmp_path, "single"))
    mixed = losses(start(tmp_path, "mixed", precision="bf16-mixed"))
    assert len(single) == len(mixed) >= 3
    # bfloat16 has eight binary digits: 2^-8 is 0.4 %, which sums and updates enlarge.
    assert mixed[:3] == pytest.approx(single[:3], rel=0.05)
    assert mixed != single


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of PyTorch's compiler about itself
@pytest.mark.parametrize(("method", "loss"), [(OFF_POLICY, "td"), (ON_POLICY, "value_loss")])
def test_a_compiled_network_learns_the_same(method, loss, tmp_path):
    # It compiles after four updates.
    eager = start(tmp_path, "eager", method, steps=700)
    compiled = start(tmp_path, "compiled", method, steps=700, compile=True)
    assert len(losses(compiled, loss)) > EAGER + 4
    assert losses(compiled, loss) == pytest.approx(losses(eager, loss), rel=1e-4)
    one, two = (load_checkpoint(run.last())["state_dict"] for run in (eager, compiled))
    # Adam's first steps have the size of the learning rate, 3e-3, whatever the gradient.
    assert all(torch.allclose(value, two[key], rtol=0, atol=1e-4) for key, value in one.items())


def test_an_unknown_precision_is_refused(tmp_path):
    with pytest.raises(ValueError, match="precision is '8-bit'; allowed are 32-true, bf16-mixed"):
        start(tmp_path, "a", precision="8-bit")
