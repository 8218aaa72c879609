"""The sides of `time_to_result.py` that are another code, each in its own interpreter.

Nothing of graphmarl is imported here. A peer trains by its own loop, or by a plain loop over its
own parts, with the settings that it is released with.

Examples:
  python scripts/time_to_result_peers.py pic ~/PIC results --seed 1 --minutes 20
  python scripts/time_to_result_peers.py benchmarl - results --steps 200_000
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmark_ndq import ndq_parts
from benchmark_peers import benchmarl_experiment
from time_to_result_record import Record, episodes_of, set_seed


def pic(folder: str, record: Record, seed: int) -> None:
    """PIC (IouJenLiu/PIC) on its spread with 15 agents, as `main_vec.py` trains it."""
    sys.path[:0] = [f"{folder}/maddpg", f"{folder}/multiagent-particle-envs"]
    made, memories = import_module("utils").make_env, import_module("replay_memory")
    env, test = made("simple_spread_n15", None), made("simple_spread_n15", None)
    write_starts(test, record.path.parent / "spread-15-starts.json")
    env.seed(seed)
    agents, obs = env.n, env.observation_space[0].shape[0]
    shapes = (128, obs, 5, agents, [0] + [obs] * agents, 0)
    rates = (1e-2, 1e-2, False, "gcn_max", "mlp", False, 60_000, 25, "cen", "soft", "cpu")
    agent = import_module("ddpg_vec").DDPG(0.95, 0.01, *shapes, *rates)
    memory, steps, episodes = memories.ReplayMemory(1_000_000), 0, 0

    def learn() -> None:
        for update in (agent.update_actor_parameters, agent.update_critic_parameters):
            for _ in range(8):
                batch = memories.Transition(*zip(*memory.sample(1024), strict=True))
                update(batch, agents - 1, None)

    def play() -> tuple[float, float]:
        return _pic_return(test, agent, 100, True), _pic_return(test, agent, 50, False)

    record.begin()
    while not record.ended(steps):
        seen = env.reset()
        for _ in range(25):
            seen = _pic_step(env, agent, memory, seen)
            steps += 1
            if len(memory) > 1024 and steps % 100 == 0:
                learn()
        agent.adjust_lr(episodes)
        episodes += 1
        record.evaluate(steps, play)


def _pic_step(env: Any, agent: Any, memory: Any, seen: Any) -> Any:
    """A step of the environment that is stored; returns the next observations."""
    torch, np = import_module("torch"), import_module("numpy")
    action = agent.select_action(torch.Tensor(seen), action_noise=True).squeeze().numpy()
    seen_next, reward, done, _ = env.step(action)
    mask = torch.Tensor([[not each for each in done]])
    x, x_next = (
        torch.Tensor(np.concatenate(each, axis=0)).view(1, -1) for each in (seen, seen_next)
    )
    memory.push(x, torch.Tensor(action).view(1, -1), mask, x_next, torch.Tensor([reward]))
    return seen_next


def _pic_return(env: Any, agent: Any, episodes: int, noise: bool) -> float:
    """Mean return of the team, of which the environment gives each agent the whole."""
    torch, total = import_module("torch"), 0.0
    with episodes_of(9):
        env.seed(19)
        for _ in range(episodes):
            seen = env.reset()
            for _ in range(25):
                action = agent.select_action(torch.Tensor(seen), action_noise=noise)
                seen, reward, _, _ = env.step(action.squeeze().numpy())
                total += reward[0]
    return total / episodes


def write_starts(env: Any, path: Path, number: int = 128) -> None:
    """Draw first places of agents and landmarks, for the evaluations of other sides.

    Args:
        env: the environment of PIC.
        path: file of the places.
        number: episodes.
    """
    env.seed(1_000)
    starts: dict[str, list[Any]] = {"position": [], "landmarks": []}
    with episodes_of(1_000):
        for _ in range(number):
            env.reset()
            for name, those in (("position", env.world.agents), ("landmarks", env.world.landmarks)):
                starts[name].append([each.state.p_pos.tolist() for each in those])
    path.write_text(json.dumps(starts))


def benchmarl(folder: str, record: Record, seed: int, epochs: int = 45, rate: float = 5e-5) -> None:
    """BenchMARL: MAPPO with a graph layer on navigation of VMAS, with its default settings."""
    sizes = {"agents": 3, "copies": 60, "steps": 100, "layer": "GraphConv"}
    sizes |= {"options": {"aggr": "mean"}, "minibatch": 400, "epochs": epochs, "hidden": 64}
    experiment = benchmarl_experiment({**sizes, "seed": seed})
    batches, group = iter(experiment.collector), next(iter(experiment.train_group_map))
    for optimizer in experiment.optimizers[group].values():
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate
    test = _vmas_test(experiment)
    steps = 0

    def play() -> tuple[float, float]:
        kinds = import_module("torchrl.envs.utils").ExplorationType
        found = [
            _vmas_return(test, experiment.policy, each)
            for each in (kinds.RANDOM, kinds.DETERMINISTIC)
        ]
        return found[0], found[1]

    record.begin()
    while not record.ended(steps):
        batch = next(batches)
        steps += batch.numel()
        batch = batch.detach().exclude(*experiment._get_excluded_keys(group))
        batch = experiment.algorithm.process_batch(group, batch).reshape(-1)
        experiment.replay_buffers[group].extend(batch)
        for _ in range(epochs * 15):
            experiment._optimizer_loop(group)
        experiment.collector.update_policy_weights_()
        record.evaluate(steps, play)


def benchmarl_tuned(folder: str, record: Record, seed: int) -> None:
    """BenchMARL with larger and fewer steps."""
    benchmarl(folder, record, seed, 10, 3e-4)


def _vmas_test(experiment: Any) -> Any:
    """128 copies of the task, for evaluations."""
    return experiment.task.get_env_fun(128, True, 2_000_000, "cpu")()


def _vmas_return(env: Any, policy: Any, kind: Any) -> float:
    """Mean over agents of the return of the first episode of every copy."""
    torch, shared = import_module("torch"), env._env.vmas_random_state
    before = list(shared)  # all engines share it
    with (
        episodes_of(2_000_000),
        import_module("torchrl.envs.utils").set_exploration_type(kind),
        torch.no_grad(),
    ):
        env.set_seed(2_000_000)
        found = env.rollout(100, policy, break_when_any_done=False)["next"]
        shared[:] = before
        done, reward = found["done"].squeeze(-1), found["agents", "reward"].squeeze(-1)
        running = done.long().cumsum(1) - done.long() == 0
        return float((reward.mean(-1) * running).sum(1).mean())


def ndq(folder: str, record: Record, seed: int) -> None:
    """NDQ (TonghanWang/NDQ) on its sensor, as `run.py` trains it."""
    sys.path.insert(0, f"{folder}/src")
    learner, runner, buffer = ndq_parts({"env": "tracker1", "env_args": {}, "batch": 32})
    episodes = 0

    def play() -> tuple[float, float]:
        mean = statistics.mean
        found: dict[bool, list[float]] = {False: [], True: []}
        with episodes_of(2_000_000):
            for _ in range(64):
                batch = runner.run(test_mode=True)
                pairs = zip(
                    batch["state"][:, 0, 1].tolist(), batch["reward"][:, 0, 0].tolist(), strict=True
                )
                for second, reward in pairs:
                    found[second > 0.5].append(reward)
        return math.nan, (mean(found[False]) + mean(found[True])) / 2

    record.begin()
    while not record.ended(runner.t_env):
        buffer.insert_episode_batch(runner.run(test_mode=False))
        if buffer.can_sample(32):
            batch = buffer.sample(32)
            learner.train(batch[:, : batch.max_t_filled()], runner.t_env, episodes)
        episodes += 8
        record.evaluate(runner.t_env, play)
    runner.close_env()


PEERS = {
    "pic": (pic, "spread-15", 60.0),
    "benchmarl": (benchmarl, "vmas-navigation-3", 20.0),
    "benchmarl-tuned": (benchmarl_tuned, "vmas-navigation-3", 5.0),
    "ndq": (ndq, "sensor", 20.0),
}
"""Function, task and seconds between evaluations of each peer."""


def main() -> None:
    """Train one peer for one seed."""
    parser = argparse.ArgumentParser(description="Train one peer for one seed.")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("path", help="its folder")
    parser.add_argument("out", type=Path, help="folder of the files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--every", type=float)
    given = parser.parse_args()
    train, task, every = PEERS[given.peer]
    key = (given.peer, task, given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    record = Record(given.out, key, given.minutes, given.steps, given.every or every)
    if record.path.exists():
        return
    import_module("torch").set_num_threads(1)
    set_seed(given.seed)
    train(given.path, record, given.seed)
    record.close()


if __name__ == "__main__":
    main()
