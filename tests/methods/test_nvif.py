"""Forms of NVIF's agents and of its observation autoencoder."""

from typing import Any

import pytest
import torch
from batches import batch
from toy import Toy

from graphmarl.agent_graph import agent_graph
from graphmarl.envs import make_env
from graphmarl.graphs import make_graph
from graphmarl.methods import NVIFDQN, NVIFPPO
from graphmarl.methods.nvif_stages import CodeStage
from graphmarl.nn import FlowEncoder

SIZES: dict[str, Any] = {"code_size": 5, "flow_hidden": 4, "latent": 3, "hidden": 8}


def graph():
    env = Toy(2, 3)
    return make_graph("complete")(agent_graph(env.reset(0), env.spec))


@pytest.mark.parametrize("kind", [NVIFPPO, NVIFDQN])
def test_agents_can_read_the_code_alone(kind):
    network: Any = kind(Toy().spec, agent_input="code", **SIZES).network
    seen, memory = graph(), torch.zeros(6, 4)
    output, _ = network(seen, memory)
    encoder = network.communication
    # s has 3 numbers, the code 5, and the position of the toy 2.
    assert network.encoder[0].in_features == 3 + 5 + 2
    assert torch.equal(output.latent[:, 3:8], encoder.autoencoder.encode(seen.x[:, :4]))
    assert torch.equal(output.latent[:, 8:], seen.x[:, 4:])
    # What the autoencoder does not pass on is not seen: its first layer reads no first entry.
    encoder.autoencoder.encoder[0].weight.data[:, 0] = 0.0
    before = network(seen, memory)[0].features
    seen.x[:, 0] += 1.0
    assert torch.equal(network(seen, memory)[0].features, before)
    assert kind(Toy().spec, **SIZES).network.encoder[0].in_features == 6 + 3
    with pytest.raises(ValueError, match="communication 'mean' trains no code"):
        kind(Toy().spec, agent_input="code", communication="mean")


def test_a_separate_critic_shares_no_layer_with_the_policy():
    network: Any = NVIFPPO(Toy().spec, separate_critic=True, **SIZES).network
    output, _ = network(graph(), torch.zeros(6, 4))
    output.value.sum().backward()
    reached = {name for name, p in network.named_parameters() if p.grad is not None}
    assert {name.split(".")[0] for name in reached} == {"critic", "critic_encoder"}
    assert output.value.shape == (6,)
    with pytest.raises(ValueError, match="needs agents without a memory"):
        NVIFPPO(Toy().spec, separate_critic=True, recurrent=True)


def test_a_variational_autoencoder_has_a_mean_as_its_code_and_pays_for_its_spread(monkeypatch):
    encoder = FlowEncoder(slice(0, 2), slice(0, 0), code_size=1, variational_code=True)
    last: Any = encoder.autoencoder.encoder[-1]
    torch.nn.init.zeros_(last.weight)
    # sigma = softplus(raw) + 0.001 = 1, mu = 2.
    last.bias.data = torch.tensor([2.0, torch.tensor(0.999).expm1().log().item()])
    view = torch.full((3, 2), 0.5)
    assert encoder.autoencoder.encode(view).tolist() == [[2.0]] * 3
    stage = CodeStage(encoder, episodes=1, epochs=1)
    loss, metrics = stage.loss(batch(view.view(3, 1, 2).tolist(), [[0]] * 2, [[0.0]] * 2))
    # KL( N(2, 1) || N(0, 1) ) = 2^2 / 2.
    assert metrics["kl"].item() == pytest.approx(2.0, rel=1e-4)
    assert loss.item() == pytest.approx(float(metrics["reconstruction"] + metrics["kl"]))
    monkeypatch.setattr(torch, "randn_like", torch.ones_like)
    decoder = encoder.autoencoder.decoder
    assert torch.allclose(encoder.autoencoder(view), decoder(torch.full((3, 1), 3.0)), atol=1e-5)


def test_unique_features_are_beside_the_code_of_the_view_and_not_in_it():
    env = make_env("relay", num_envs=4, num_agents=3)
    encoder: Any = NVIFPPO(env.spec, **SIZES).network.communication
    seen = make_graph("links")(agent_graph(env.reset(0), env.spec))
    before = encoder.observe(seen)
    assert torch.equal(before[:, 5:], seen.x[:, :2]), "source and target"
    seen.x[:, :2] += 1.0
    after = encoder.observe(seen)
    assert torch.equal(after[:, :5], before[:, :5])
    assert torch.equal(after[:, 5:], before[:, 5:] + 1.0)
    seen.x[:, 2:] += 1.0
    assert (encoder.observe(seen)[:, :5] != before[:, :5]).any(1).all()
