"""Compiled steps: equal to others, saved and resumed exactly, and told of where they cannot be."""

import warnings
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch._inductor import config

from graphmarl.envs import Batched, Environment, Hallway, Navigation, Skirmish, make_env
from graphmarl.envs.compiled import CompiledTransition
from graphmarl.envs.links import edges_of
from graphmarl.step import Spec, Step


class Wander(Batched):
    """Agents drift by chance; an episode ends when one is far away. All kinds of operations."""

    place: Tensor
    speed: Tensor
    seen: Tensor

    def __init__(self, num_envs: int = 5, compiled: "bool | str" = True) -> None:
        spec = Spec(3, (4,), 3, 9, state_size=6)
        super().__init__(spec, num_envs, compiled=compiled)  # type: ignore[arg-type]
        self.columns = torch.tensor([0.5, 1.0, 2.0])

    def begin(self):
        place = torch.special.ndtri(self.uniform(3, 2).clamp(1e-3, 1 - 1e-3))
        # One attribute is in another order in memory, one never changes within an episode.
        speed = torch.zeros(3, self.num_envs).T
        return {"place": place, "speed": speed, "seen": self.integers(0, 9, 3)}

    def advance(self, action):
        noise = self.uniform(3, 2) - 0.5
        x, y = self.place.unbind(2)
        far = torch.addcmul(x * x, y, y).sqrt_()
        self.speed = (far + 0.5 * self.speed).T.contiguous().T
        push = self.columns.unsqueeze(1) * (action.unsqueeze(2) - 1) / (1 + far.unsqueeze(2))
        self.place = torch.addcmul(self.place, push, noise, value=0.7).addcmul_(noise, noise)
        return far.neg(), (far > 2.5).any(1)

    def observe(self):
        gaps = (self.place.unsqueeze(1) - self.place.unsqueeze(2)).square().sum(3).sqrt()
        obs = [self.place, self.speed.unsqueeze(2), self.seen.unsqueeze(2) + self.uniform(3, 1)]
        return {
            "obs": torch.cat(obs, 2),
            "position": self.place,
            "state": self.place.flatten(1),
            "links": (gaps < 1.5) & ~torch.eye(3, dtype=torch.bool),
            "info": {"far": gaps.amax((1, 2)), "same": self.none_ended.float()},
        }


def played(env: Environment, steps: int, seed: int = 0, first: Step | None = None) -> list[Step]:
    """Steps by random legal actions."""
    generator = torch.Generator().manual_seed(seed)
    found = [env.reset(seed) if first is None else first]
    for _ in range(steps):
        spec, alive = env.spec, found[-1].alive
        if spec.action == "continuous":
            action = 2 * torch.rand(*alive.shape, spec.num_actions, generator=generator) - 1
        else:
            legal = found[-1].available
            legal = torch.ones(*alive.shape, spec.num_actions) if legal is None else legal.float()
            action = torch.multinomial(legal.flatten(0, 1), 1, generator=generator)
            action = action.view(alive.shape)
        found.append(env.step(action))
    return found


def tensors(step: Step) -> dict[str, Tensor]:
    fields = vars(step) | {f"info {name}": value for name, value in step.info.items()}
    return {name: value for name, value in fields.items() if isinstance(value, Tensor)}


def assert_equal(one: Step, other: Step) -> None:
    for name, value in tensors(one).items():
        assert torch.equal(value, tensors(other)[name]), name
        assert value.dtype == tensors(other)[name].dtype, name


@pytest.mark.slow
def test_compiled_steps_are_equal_to_the_last_bit_over_many_episodes():
    with torch.inference_mode():
        compiled = played(env := Wander(), 60)
    assert isinstance(env._compiled, CompiledTransition)
    for one, other in zip(compiled, played(Wander(compiled=False), 60), strict=True):
        assert_equal(one, other)
    # Copies began new episodes at different times, by ends of both kinds.
    assert any(0 < step.done.sum() < 5 for step in compiled)
    assert any(step.terminated.any() for step in compiled)
    assert any(step.truncated.any() for step in compiled)
    for before, after in pairwise(compiled):
        assert torch.equal(after.time, torch.where(before.done, 0, before.time + 1))


def test_a_saved_state_goes_on_compiled_to_the_last_bit():
    env = Wander()
    before = played(env, 25)[-1].clone()
    state = env.state_dict()
    rest = played(env, 20, 1, before)
    for other in (Wander(), Wander(compiled="auto")):
        first = other.load_state_dict(state)
        assert_equal(first, before)
        for one, two in zip(rest, played(other, 20, 1, first), strict=True):
            assert_equal(one, two)
        assert other._compiled is not None
    plain = Wander(compiled=False)
    assert_equal(plain.load_state_dict(state), before)
    assert played(plain, 1, 1, before) and plain._compiled is None


def test_steps_are_compiled_in_a_run_that_is_long_enough():
    long = Navigation.compile_from
    assert long == 200_000 and Skirmish.compile_from == 20_000
    env = Navigation(3, num_envs=2)
    assert not env.compile_for(long - 1) and env.compile_for(long)
    assert not Navigation(3, num_envs=2, compiled=False).compile_for(long)
    assert Navigation(3, num_envs=2, compiled=True).compile_for(1)
    assert not Hallway(num_envs=2).compile_for(10**9)
    # A run that went on without compilation does so to its end.
    env.load_state_dict(Navigation(3, num_envs=2, compiled=False).reset(0) and saved_navigation())
    assert not env._compiles
    made = make_env("navigation:num_agents=3,compiled=true", num_envs=2)
    assert isinstance(made, Navigation) and made.compiled is True
    with pytest.raises(ValueError, match="compiled is 'maybe'; allowed are .* or auto"):
        make_env("navigation:compiled=maybe")


def saved_navigation():
    env = Navigation(3, num_envs=2)
    env.reset(0)
    return env.state_dict()


def test_only_the_cpu_is_compiled_for():
    class Elsewhere(Wander):
        def __init__(self):
            Batched.__init__(self, Spec(1, (1,), 2, 3), 2, "meta", True)

    with pytest.raises(ValueError, match="compiled is True on meta; allowed are auto and False"):
        Elsewhere()


@pytest.mark.parametrize("lacks", ["compiler", "branch", "size"])
def test_where_a_step_cannot_be_compiled_one_warning_says_why(lacks):
    class Impossible(Wander):
        def advance(self, action):
            found = super().advance(action)
            if lacks == "branch" and self.data_free and self.place.any():
                return found
            if lacks == "size" and self.data_free:
                self.place = self.place + self.place.nonzero().sum()
            return found

    reasons = {
        "compiler": "No working C\\+\\+ compiler",
        "branch": "what it does depends on the values of tensors",
        "size": "the size of what aten.nonzero.default returns depends on data",
    }
    # No other test compiles for seven copies, so that nothing is found in the cache.
    env = Impossible(7)
    text = f"the step of Impossible is not compiled, and slower: .*{reasons[lacks]}"
    with (
        config.patch({"cpp.cxx": ("nowhere",)} if lacks == "compiler" else {}),
        pytest.warns(UserWarning, match=text) as said,
    ):
        found = played(env, 12)
    assert len(said) == 1 and env._compiled is None
    for one, other in zip(found, played(Wander(7, compiled=False), 12), strict=True):
        assert_equal(one, other)
    assert "observed" not in env.state_dict()


def test_a_map_with_units_that_burst_is_not_compiled():
    # How many bursts follow each other depends on the battle.
    env = Skirmish("bane_vs_bane", num_envs=2, compiled=True)
    with pytest.warns(UserWarning, match="what it does depends on the values of tensors"):
        played(env, 1)
    assert not Skirmish("bane_vs_bane", num_envs=2).compile_for(10**9)
    assert Skirmish("3m", num_envs=2).compile_for(10**9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "navigation:num_agents=3,num_envs=1",
        "navigation:num_agents=15,num_envs=4,reward=difference,action=continuous",
        "push:num_agents=3,num_envs=8",
        "prey_predator:num_agents=6,num_envs=4",
    ],
)
def test_particle_worlds_have_the_same_trajectories(name):
    compiled = played(make_env(f"{name},compiled=true"), 60)
    for one, other in zip(compiled, played(make_env(f"{name},compiled=false"), 60), strict=True):
        for field, value in tensors(one).items():
            same = tensors(other)[field]
            torch.testing.assert_close(value, same, rtol=1e-5, atol=1e-5, msg=field)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["3m,num_envs=64", "2s3z,num_envs=5,reward_only_positive=false"])
def test_combat_is_equal_to_the_last_bit(name):
    # The contacts of many units enlarge any other difference.
    compiled = played(make_env(f"skirmish:map={name},compiled=true"), 70)
    others = played(make_env(f"skirmish:map={name},compiled=false"), 70)
    assert sum(int(step.done.sum()) for step in compiled) > 2
    for one, other in zip(compiled, others, strict=True):
        torch.testing.assert_close(one.reward, other.reward, rtol=1e-5, atol=1e-6)
        other.reward = one.reward
        assert_equal(one, other)


def test_links_of_a_mask_are_sorted_by_copy_receiver_and_sender():
    mask = torch.zeros(2, 3, 3, dtype=torch.bool)
    mask[0, 2, 1] = mask[1, 0, 2] = mask[1, 0, 1] = True
    # Receiver 2 of copy 0 is row 2; receiver 0 of copy 1 is row 3.
    assert edges_of(mask).tolist() == [[1, 4, 5], [2, 3, 3]]


def test_compiling_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        played(Wander(num_envs=2), 2)
