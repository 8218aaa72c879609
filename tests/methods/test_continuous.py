"""Methods with policies over continuous actions learn from them."""

import pytest
import torch

from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.train import train
from graphmarl.results.checkpoints import load_checkpoint

ENV = "navigation:num_agents=3,num_envs=4,action=continuous"
METHODS = ["vpp", "vpp:approximation=bethe,target_entropy=0.5", "ip", "maddpg", "pic"]
METHODS += ["ippo:rollout_length=8,minibatch_size=48"]
METHODS += ["mappo:policy=beta,rollout_length=8,minibatch_size=48"]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("method", METHODS)
def test_two_hundred_steps_are_finite_and_change_the_policy(method, tmp_path):
    if "rollout_length" not in method:
        method += "," if ":" in method else ":"
        method += "learning_starts=64,batch_size=16,gradient_steps=1"
    options = {"runs": str(tmp_path), "progress": False, "checkpoint_every": 32}
    run = train(method, ENV, None, 200, name="a", **options)
    numbers = run.metrics()[-1]
    assert all(value == value and abs(value) < 1e6 for value in numbers.values()), numbers
    saved = [load_checkpoint(path)["state_dict"] for path in run.saved()]
    moved = [key for key, value in saved[-1].items() if not torch.equal(value, saved[0][key])]
    assert any(key.startswith("network.") for key in moved)
    assert evaluate(run, 4).mean_return.mean < 0


def test_discrete_methods_refuse_continuous_actions(tmp_path):
    with pytest.raises(ValueError, match="COMA takes discrete actions"):
        train("coma", ENV, runs=str(tmp_path), progress=False)
